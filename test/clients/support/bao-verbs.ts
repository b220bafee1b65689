/** What each verb of `bao` is asked to do, and what it must show. */
import type { Step } from './bao-script.ts';

const noRaft =
  'is about the members of OpenBao’s raft storage: a node here is its own store, and regions are told by `lockstep regions`';
const noServer = 'runs or inspects a server of OpenBao itself, by its own files';
const noEngine = (name: string): string => `works with the engine ${name}, which is not offered yet`;

/** By verb, why it is not run. */
export const leftOut: Readonly<Record<string, string>> = {
  server: noServer,
  proxy: 'runs until it is stopped, and hands requests on as they are',
  'operator diagnose': noServer,
  'operator validate-config': noServer,
  'operator migrate': noServer,
  'operator raft autopilot get-config': noRaft,
  'operator raft autopilot set-config': noRaft,
  'operator raft autopilot state': noRaft,
  'operator raft demote': noRaft,
  'operator raft join': noRaft,
  'operator raft list-peers': noRaft,
  'operator raft promote': noRaft,
  'operator raft remove-peer': noRaft,
  'pki health-check': noEngine('pki'),
  'pki issue': noEngine('pki'),
  'pki list-intermediates': noEngine('pki'),
  'pki reissue': noEngine('pki'),
  'pki verify-sign': noEngine('pki'),
  'plugin init': noServer,
  'plugin prune': noServer,
  ssh: noEngine('ssh'),
  'transit import': noEngine('transit'),
  'transit import-version': noEngine('transit'),
};

