/** Commands that both command lines run, each against a fresh server of the same kind; what they print must be the same. */

export interface Line {
  readonly args: readonly string[];
  readonly input?: string;
}

/** Words split at blanks; `'a b'` holds blanks together. A line that begins with `#` heads what follows. */
export function parseScript(text: string): readonly Line[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [command = '', input] = line.split(' <<< ');
      const args = [...command.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '');
      return { args, ...(input === undefined ? {} : { input: input.replaceAll('\\n', '\n') }) };
    });
}

/** What differs from run to run becomes a word of its own. */
export function normalise(text: string): string {
  return (
    text
      .replaceAll(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, 'UUID')
      .replaceAll(/\d{4}-\d\d-\d\d[T ][0-9:.]+(Z| \+0000 UTC)/g, 'TIME')
      .replaceAll(/\d{1,2} [A-Z][a-z]{2} \d\d \d\d:\d\d UTC/g, 'TIME')
      .replaceAll(/\b(hv)?[sb]\.[A-Za-z0-9_-]{20,}/g, 'TOKEN')
      .replaceAll(/\b[A-Za-z0-9]{24}\b/g, 'ACCESSOR')
      .replaceAll(/\b([a-z_]+_)[0-9a-f]{8}\b/g, '$1ID')
      // Of a namespace, in table, JSON and YAML.
      .replaceAll(/\b(id"?:? +"?)[A-Za-z0-9]{6}\b/g, '$1ID')
      .replaceAll(/\/tmp\/[A-Za-z0-9-]+/g, 'FOLDER')
      .replaceAll(/\bvault-cluster-[0-9a-f]{8}\b/g, 'CLUSTER')
      .replaceAll(/((?:server_time_utc|creation_time|encryptions|Encryption Count)"?:? +)\d+/g, '$1N')
      .replaceAll(/\b(1h|59m5[0-9]s)\b/g, 'ABOUT-1h')
  );
}

export const script = `
# The state of the server
status
status -format=json
status -format=yaml
status -field=sealed
operator init -status
operator key-status
operator key-status -format=json
operator rotate
operator rotate-keys -status
operator rotate-keys -status -format=json
operator rotate-keys -backup-delete
operator rotate-keys -backup-retrieve
operator rotate-keys -verify -status
operator rotate-keys -init -key-shares=3 -key-threshold=2
operator rotate-keys -status
operator rotate-keys -init
operator rotate-keys -nonce=4711 -
operator rotate-keys -cancel
operator rotate-keys -cancel -verify
operator rotate-keys -target=recovery -init
operator rotate-keys -target=none -init
operator generate-root -cancel
operator generate-root -init -otp=a -pgp-key=b
operator generate-root -decode=abc
operator generate-root abc

# Version 2: put, get, list
kv put secret/a x=1 y=two
kv put -format=json secret/a x=1 y=3
kv get secret/a
kv get -format=json secret/a
kv get -format=yaml secret/a
kv get -field=x secret/a
kv get -field=nope secret/a
kv get -version=1 secret/a
kv get -version=77 secret/a
kv get -mount=secret a
kv get secret/none
kv get -format=json secret/none
kv get nomount/x
kv get
kv get a b
kv list secret/
kv list -format=json secret
kv list -format=yaml secret
kv list -mount=secret
kv list secret/zzz
kv list -format=json secret/zzz
kv put secret/some/long/path/that/is/long abcdefghijklmnopqrstuvwxyz=1
kv get secret/some/long/path/that/is/long

# Values of every kind
kv put secret/n - <<< {"a":{"b":1,"c":[1,2,{"x":null}]},"d":1.5,"f":true,"g":"","h":1e3,"i":"<&>é","j":"l1\\\\nl2"}
kv get secret/n
kv get -format=json secret/n
kv get -format=yaml secret/n
kv get -field=a secret/n
kv get -field=a -format=json secret/n
kv get -field=i -format=json secret/n
kv get -format=raw secret/n
kv get -format=bogus secret/n
kv put secret/f f=\\@x empty=
kv get secret/f
kv put secret/s a=1 a=2
kv get secret/s
kv put secret/s k=- <<< from standard input\\n
kv get -field=k secret/s
kv put secret/s novalue
kv put secret/s
kv put -cas=x secret/s a=b
kv put -cas=9 secret/s a=b

# Any path
scan secret/metadata
scan -limit=1 secret/metadata
scan -format=json secret/metadata
scan secret/metadata/none
scan -format=json secret/metadata/none
scan -field=keys secret/metadata
list -limit=1 secret/metadata
list -after=n secret/metadata
kv scan secret
kv scan -format=json secret
kv scan -mount=secret
kv scan secret/zzz
list -detailed secret/metadata
list -detailed -format=json secret/metadata
list -detailed secret/detailed-metadata
list -detailed -format=json secret/detailed-metadata
scan -detailed secret/detailed-metadata
plugin list
plugin list auth
plugin list nope
plugin list -detailed
plugin list -format=json
plugin list -format=json auth
plugin list -detailed -format=json auth
plugin info auth approle
plugin info -format=json secret kv
plugin info -field=builtin secret kv
plugin info auth nope
patch secret/metadata/a max_versions=7
patch secret/metadata/a
patch cubbyhole/a x=1
patch -format=json sys/policies/acl/none policy=x

# Versions
kv patch secret/a z=9
kv patch -method=rw secret/a z=10
kv patch -cas=1 secret/a z=11
kv patch -remove-data=z secret/a
kv patch secret/nothere a=b
kv delete secret/a
kv get secret/a
kv get -format=json secret/a
kv undelete secret/a
kv undelete -versions=5 secret/a
kv destroy secret/a
kv destroy -versions=1,2 secret/a
kv rollback secret/a
kv rollback -version=3 secret/a
kv rollback -version=99 secret/a
kv metadata put -max-versions=5 -delete-version-after=1h -custom-metadata=a=b -custom-metadata=c=d secret/a
kv metadata patch -cas-required=true secret/a
kv put secret/a x=1
kv delete -versions=3 secret/a
kv metadata delete secret/a
kv metadata get secret/a
kv get secret/a

# Version 1
secrets enable -path=kv1 -version=1 kv
kv put kv1/b k=v
kv put -format=json kv1/b k=v ttl=30m
kv get kv1/b
kv get -format=json kv1/b
read kv1/b
read -field=k kv1/b
kv list kv1
kv scan kv1
kv patch kv1/b a=b
kv metadata get kv1/b
kv rollback -version=1 kv1/b
kv delete kv1/b
kv get kv1/b
kv put kv1/c k=v
kv enable-versioning kv1
kv get -field=k kv1/c
kv get -version=1 -field=k kv1/c
kv scan kv1
kv enable-versioning none
secrets tune -options=version=1 kv1

# Tokens
token lookup
token lookup -format=json
token lookup bad
token create -ttl=1h -policy=default
token create -ttl=1h -policy=default -format=json
token create -ttl=1h -policy=default -format=yaml
token create -policy=default -orphan -period=1h -display-name=me -metadata=a=b -use-limit=5 -explicit-max-ttl=5h
token create -wrap-ttl=60s
token create -wrap-ttl=60s -format=json
token create -ttl=abc
token renew bad
token revoke
token revoke bad
token capabilities secret/a
token capabilities -format=json secret/a
token capabilities a b c
unwrap bad

# Policies
policy list
policy list -format=json
policy write p1 - <<< path "secret/*" { capabilities = ["read"] }
policy read p1
policy read -format=json p1
policy read none
policy write onlyname
policy delete p1
policy delete p1

# Mounts
secrets list -format=json
secrets list
secrets list -detailed
secrets enable kv
secrets enable kv
secrets enable nosuch
secrets tune -default-lease-ttl=1h -description=zz kv
secrets list -detailed
secrets move kv moved
secrets disable moved
secrets disable moved
auth list
auth list -detailed
auth list -format=json
auth enable approle
auth enable approle
auth tune -default-lease-ttl=72h approle
auth disable nothere
auth help nosuch

# Any path
write -f auth/approle/role/r1
write auth/approle/role/r1 token_ttl=1h token_policies=default
list auth/approle/role
list -format=json auth/approle/role
list nothing/x
read auth/approle/role/r1
read -format=json auth/approle/role/r1
read -field=token_type auth/approle/role/r1
read -field=nope auth/approle/role/r1
write -f auth/approle/role/r1/secret-id
write -f -format=json auth/approle/role/r1/secret-id
read nothing
write nothing a=b
write cubbyhole/a x=y
read cubbyhole/a
list cubbyhole/
delete cubbyhole/a
delete -format=json cubbyhole/a
write cubbyhole/b
write -format=table auth/token/create ttl=1h policies=default
write -format=yaml sys/capabilities-self paths=secret/a
read sys/seal-status
read -format=json sys/health
kv get -output-policy secret/a
kv put -output-policy secret/a x=1
list -output-policy secret/metadata

# Login
login -no-print root
login -format=json root
login -field=token root
login -token-only root
login bad

# Audit, leases
audit list
audit list -format=json
lease lookup x
lease renew x
lease revoke -prefix nothing/

# Namespaces
namespace list
namespace list -format=json
namespace lookup team
namespace create team
namespace create -custom-metadata=a=b -custom-metadata=c=d -format=json other
namespace create -field=path third
namespace create -namespace=team a
secrets enable -namespace=team/a -path=deep kv-v2
kv put -namespace=team a/deep/x k=v
kv get -namespace=team -field=k a/deep/x
kv get -field=k team/a/deep/x
kv list -namespace=team a/deep
secrets disable -namespace=team/a deep
namespace create secret
namespace create sys
namespace create
namespace list
namespace list -format=json
namespace list -format=yaml
namespace list -namespace=team
namespace list -namespace=nope
namespace scan
namespace scan -format=json
namespace lookup team
namespace lookup -format=json other
namespace patch -custom-metadata=x=y -remove-custom-metadata=a other
namespace patch -custom-metadata=x=y none
secrets enable -namespace=team -path=kv kv
kv put -namespace=team kv/x a=b
kv get -namespace=team kv/x
kv get team/kv/x
kv get -namespace=team/a kv/x
read -namespace=team sys/audit
namespace lock team
kv get -namespace=team kv/x
namespace unlock -unlock-key=wrong team
namespace unlock team
namespace unlock team
namespace delete team
namespace delete third
namespace delete third
namespace list
`;
