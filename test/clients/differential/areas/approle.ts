/** AppRole at `auth/approle/`. */
import type { Draw } from '../draw.ts';
import type { Step } from '../step.ts';

export const before: readonly Step[] = [
  { method: 'POST', path: 'sys/auth/approle', body: { type: 'approle' } },
  // A role-id that is tried before it is given to a role would be locked out in one of the two servers alone.
  { method: 'POST', path: 'sys/auth/approle/tune', body: { user_lockout_config: { lockout_disable: true } } },
  { method: 'POST', path: 'auth/approle/role/app', body: { token_policies: ['reader'], token_ttl: '1h' } },
  { method: 'GET', path: 'auth/approle/role/app/role-id', keep: { roleId: 'data.role_id' } },
  ...[0, 1].map((at): Step => secretId(at, {})),
];

function secretId(at: number, body: unknown, role = 'app'): Step {
  return {
    ...{ method: 'POST' as const, path: `auth/approle/role/${role}/secret-id`, body },
    keep: { [`secretId${at}`]: 'data.secret_id', [`secretAccessor${at}`]: 'data.secret_id_accessor' },
  };
}

const role = (draw: Draw): string => draw.of('app', 'app', 'other', 'Mixed', 'none');
const field = (draw: Draw): string =>
  draw.of(
    'policies',
    'token-policies',
    'token-ttl',
    'token-max-ttl',
    'token-num-uses',
    'period',
    'secret-id-ttl',
    'secret-id-num-uses',
    'token-bound-cidrs',
    'secret-id-bound-cidrs',
    'local-secret-ids',
    'token-period',
  );

const fieldValue: Readonly<Record<string, unknown>> = {
  policies: ['reader'],
  'token-policies': 'reader,default',
  'token-ttl': '30m',
  'token-max-ttl': '2h',
  'token-num-uses': 5,
  period: '1h',
  'secret-id-ttl': '10m',
  'secret-id-num-uses': 40,
  'token-bound-cidrs': ['127.0.0.0/8'],
  'secret-id-bound-cidrs': ['127.0.0.0/8'],
};

const kinds: readonly ((draw: Draw) => Step)[] = [
  (draw) => ({
    method: 'POST',
    path: `auth/approle/role/${draw.of('app', 'other', 'Mixed')}`,
    body: draw.some({
      token_policies: draw.of<unknown>(['reader'], 'reader', []),
      policies: draw.of<unknown>(undefined, ['maker']),
      token_ttl: draw.of<unknown>('1h', 600, 'x'),
      token_max_ttl: draw.of<unknown>('4h', 0, '10m'),
      token_type: draw.of<unknown>('service', 'default', 'x'),
      token_num_uses: draw.of<unknown>(0, 9, -1),
      token_period: draw.of<unknown>(0, '1h'),
      token_explicit_max_ttl: draw.of<unknown>(0, '5h'),
      token_no_default_policy: draw.of<unknown>(true, false),
      token_bound_cidrs: draw.of<unknown>(['127.0.0.1/8'], '127.0.0.1', 'x', []),
      secret_id_bound_cidrs: draw.of<unknown>(['127.0.0.1/8'], 'x', []),
      secret_id_num_uses: draw.of<unknown>(0, 30, -1),
      secret_id_ttl: draw.of<unknown>(0, '1h', 'x'),
      bind_secret_id: draw.of<unknown>(true, true, false),
    }),
  }),
  (draw) => ({ method: 'GET', path: `auth/approle/role/${role(draw)}` }),
  (draw) => ({ method: 'DELETE', path: `auth/approle/role/${draw.of('other', 'Mixed', 'none')}` }),
  () => ({ method: 'LIST', path: 'auth/approle/role' }),
  (draw) => ({ method: draw.of('GET', 'DELETE'), path: `auth/approle/role/${role(draw)}/${field(draw)}` }),
  (draw) => {
    const name = field(draw);
    const body = { [name.replaceAll('-', '_')]: draw.of<unknown>(fieldValue[name], fieldValue[name], 'x') };
    return { method: 'POST', path: `auth/approle/role/${draw.of('app', 'other')}/${name}`, body };
  },
  // Written, they would say different things to the two servers.
  (draw) => ({
    method: 'GET',
    path: `auth/approle/role/${draw.of('app', 'none')}/${draw.of('role-id', 'bind-secret-id', 'bound-cidr-list')}`,
  }),
  (draw) => ({
    method: 'POST',
    path: 'auth/approle/role/other/role-id',
    body: draw.of<unknown>({ role_id: 'own-id' }, {}),
  }),
  (draw) =>
    secretId(
      draw.number(2),
      draw.some({
        metadata: draw.of<unknown>('{"a":"b"}', { a: 'b' }, 'x'),
        cidr_list: draw.of<unknown>(['127.0.0.1/32'], 'x'),
        ttl: draw.of<unknown>('30m', 'x'),
        num_uses: draw.of<unknown>(3, -1),
      }),
      draw.of('app', 'app', 'other', 'none'),
    ),
  (draw) => ({
    method: 'POST',
    path: `auth/approle/role/${draw.of('app', 'other')}/custom-secret-id`,
    body: draw.of<unknown>({ secret_id: `custom-${draw.number(5)}` }, {}, { secret_id: 7 }),
  }),
  (draw) => ({
    method: 'POST',
    path: 'auth/approle/login',
    token: '',
    body: {
      role_id: draw.of('{roleId}', '{roleId}', 'own-id', 'none'),
      secret_id: draw.of(`{secretId${draw.number(2)}}`, 'none', `custom-${draw.number(5)}`),
    },
  }),
  (draw) => ({
    method: 'POST',
    path: 'auth/approle/login',
    token: '',
    body: draw.of<unknown>({ role_id: '{roleId}' }, {}, { secret_id: 'x' }, { role_id: 1 }),
  }),
  (draw) => ({
    method: 'POST',
    path: `auth/approle/role/${draw.of('app', 'other')}/secret-id/lookup`,
    body: { secret_id: draw.of(`{secretId${draw.number(2)}}`, 'none', '') },
  }),
  (draw) => ({
    method: 'POST',
    path: 'auth/approle/role/app/secret-id/destroy',
    body: { secret_id: draw.of(`{secretId${draw.number(2)}}`, 'none') },
  }),
  (draw) => ({
    method: 'POST',
    path: 'auth/approle/role/app/secret-id-accessor/lookup',
    body: { secret_id_accessor: draw.of(`{secretAccessor${draw.number(2)}}`, 'none') },
  }),
  (draw) => ({
    method: 'POST',
    path: 'auth/approle/role/app/secret-id-accessor/destroy',
    body: { secret_id_accessor: draw.of(`{secretAccessor${draw.number(2)}}`, 'none') },
  }),
  () => ({ method: 'POST', path: 'auth/approle/tidy/secret-id' }),
];

export const step = (draw: Draw): Step => (kinds[draw.number(kinds.length)] ?? kinds[0])?.(draw) as Step;