const data: readonly Step[] = [
  ['write cubbyhole/a/b x=y n=1', /Success! Data written to: cubbyhole\/a\/b/],
  ['read -field=x cubbyhole/a/b', /^y/],
  ['list cubbyhole', /^a\//m],
  ['kv put secret/a/b x=y', /version +1/],
  ['scan secret/metadata', /^a\/b/m],
  ['scan -limit=1 secret/metadata', /^a\/b/m],
  ['delete cubbyhole/a/b', /Success! Data deleted/],
  ['! read cubbyhole/a/b', /No value found/],
  ['write identity/entity name=ada metadata=team=a', /id +(?<entity>\S+)/],
  ['! patch cubbyhole/a x=y', /405|unsupported operation/],
  ['patch secret/data/a/b @$home/more.json', /version +2/],
  ['kv get -field=more secret/a/b', /^z/],
  ['path-help secret/data/x', /Versions of a secret/],
  ['status', /Sealed +false/],
  ['version-history', /Version/],
  ['print token', /^root/],
  ['login root', /You are now authenticated/],
  ['auth enable userpass', /Success! Enabled userpass/],
  ['write auth/userpass/users/ada password=pw-4711', /Success/],
  ['login -method=userpass -no-store username=ada password=pw-4711', /token_policies +\["default"\]/],
  ['! login -method=userpass -no-store username=ada password=wrong', /invalid username or password/],
  ['read -wrap-ttl=60s -field=wrapping_token identity/entity/name/ada', /^(?<wrapped>\S+)/],
  ['unwrap -field=name $wrapped', /^ada/],
  ['! unwrap $wrapped', /wrapping token is not valid/],
  ['agent generate-config -type=env-template -exec=env -path=secret/a/b $home/agent.hcl', /Successfully generated/],
];

const kv: readonly Step[] = [
  ['kv put secret/app/one x=1', /version +1/],
  ['kv put -cas=1 secret/app/one x=2', /version +2/],
  ['! kv put -cas=1 secret/app/one x=3', /check-and-set/],
  ['kv patch secret/app/one y=3', /version +3/],
  ['kv get -field=y secret/app/one', /^3/],
  ['kv get -version=1 -field=x secret/app/one', /^1/],
  ['kv list secret/app', /^one/m],
  ['kv scan secret', /^app\/one/m],
  ['kv delete -versions=2 secret/app/one', /Success! Data deleted/],
  ['kv undelete -versions=2 secret/app/one', /Success!/],
  ['kv destroy -versions=1 secret/app/one', /Success!/],
  ['! kv get -version=1 -field=x secret/app/one', /No data found|not present/],
  ['kv rollback -version=2 secret/app/one', /version +4/],
  ['kv metadata put -max-versions=5 -custom-metadata=owner=ada secret/app/one', /Success!/],
  ['kv metadata patch -cas-required=true secret/app/one', /Success!/],
  ['kv metadata get secret/app/one', /cas_required +true[^]*owner:ada/],
  ['kv metadata delete secret/app/one', /Success!/],
  ['secrets enable -path=old -version=1 kv', /Success/],
  ['kv put old/a x=y', /Success/],
  ['kv enable-versioning old', /Success! Tuned the secrets engine at: old\//],
  ['kv get -version=1 -field=x old/a', /^y/],
  ['! secrets tune -options=version=1 old', /cannot downgrade mount from version 2/],
];

const namespaces: readonly Step[] = [
  ['namespace create -custom-metadata=owner=ada team', /custom_metadata +map\[owner:ada\]/],
  ['namespace create -namespace=team inner', /path +team\/inner\//],
  ['namespace list', /^team\//m],
  ['namespace scan', /^team\/inner\//m],
  ['namespace lookup team', /path +team\//],
  ['namespace patch -custom-metadata=tier=gold -remove-custom-metadata=owner team', /map\[tier:gold\]/],
  ['secrets enable -namespace=team/inner -path=secret kv-v2', /Success/],
  ['kv put -namespace=team/inner secret/a x=y', /version +1/],
  ['read -namespace=team inner/secret/data/a', /map\[x:y\]/],
  ['kv get -namespace=team -field=x inner/secret/a', /^y/],
  ['kv get -field=x team/inner/secret/a', /^y/],
  ['kv get -mount=team/inner/secret -field=x a', /^y/],
  ['namespace lock team', /Unlock Key: (?<key>\S+)/],
  ['! secrets list -namespace=team/inner', /503/],
  ['namespace unlock -unlock-key=$key team', /Success|unlocked/],
  ['! namespace delete team', /child|contains|nested/],
  ['namespace delete -namespace=team inner', /Success! Namespace delet/],
  ['namespace delete team', /Success! Namespace delet/],
  ['! namespace lookup team', /not found/],
  ['namespace create -key-shares=1 -key-threshold=1 vault', /Unseal Key 1: (?<share>\S+)/],
  ['namespace seal-status vault', /Sealed +true/],
  ['! secrets list -namespace=vault', /503/],
  ['namespace unseal vault $share', /Sealed +false/],
  ['secrets list -namespace=vault', /cubbyhole/],
  ['namespace seal vault', /Success! Namespace "vault" is sealed/],
  ['! namespace delete vault', /503/],
  ['namespace delete-sealed vault', /Success! Namespace delet/],
  ['namespace create plain', /path +plain\//],
  ['! namespace seal plain', /400/],
  ['! namespace seal-status plain', /400/],
  ['! namespace unseal plain AAAA', /400/],
  ['! namespace delete-sealed plain', /400/],
];

const policies: readonly Step[] = [
  ['policy fmt $home/reader.hcl', /Success! Formatted/],
  ['policy write reader $home/reader.hcl', /Success! Uploaded/],
  ['policy read reader', /path "secret\/data\/read\/\*"/],
  ['policy list', /^reader/m],
  ['token create -policy=reader -no-default-policy -field=token', /^(?<token>\S+)/],
  ['token capabilities $token secret/data/read/x', /^read/],
  ['policy delete reader', /Success! Deleted/],
  ['! policy read reader', /No policy named/],
];

const terms =
  '-ttl=1h -explicit-max-ttl=2h -display-name=ci -metadata=team=a -policy=default -use-limit=9 -renewable=true';
const tokens: readonly Step[] = [
  [`token create ${terms} -type=service`, /token +(?<token>\S+)\s+token_accessor +(?<accessor>\S+)/],
  ['token lookup $token', /display_name +token-ci[^]*explicit_max_ttl +2h[^]*num_uses +9/],
  ['token lookup -accessor $accessor', /meta +map\[team:a\]/],
  ['token renew -increment=30m $token', /token_duration +30m/],
  ['token renew -accessor $accessor', /token_duration +1h/],
  ['token capabilities $token auth/token/lookup-self', /^read/],
  ['token revoke -mode=orphan $token', /Success! Revoked token/],
  ['! token lookup $token', /bad token|permission denied/],
  ['token create -orphan -period=24h -policy=default', /token_duration +24h/],
  ['token create -type=batch -policy=default -ttl=5m', /token_accessor +n\/a/],
  ['token create -id=hand-made -policy=default', /token +hand-made/],
  ['token revoke hand-made', /Success! Revoked/],
  ['write auth/token/roles/ci allowed_policies=default allowed_entity_aliases=ci-*', /Success/],
  ['token create -role=ci -entity-alias=ci-one', /token_policies +\["default"\]/],
  ['token create -policy=default', /token_accessor +(?<accessor>\S+)/],
  ['token revoke -accessor $accessor', /Success! Revoked/],
  ['! token lookup -accessor $accessor', /invalid accessor/],
  ['token create -policy=default', /token +(?<token>\S+)/],
  ['token revoke -mode=path auth/token/create', /Success! Revoked token/],
];

const leases: readonly Step[] = [
  ['! lease lookup db/creds/app/none', /invalid lease/],
  ['! lease renew -increment=1h db/creds/app/none', /lease not found/],
  ['lease revoke db/creds/app/none', /revo/],
  ['lease revoke -prefix db/creds', /revo|Success/],
  ['lease revoke -force -prefix db/creds', /Success/],
];

const mounts: readonly Step[] = [
  ['secrets enable -path=apps -description=Apps -default-lease-ttl=1h -max-lease-ttl=2h kv-v2', /Success! Enabled/],
  ['secrets list -detailed', /^apps\/ +kv[^]*Apps/m],
  ['secrets tune -max-lease-ttl=3h -listing-visibility=unauth apps', /Success! Tuned/],
  ['read sys/mounts/apps/tune', /default_lease_ttl +1h[^]*max_lease_ttl +3h/],
  ['secrets move apps moved/apps', /Success! Finished moving/],
  ['secrets disable moved/apps', /Success! Disabled/],
  ['auth enable -path=machines -description=Machines approle', /Success! Enabled approle/],
  ['auth list -detailed', /^machines\/ +approle/m],
  ['auth tune -default-lease-ttl=30m -max-lease-ttl=1h machines', /Success! Tuned/],
  ['auth tune -default-lease-ttl=20m machines', /Success! Tuned/],
  ['read sys/auth/machines/tune', /default_lease_ttl +20m[^]*max_lease_ttl +1h/],
  ['auth help userpass', /Usage: bao login -method=userpass/],
  ['auth move auth/machines/ auth/moved/', /Success! Finished moving/],
  ['auth disable moved', /Success! Disabled/],
  ['plugin list', /kv/],
  ['plugin list -detailed secret', /kv/],
  ['plugin info secret kv', /builtin +true/],
  ['! plugin register -sha256=00 secret mine', /every plug-in is built in/],
  ['! plugin deregister secret mine', /every plug-in is built in|400/],
  ['plugin reload -plugin=kv', /Success|reload/],
  ['! plugin reload-status 4711', /4\d\d/],
];

/** Of groups without verbs of their own: by the verbs for any path. */
const quotas: readonly Step[] = [
  ['write sys/quotas/rate-limit/bao path=secret/ rate=1000 interval=1m', /Success! Data written/],
  ['read sys/quotas/rate-limit/bao', /interval +60[^]*path +secret\/[^]*rate +1000/],
  ['list sys/quotas/rate-limit', /^bao/m],
  ['write sys/quotas/config enable_rate_limit_response_headers=true', /Success! Data written/],
  ['read sys/quotas/config', /enable_rate_limit_response_headers +true/],
  ['write sys/quotas/lease-count/bao path=secret/ max_leases=10', /Success! Data written/],
  ['read sys/quotas/lease-count/bao', /max_leases +10/],
  ['delete sys/quotas/lease-count/bao', /Success! Data deleted/],
  ['delete sys/quotas/rate-limit/bao', /Success! Data deleted/],
  ['! read sys/quotas/rate-limit/bao', /No value found/],
  ['! write sys/quotas/rate-limit/bao path=none/ rate=1', /400/],
  ['auth enable userpass', /Success! Enabled userpass/],
  ['write auth/userpass/users/ada password=pw-4711', /Success/],
  ['auth tune -user-lockout-threshold=2 -user-lockout-duration=10m userpass', /Success! Tuned/],
  ['! login -method=userpass -no-store username=ada password=wrong', /invalid username or password/],
  ['! login -method=userpass -no-store username=ada password=wrong', /invalid username or password/],
  ['! login -method=userpass -no-store username=ada password=pw-4711', /permission denied/],
  ['read sys/locked-users', /total +1/],
  ['read -field=accessor sys/auth/userpass', /^(?<mount>\S+)/],
  ['write -force sys/locked-users/$mount/unlock/ada', /Success! Data written/],
  ['login -method=userpass -no-store username=ada password=pw-4711', /token_policies +\["default"\]/],
];

const system: readonly Step[] = [
  ['read sys/host-info', /timestamp/],
  ['read sys/config/state/sanitized', /storage/],
  ['read sys/internal/counters/tokens', /service_tokens/],
  ['read sys/in-flight-req', /./],
  ['list sys/version-history', /^\d+\.\d+/m],
  ['write sys/loggers level=debug', /Success! Data written/],
  ['read sys/loggers', /debug/],
  ['delete sys/loggers', /Success! Data deleted/],
  ['write -field=sum sys/tools/hash/sha2-256 input=YQ==', /^ca978112/],
  ['write -field=random_bytes sys/tools/random/8 format=hex', /^[0-9a-f]{16}/],
  ['write sys/config/cors allowed_origins=https://ui.example.com', /Success! Data written/],
  ['read sys/config/cors', /https:\/\/ui\.example\.com/],
  ['delete sys/config/cors', /Success! Data deleted/],
  ['read -format=json sys/metrics', /Gauges/],
];

export const scripts: Readonly<Record<string, readonly Step[]>> = {
  data,
  kv,
  namespaces,
  policies,
  tokens,
  leases,
  mounts,
  quotas,
  system,
};

const APPROVED = `path "secret/data/held" { capabilities = ["read"]
  control_group = { factor "ops" { identity { group_names = ["approvers"] approvals = 1 } } } }
path "sys/control-group/*" { capabilities = ["create", "update"] }`;

/** A control group: what `root` sets up, `asks` asks for, `approves` lets go, and `gets` then has. */
export const controlGroup = {
  policy: APPROVED,
  root: [
    ['policy write held $home/held.hcl', /Success! Uploaded/],
    ['kv put secret/held x=released-4711', /version +1/],
    ['auth enable userpass', /Success! Enabled userpass/],
    ['write auth/userpass/users/ada password=pw-4711 token_policies=held', /Success/],
    ['write auth/userpass/users/bob password=pw-4711 token_policies=held', /Success/],
    ['login -method=userpass -no-store -format=json username=ada password=pw-4711', /"client_token": "(?<ada>[^"]+)"/],
    ['login -method=userpass -no-store -format=json username=bob password=pw-4711', /"client_token": "(?<bob>[^"]+)"/],
    ['token lookup $bob', /entity_id +(?<entity>\S+)/],
    ['write identity/group name=approvers member_entity_ids=$entity', /id +\S+/],
  ],
  asks: [
    ['read secret/data/held', /wrapping_token: +(?<ticket>\S+)\s+wrapping_accessor: +(?<accessor>\S+)/],
    ['write sys/control-group/request accessor=$accessor', /approved +false/],
    ['! unwrap $ticket', /40\d|authorization/],
  ],
  approves: [['write sys/control-group/authorize accessor=$accessor', /approved +true/]],
  gets: [['unwrap $ticket', /x:released-4711/]],
} as const satisfies Readonly<Record<string, string | readonly Step[]>>;

/** At a server that nobody has initialised: `begin` as nobody, `run` with the root token. */
export const operatorSteps: Readonly<Record<'begin' | 'run', readonly Step[]>> = {
  begin: [
    [
      'operator init -key-shares=3 -key-threshold=2',
      /Key 1: (?<one>\S+)\s+Unseal Key 2: (?<two>\S+)[^]*Root Token: (?<root>\S+)/,
    ],
    ['operator unseal $one', /Unseal Progress +1\/2/],
    ['operator unseal $two', /Sealed +false/],
  ],
  run: [
    ['operator key-status', /Key Term +1/],
    ['operator rotate', /Key Term +2/],
    ['operator members', /Active Node/],
    ['operator step-down', /Success! Stepped down/],
    ['audit enable -path=all -description=All file file_path=$folder/audit.log', /Success! Enabled/],
    ['audit list -detailed', /^all\/ +file/m],
    ['! audit enable -path=other file file_path=/elsewhere', /allow_audit_paths/],
    ['audit disable all', /Success! Disabled/],
    ['operator rotate-keys -init -n=2 -t=2', /Nonce +(?<nonce>\S+)/],
    ['operator rotate-keys -status', /Progress +0\/2/],
    ['operator rotate-keys -cancel', /Success! Canceled/],
    ['operator rekey -init -n=2 -t=2', /Nonce +(?<nonce>\S+)/],
    ['operator rekey -nonce=$nonce $one', /Progress +1\/2/],
    ['operator rekey -nonce=$nonce $two', /Key 1: (?<one>\S+)\s+Key 2: (?<two>\S+)/],
    ['operator generate-root -init', /Nonce +(?<nonce>\S+)[^]*OTP {2,}(?<otp>\S+)/],
    ['operator generate-root -nonce=$nonce $one', /Progress +1\/2/],
    ['operator generate-root -nonce=$nonce $two', /Encoded Token +(?<encoded>\S+)/],
    ['operator generate-root -decode=$encoded -otp=$otp', /^hvs\./],
    ['operator raft snapshot save $home/state.snap', /^/],
    ['operator seal', /Success! .* is sealed/],
    ['operator unseal $one', /Unseal Progress +1\/2/],
    ['operator unseal $two', /Sealed +false/],
    ['operator raft snapshot restore $home/state.snap', /^/],
    // The tokens of before are revoked.
    ['! token lookup', /permission denied/],
  ],
};
