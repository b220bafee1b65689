/**
 * What Schemathesis finds at the server: every auth method and engine, and one object of each kind, whose ids and names it is
 * given as examples, since it would come upon none of them by itself.
 */
import { replay } from '../differential/replay.ts';
import { get, post, type Step } from '../differential/step.ts';

const NAME = 'made';

const METHODS = ['approle', 'aws', 'cert', 'jwt', 'kubernetes', 'ldap', 'oidc', 'spiffe', 'userpass'];

/** Reads of much, writes of little, and some of it by its parameters alone. */
const NARROW = `
path "identity/*" { capabilities = ["read", "list"] }
path "sys/policies/*" { capabilities = ["read", "list"] }
path "sys/mounts" { capabilities = ["read"] }
path "auth/+/role/*" { capabilities = ["read"] }
path "secret/data/*" { capabilities = ["read", "create", "update"] allowed_parameters = { "data" = [] } }
path "secret/metadata/*" { capabilities = ["list"] list_scan_response_keys_filter_path = "{{ .path }}{{ .key }}" }
path "auth/token/create" { capabilities = ["update"] }
path "kv1/*" { capabilities = ["deny"] }
`;

const seeds: readonly Step[] = [
  ...METHODS.map((type) => post(`sys/auth/${type}`, { type })),
  post('sys/mounts/kv1', { type: 'kv', options: { version: '1' } }),
  post(`sys/mounts/${NAME}`, { type: 'kv' }),
  post(`sys/auth/${NAME}`, { type: 'approle' }),
  get('sys/auth', { keep: { mount_accessor: 'data.userpass/.accessor' } }),
  post(`secret/data/${NAME}`, { data: { a: 'b' } }),
  post(`kv1/${NAME}`, { a: 'b' }),
  post(`cubbyhole/${NAME}`, { a: 'b' }),
  post('sys/namespaces/space', {}),
  post(`sys/policies/acl/${NAME}`, { policy: 'path "a" { capabilities = ["read"] }' }),
  post(`sys/policies/password/${NAME}`, { policy: 'length = 20\nrule "charset" { charset = "abc" }' }),
  post('sys/policies/acl/narrow', { policy: NARROW }),
  post('auth/token/create', { policies: ['narrow'] }, { keep: { narrow: 'auth.client_token' } }),
  post('auth/token/create', { ttl: '5h' }, { keep: { token: 'auth.client_token', accessor: 'auth.accessor' } }),
  post(`auth/token/roles/${NAME}`, { renewable: true }),
  post(`auth/approle/role/${NAME}`, { token_policies: ['default'] }),
  get(`auth/approle/role/${NAME}/role-id`, { keep: { role_id: 'data.role_id' } }),
  post(
    `auth/approle/role/${NAME}/secret-id`,
    {},
    {
      keep: { secret_id: 'data.secret_id', secret_id_accessor: 'data.secret_id_accessor' },
    },
  ),
  post(`auth/userpass/users/${NAME}`, { password: 'p' }),
  post(`auth/userpass/login/${NAME}`, { password: 'p' }, { token: '', keep: { entity: 'auth.entity_id' } }),
  get('identity/entity/id/{entity}', { keep: { alias: 'data.aliases.0.id' } }),
  ...['groups', 'users'].map((kind) => post(`auth/ldap/${kind}/${NAME}`, { policies: ['default'] })),
  post(`auth/kubernetes/role/${NAME}`, {
    bound_service_account_names: ['a'],
    bound_service_account_namespaces: ['b'],
    audience: 'c',
  }),
  ...['jwt', 'oidc'].map((type) =>
    post(`auth/${type}/role/${NAME}`, { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['a'] }),
  ),
  post(`auth/aws/role/${NAME}`, {
    bound_iam_principal_arn: ['arn:aws:iam::123456789012:role/a'],
    resolve_aws_unique_ids: false,
  }),
  post(`auth/spiffe/role/${NAME}`, { workload_id_patterns: ['/a'] }),
  post('identity/group', { name: NAME, type: 'external' }, { keep: { group: 'data.id' } }),
  post(
    'identity/group-alias',
    { name: NAME, mount_accessor: '{mount_accessor}', canonical_id: '{group}' },
    { keep: { group_alias: 'data.id' } },
  ),
  post('identity/entity', { name: 'nobody' }, { keep: { nobody: 'data.id' } }),
  post('identity/mfa/method/totp', { issuer: 'x', method_name: NAME }, { keep: { method_id: 'data.method_id' } }),
  post(`identity/mfa/login-enforcement/${NAME}`, {
    mfa_method_ids: ['{method_id}'],
    identity_entity_ids: ['{nobody}'],
  }),
  post(`identity/oidc/key/${NAME}`, { allowed_client_ids: '*' }),
  post(`identity/oidc/role/${NAME}`, { key: NAME }),
  post(`identity/oidc/assignment/${NAME}`, { entity_ids: ['{entity}'] }),
  post(`identity/oidc/scope/${NAME}`, { template: '{"a": 1}' }),
  post(`identity/oidc/client/${NAME}`, { key: NAME, redirect_uris: ['https://a.example/'] }),
  get(`identity/oidc/client/${NAME}`, { keep: { client_id: 'data.client_id', client_secret: 'data.client_secret' } }),
  post(`identity/oidc/provider/${NAME}`, { scopes_supported: [NAME], allowed_client_ids: ['*'] }),
  post(`sys/quotas/lease-count/${NAME}`, { path: `${NAME}/`, max_leases: 1_000 }),
  post(`sys/quotas/rate-limit/${NAME}`, { path: `${NAME}/`, rate: 1_000 }),
  post(`sys/workflows/manage/${NAME}`, { workflow: 'flow "a" {\n}\n' }),
  post(`sys/config/auditing/request-headers/X-Made`, { hmac: true }),
];

