/** Mounts, auth methods, policies, and what else lies below `sys/`. */
import type { Draw } from '../draw.ts';
import type { Step } from '../step.ts';

export const before: readonly Step[] = [];

const mount = (draw: Draw): string => draw.of('m1', 'm2', 'deep/m3', 'none');
const policy = (draw: Draw): string => draw.of('p1', 'p2', 'Mixed', 'default', 'root', 'none', 'with-dash_1');
const documents = [
  'path "kv1/*" { capabilities = ["read"] }',
  'path "kv1/+/x" { capabilities = ["create", "update"] allowed_parameters = { "a" = ["b"] } }',
  '{"path": {"kv1/a": {"capabilities": ["read"]}}}',
  'path "kv1/a" { policy = "write" }',
  'path "kv1/a" { capabilities = ["fly"] }',
  'path "kv1/a" {',
  '',
  'path "kv1/a" { capabilities = ["read"] unknown = 1 }',
] as const;

const tuning = (draw: Draw): Record<string, unknown> =>
  draw.some({
    default_lease_ttl: draw.of<unknown>('1h', 0, 'system', 'x', '90m'),
    max_lease_ttl: draw.of<unknown>('24h', 0, 'x'),
    description: draw.of<unknown>('words', ''),
    audit_non_hmac_request_keys: draw.of<unknown>(['a'], 'a,b', []),
    audit_non_hmac_response_keys: draw.of<unknown>(['c'], undefined),
    listing_visibility: draw.of<unknown>('unauth', 'hidden', 'x', ''),
    passthrough_request_headers: draw.of<unknown>(['X-Own'], undefined),
    allowed_response_headers: draw.of<unknown>(['X-Own'], undefined),
    token_type: draw.of<unknown>('default-service', 'service', 'x', undefined),
  });

const kinds: readonly ((draw: Draw) => Step)[] = [
  (draw) => ({
    method: 'POST',
    path: `sys/mounts/${draw.of('m1', 'm2', 'deep/m3', 'sys/x', 'kv1', 'auth')}`,
    body: {
      type: draw.of('kv', 'kv', 'kv-v2', 'nothing', 'cubbyhole'),
      ...draw.some({
        options: draw.of<unknown>({ version: '1' }, { version: '2' }, { version: 'x' }),
        description: 'words',
        local: draw.of(true, false),
        seal_wrap: false,
        config: draw.of<unknown>({ default_lease_ttl: '1h' }, { max_lease_ttl: 'x' }, {}),
      }),
    },
  }),
  (draw) => ({ method: 'DELETE', path: `sys/mounts/${mount(draw)}` }),
  (draw) => ({ method: 'GET', path: `sys/mounts/${mount(draw)}` }),
  (draw) => ({ method: 'GET', path: `sys/mounts/${mount(draw)}/tune` }),
  (draw) => ({ method: 'POST', path: `sys/mounts/${mount(draw)}/tune`, body: tuning(draw) }),
  () => ({ method: 'GET', path: 'sys/mounts' }),
  (draw) => ({
    method: 'POST',
    path: `sys/auth/${draw.of('a1', 'a2', 'deep/a3', 'token')}`,
    body: {
      type: draw.of('approle', 'approle', 'nothing', 'token'),
      ...draw.some({ description: 'words', local: draw.of(true, false) }),
    },
  }),
  (draw) => ({ method: 'DELETE', path: `sys/auth/${draw.of('a1', 'a2', 'none', 'deep/a3')}` }),
  (draw) => ({ method: 'GET', path: `sys/auth/${draw.of('a1', 'a2', 'token', 'none')}` }),
  (draw) => ({ method: 'GET', path: `sys/auth/${draw.of('a1', 'token', 'none')}/tune` }),
  (draw) => ({ method: 'POST', path: `sys/auth/${draw.of('a1', 'a2', 'none')}/tune`, body: tuning(draw) }),
  () => ({ method: 'GET', path: 'sys/auth' }),
  (draw) => ({
    method: 'POST',
    path: 'sys/remount',
    body: draw.of<unknown>(
      { from: 'm1', to: 'm2' },
      { from: 'm2/', to: 'm4' },
      { from: 'none', to: 'm5' },
      { from: 'm4', to: 'm1' },
      { from: 'auth/a1', to: 'auth/a2' },
      { from: 'sys', to: 'x' },
      {},
    ),
  }),
  (draw) => ({
    method: draw.of('POST', 'PUT'),
    path: `sys/${draw.of('policies/acl', 'policy')}/${policy(draw)}`,
    body: { policy: draw.of(...documents) },
  }),
  // One of the two servers takes it: it has a name that nothing else reads.
  () => ({
    method: 'POST',
    path: 'sys/policies/acl/starred',
    body: { policy: 'path "kv1/a*b" { capabilities = ["read"] }' },
  }),
  (draw) => ({ method: 'GET', path: `sys/${draw.of('policies/acl', 'policy')}/${policy(draw)}` }),
  (draw) => ({ method: 'DELETE', path: `sys/${draw.of('policies/acl', 'policy')}/${policy(draw)}` }),
  (draw) => ({ method: draw.of('LIST', 'GET'), path: draw.of('sys/policies/acl', 'sys/policy') }),
  (draw) => ({
    method: 'POST',
    path: `sys/policies/acl/${policy(draw)}`,
    body: draw.of<unknown>({}, { policy: 7 }, { policy: [] }),
  }),
  () => ({ method: 'GET', path: 'sys/health' }),
  () => ({ method: 'GET', path: 'sys/seal-status' }),
  () => ({ method: 'GET', path: 'sys/leader' }),
  () => ({ method: 'GET', path: 'sys/init' }),
  () => ({ method: 'GET', path: 'sys/key-status' }),
  () => ({ method: 'GET', path: 'sys/audit' }),
  (draw) => ({ method: 'GET', path: `sys/internal/ui/mounts${draw.of('', '/kv1', '/none', '/kv1/a')}` }),
  () => ({ method: 'GET', path: 'sys/internal/ui/resultant-acl', token: '{token0}' }),
  (draw) => ({
    method: 'GET',
    path: draw.of('sys', 'sys/', 'sys/nothing', 'nothing/at/all', 'sys/mounts/', 'sys/policies', 'auth'),
  }),
  (draw) => ({
    method: draw.of('POST', 'DELETE', 'PATCH'),
    path: draw.of('sys/health', 'sys/seal-status', 'sys/mounts', 'sys/leader', 'kv1'),
  }),
  (draw) => ({ method: 'LIST', path: draw.of('sys/leases/lookup', 'auth/token/accessors', 'sys/mounts', 'sys/auth') }),
];

export const step = (draw: Draw): Step => (kinds[draw.number(kinds.length)] ?? kinds[0])?.(draw) as Step;
