/** Tokens, their roles, wrapping. */
import type { Draw } from '../draw.ts';
import type { Step } from '../step.ts';

export const before: readonly Step[] = [
  {
    method: 'PUT',
    path: 'sys/policies/acl/reader',
    body: { policy: 'path "kv1/*" { capabilities = ["read", "list"] }' },
  },
  {
    method: 'PUT',
    path: 'sys/policies/acl/maker',
    body: { policy: 'path "auth/token/*" { capabilities = ["create", "update", "sudo"] }' },
  },
  ...[0, 1, 2, 3].map((at): Step => made({ policies: ['reader', 'maker'], ttl: '60m' }, at)),
];

function made(body: unknown, at: number, path = 'auth/token/create', token = '{root}'): Step {
  return {
    ...{ method: 'POST' as const, path, body, token },
    keep: { [`token${at}`]: 'auth.client_token', [`accessor${at}`]: 'auth.accessor' },
  };
}

const slot = (draw: Draw): number => draw.number(4);
const one = (draw: Draw): string =>
  draw.of(`{token${slot(draw)}}`, `{token${slot(draw)}}`, 'hvs.unknownunknownunknownun', '');

const BY_ROLE = 'auth/token/create/role';

function asked(draw: Draw, path: string): unknown {
  return draw.some({
    policies: draw.of<unknown>(['reader'], ['reader', 'maker'], ['default'], ['root'], ['none'], 'reader', []),
    ttl: draw.of<unknown>('60m', 600, '2h', '0s', 'x', '-1s'),
    explicit_max_ttl: draw.of<unknown>('3h', 0, 'x'),
    period: draw.of<unknown>('1h', '0', undefined),
    num_uses: draw.of<unknown>(0, 50, -1, 'x', undefined),
    renewable: draw.of<unknown>(true, false, 'x'),
    no_parent: draw.of<unknown>(true, false),
    no_default_policy: draw.of<unknown>(true, false),
    display_name: draw.of<unknown>('name', 'Na me!', ''),
    meta: draw.of<unknown>({ a: 'b' }, {}, { a: 1 }, 'x'),
    // With a role that has a type of its own OpenBao does not look at this one.
    type: draw.of<unknown>('service', path === BY_ROLE ? undefined : 'x', undefined, undefined),
  });
}