export interface World {
  /** A token of a narrow policy. */
  readonly narrow: string;
  /** Name of a parameter in a path, or of a field of a body → what there is of it. */
  readonly exampleOf: (path: string, name: string) => string | undefined;
}

/** What is called otherwise than `made`, by its path. */
const BY_PATH: readonly (readonly [RegExp, string])[] = [
  [/^\/identity\/(alias|entity-alias|persona)\/id\//, 'alias'],
  [/^\/identity\/entity\/id\//, 'entity'],
  [/^\/identity\/group\/id\//, 'group'],
  [/^\/identity\/group-alias\/id\//, 'group_alias'],
];

const FIXED: Readonly<Record<string, string>> = {
  header: 'X-Made',
  type: 'auth',
  tag: 'root',
  prefix: 'auth/userpass/login',
  alias_identifier: NAME,
  urlalgorithm: 'sha2-256',
  source: 'platform',
  urlbytes: '16',
  entity_ids: '{entity}',
  canonical_id: '{entity}',
  entity_id: '{entity}',
  member_entity_ids: '{entity}',
  group_ids: '{group}',
  mfa_method_ids: '{method_id}',
};
const NAMED = new Set(['name', 'role_name', 'username', 'path', 'role', 'key']);

/** `address` is that of a development server with the root token `root`. Throws where one of the objects is not made. */
export async function seeded(address: string): Promise<World> {
  const { answers, kept } = await replay(address, seeds);
  const failed = answers.filter(({ reply }) => reply.status >= 300);
  if (failed.length > 0) {
    throw new Error(failed.map(({ step, reply }) => `${step.path}: ${JSON.stringify(reply)}`).join('\n'));
  }
  const values = new Map([...kept].map(([value, name]) => [name, value]));
  return {
    narrow: values.get('narrow') ?? '',
    exampleOf: (path, name) => {
      if (name === 'path' && path.startsWith('/sys/namespaces/')) return 'space';
      const byPath = name === 'id' ? BY_PATH.find(([of]) => of.test(path))?.[1] : undefined;
      const fixed = FIXED[name];
      if (fixed !== undefined) return fixed.startsWith('{') ? values.get(fixed.slice(1, -1)) : fixed;
      return values.get(byPath ?? name) ?? (NAMED.has(name) ? NAME : undefined);
    },
  };
}
