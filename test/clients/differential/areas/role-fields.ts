/** Each setting of an AppRole at its own path. */
import type { Draw } from '../draw.ts';
import type { KnownDifference } from '../known-differences.ts';
import { get, list, post, remove, type Step } from '../step.ts';
import { wrongly } from '../wrong.ts';
import { oneOf } from './area.ts';

const role = 'auth/approle/role/app';

/** Path → what is written there. */
const settings: Readonly<Record<string, object>> = {
  policies: { token_policies: ['reader', 'maker'] },
  period: { token_period: '1h' },
  'bind-secret-id': { bind_secret_id: true },
  'bound-cidr-list': { bound_cidr_list: ['127.0.0.0/8'] },
  'secret-id-bound-cidrs': { secret_id_bound_cidrs: ['127.0.0.0/8'] },
  'token-bound-cidrs': { token_bound_cidrs: ['127.0.0.0/8'] },
  'secret-id-num-uses': { secret_id_num_uses: 40 },
  'secret-id-ttl': { secret_id_ttl: '10m' },
  'token-num-uses': { token_num_uses: 5 },
  'token-ttl': { token_ttl: '30m' },
  'token-max-ttl': { token_max_ttl: '2h' },
  'role-id': { role_id: 'named' },
  'local-secret-ids': {},
};

export const before: readonly Step[] = [
  post('sys/auth/approle', { type: 'approle' }),
  post('sys/auth/approle/tune', { user_lockout_config: { lockout_disable: true } }),
  post(role, { role_id: 'first' }),
];

export const odd: readonly Step[] = [
  ...Object.entries(settings).flatMap(([name, body]): readonly Step[] => [
    get(`${role}/${name}`),
    ...wrongly({
      step: post(`${role}/${name}`, body),
      after: [get(`${role}/${name}`), get(role)],
      methods: ['LIST', 'PATCH'],
    }),
    get('auth/approle/role/none/' + name),
    post('auth/approle/role/none/' + name, body),
    remove('auth/approle/role/none/' + name),
    remove(`${role}/${name}`),
    get(`${role}/${name}`, { follows: true }),
    get(role, { follows: true }),
    // Anew, so that nothing is left of it.
    remove(role),
    post(role, { role_id: 'first' }),
  ]),
  list(`${role}/secret-id`),
  ...['secret-id', 'custom-secret-id', 'secret-id/lookup', 'secret-id/destroy', 'secret-id-accessor/lookup']
    .concat(['secret-id-accessor/destroy', 'nothing'])
    .flatMap((name) => [get(`${role}/${name}`), remove(`${role}/${name}`), post(`${role}/${name}`, {})]),
  ...wrongly({
    step: post(
      `${role}/secret-id`,
      {
        metadata: '{"a":"b"}',
        cidr_list: ['127.0.0.0/8'],
        token_bound_cidrs: ['127.0.0.0/8'],
        num_uses: 3,
        ttl: '10m',
      },
      { keep: { secretId: 'data.secret_id', secretAccessor: 'data.secret_id_accessor' } },
    ),
    after: [post(`${role}/secret-id/lookup`, { secret_id: '{secretId}' })],
    methods: ['GET', 'DELETE', 'PATCH'],
  }),
];

export const step = oneOf([(draw: Draw) => get(`${role}/${draw.of('policies', 'period')}`)]);

export const drawn = 0;

const LISTS = /(bound-cidr-list|bound-cidrs|policies)$/;

export const known: readonly KnownDifference[] = [
  {
    request: /^GET auth\/approle\/role\/app(\/policies)?$/,
    at: /^body\.data\.token_policies$/,
    reason: 'policies of a role stay in the order in which they were given',
  },
  {
    request: /^GET auth\/approle\/role\/app\/(policies|period|bound-cidr-list)$/,
    at: /^body\.(data\.(policies|period|bound_cidr_list)|warnings)$/,
    reason: 'old names of a setting show its value whichever name it was written by',
  },
  {
    request: /^\w+ auth\/approle\/role\/\w+\/bind-secret-id$/,
    at: /^status 404\/|^body\.errors$/,
    reason: 'bind-secret-id is there, as in Vault, and a setting without a value is refused',
  },
  {
    request: /^POST auth\/approle\/role\/app\/[\w-]+$/,
    at: /^status 204\/400$/,
    wrong: /^(no \w+|a body that is null)$/,
    reason: 'bind-secret-id is there, as in Vault, and a setting without a value is refused',
  },
  {
    request: /^POST auth\/approle\/role\/app\/[\w-]+$/,
    at: /^status (204|200)\/400$/,
    wrong: /^(list|number) as (\{\}|"")$/,
    reason: 'an object is no list of texts, and an empty text no number',
  },
  {
    request: /^POST auth\/approle\/role\/app\/token-num-uses$/,
    at: /^status 204\/400$/,
    wrong: /^number as -1$/,
    reason: 'a number of uses below zero is refused',
  },
  {
    request: LISTS,
    at: /^status 400\/204$/,
    wrong: /^list as (""|\[\])$/,
    reason: 'a setting that is a list is an empty list where it has no members',
  },
  {
    request: /^GET auth\/approle\/role\/app(\/[\w-]+)?$/,
    at: /bound_cidrs$/,
    reason: 'a setting that is a list is an empty list where it has no members',
  },
];