// Renewals name an increment: without one OpenBao gives what the last one gave, Lockstep what the creation gave.
const kinds: readonly ((draw: Draw) => Step)[] = [
  (draw) => {
    const path = draw.of('auth/token/create', 'auth/token/create', 'auth/token/create-orphan', BY_ROLE);
    return made(asked(draw, path), slot(draw), path, draw.of('{root}', '{root}', one(draw)));
  },
  (draw) => ({ method: 'GET', path: 'auth/token/lookup-self', token: one(draw) }),
  (draw) => ({ method: 'POST', path: 'auth/token/lookup', body: { token: one(draw) } }),
  (draw) => ({
    method: 'POST',
    path: 'auth/token/lookup-accessor',
    body: { accessor: draw.of(`{accessor${slot(draw)}}`, 'none', '') },
  }),
  (draw) => ({
    method: 'POST',
    path: 'auth/token/renew',
    body: { token: one(draw), increment: draw.of<unknown>('60m', 600, 'x', '9000h') },
  }),
  (draw) => ({
    method: 'POST',
    path: 'auth/token/renew-self',
    token: one(draw),
    body: { increment: '60m' },
  }),
  (draw) => ({
    method: 'POST',
    path: 'auth/token/renew-accessor',
    body: { accessor: `{accessor${slot(draw)}}`, increment: '60m' },
  }),
  (draw) => ({
    method: 'POST',
    path: draw.of('auth/token/revoke', 'auth/token/revoke-orphan'),
    body: { token: one(draw) },
  }),
  (draw) => ({ method: 'POST', path: 'auth/token/revoke-accessor', body: { accessor: `{accessor${slot(draw)}}` } }),
  (draw) => ({
    method: 'POST',
    path: 'sys/capabilities',
    body: {
      token: one(draw),
      paths: draw.of<unknown>(['kv1/a'], ['kv1/a', 'sys/mounts', 'auth/token/create'], 'kv1/a', []),
    },
  }),
  (draw) => ({
    method: 'POST',
    path: 'sys/capabilities-accessor',
    body: { accessor: `{accessor${slot(draw)}}`, paths: ['kv1/a', 'none'] },
  }),
  (draw) => ({
    method: 'POST',
    path: 'sys/capabilities-self',
    token: one(draw),
    body: { paths: ['kv1/a', 'sys/health'] },
  }),
  (draw) => ({
    method: 'GET',
    path: draw.of('kv1/a', 'sys/mounts', 'kv2/data/a', 'cubbyhole/a', 'nothing'),
    token: one(draw),
  }),
  (draw) => ({
    method: 'POST',
    path: `auth/token/roles/${draw.of('role', 'role', 'other')}`,
    body: draw.some({
      allowed_policies: draw.of<unknown>(['reader'], 'reader,maker', []),
      disallowed_policies: draw.of<unknown>(['maker'], [], undefined),
      allowed_policies_glob: draw.of<unknown>(['read*'], undefined),
      orphan: draw.of<unknown>(true, false, 'x'),
      renewable: draw.of<unknown>(true, false),
      path_suffix: draw.of<unknown>('suffix', '', undefined, 'a b'),
      token_explicit_max_ttl: draw.of<unknown>('4h', 0, undefined),
      token_period: draw.of<unknown>('1h', 0, undefined),
      token_num_uses: draw.of<unknown>(0, 5, undefined),
      token_no_default_policy: draw.of<unknown>(true, false),
      token_bound_cidrs: draw.of<unknown>(['127.0.0.1/8'], [], undefined, 'x'),
      token_type: draw.of<unknown>('service', 'default-service', 'default', 'x', undefined),
    }),
  }),
  (draw) => ({ method: draw.of('GET', 'GET', 'DELETE'), path: `auth/token/roles/${draw.of('role', 'other', 'none')}` }),
  () => ({ method: 'LIST', path: 'auth/token/roles' }),
  () => ({ method: 'POST', path: 'auth/token/tidy' }),
  (draw) => ({
    method: 'POST',
    path: 'sys/wrapping/wrap',
    body: draw.of<unknown>({ a: 'b' }, {}, { a: { b: [1] } }),
    headers: { 'X-Vault-Wrap-TTL': draw.of('60', '2m', '10m') },
    keep: { [`wrapped${draw.number(2)}`]: 'wrap_info.token' },
  }),
  (draw) => ({
    method: draw.of('POST', 'PUT'),
    path: 'sys/wrapping/unwrap',
    body: draw.of<unknown>({ token: `{wrapped${draw.number(2)}}` }, { token: 'none' }),
  }),
  (draw) => ({ method: 'POST', path: 'sys/wrapping/unwrap', token: `{wrapped${draw.number(2)}}` }),
  (draw) => ({ method: 'POST', path: 'sys/wrapping/lookup', body: { token: `{wrapped${draw.number(2)}}` } }),
  (draw) => ({
    method: 'POST',
    path: 'sys/wrapping/rewrap',
    body: { token: `{wrapped${draw.number(2)}}` },
    keep: { [`wrapped${draw.number(2)}`]: 'wrap_info.token' },
  }),
  (draw) => ({
    method: 'GET',
    path: draw.of('kv1/a', 'kv1/b', 'auth/token/lookup-self'),
    headers: { 'X-Vault-Wrap-TTL': draw.of('60', '5m', 'x', '0') },
    keep: { [`wrapped${draw.number(2)}`]: 'wrap_info.token' },
  }),
  (draw) => ({
    method: 'GET',
    path: draw.of('auth/token/create', 'auth/token/nothing', 'auth/token/lookup', 'auth/token'),
  }),
];

export const step = (draw: Draw): Step => (kinds[draw.number(kinds.length)] ?? kinds[0])?.(draw) as Step;
