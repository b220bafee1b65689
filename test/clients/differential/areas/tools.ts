/** Random bytes and digests: what is random is compared by its length. */
import type { Draw } from '../draw.ts';
import type { KnownDifference } from '../known-differences.ts';
import { get, post, type Step } from '../step.ts';
import { wrongly } from '../wrong.ts';
import { oneOf } from './area.ts';

export const before: readonly Step[] = [post('sys/namespaces/team', undefined, { keep: { team: 'data.id' } })];

const ALGORITHMS = [
  'sha2-224',
  'sha2-256',
  'sha2-384',
  'sha2-512',
  'sha3-224',
  'sha3-256',
  'sha3-384',
  'sha3-512',
  'sha1',
  'md5',
  'x',
] as const;
const INPUTS = ['YQ==', '', 'w7w=', 'not base64!', 'YQ'] as const;

export const odd: readonly Step[] = [
  ...ALGORITHMS.flatMap((name) =>
    ['hex', 'base64', 'x', undefined].flatMap((format): readonly Step[] => [
      post(`sys/tools/hash/${name}`, { input: 'YQ==', format }),
      post('sys/tools/hash', { input: 'YQ==', algorithm: name, format }),
    ]),
  ),
  ...INPUTS.map((input) => post('sys/tools/hash', { input })),
  post('sys/tools/hash/sha2-256', { input: 'YQ==', algorithm: 'sha2-512' }),
  ...wrongly({
    step: post('sys/tools/hash', { input: 'YQ==', format: 'hex', algorithm: 'sha2-256' }),
    methods: ['GET', 'LIST', 'DELETE', 'PATCH'],
  }),
  ...wrongly({ step: post('sys/tools/hash/sha2-256', { input: 'YQ==', format: 'hex' }), methods: ['GET', 'DELETE'] }),
  ...wrongly({
    step: post('sys/tools/random', { bytes: 16, format: 'hex', source: 'platform' }),
    methods: ['GET', 'LIST', 'DELETE', 'PATCH'],
  }),
  ...['platform', 'seal', 'all', 'x', '16', '0', '-1', '131072', '131073', 'x16', '1.5'].flatMap(
    (name): readonly Step[] => [
      post(`sys/tools/random/${name}`, {}),
      post(`sys/tools/random/${name}`, { bytes: 8, format: 'hex' }),
      post(`sys/tools/random/${name}/24`, { format: 'base64' }),
      post(`sys/tools/random/${name}/x`, {}),
    ],
  ),
  get('sys/tools'),
  get('sys/tools/random/16'),
  post('sys/tools/nothing', {}),
  post('sys/tools/hash', { input: 'YQ==' }, { headers: { 'X-Vault-Namespace': 'team' } }),
  post('sys/tools/hash', { input: 'YQ==' }, { token: '' }),
];

const kinds: readonly ((draw: Draw) => Step)[] = [
  (draw) =>
    post(
      `sys/tools/hash/${draw.of(...ALGORITHMS)}`,
      draw.some({ input: draw.of(...INPUTS), format: draw.of('hex', 'base64', 'x') }),
    ),
  (draw) =>
    post('sys/tools/hash', {
      input: 'YQ==',
      ...draw.some({ algorithm: draw.of(...ALGORITHMS), format: draw.of('hex', 'base64') }),
    }),
  (draw) =>
    post(
      'sys/tools/random',
      draw.some({
        bytes: draw.of<unknown>(1, 33, 0, '12', 'x'),
        format: draw.of('hex', 'base64', 'x'),
        source: draw.of('platform', 'seal', 'all', 'x'),
      }),
    ),
];

export const step = oneOf(kinds);

export const drawn = 100;

export const known: readonly KnownDifference[] = [
  {
    request: /^POST sys\/tools\/random$/,
    at: /^status 200\/400$|^body\.warnings$/,
    reason: 'the source of random bytes is read from the body too',
  },
  {
    request: /^POST sys\/tools\/random\/-1/,
    at: /^status 200\/400$/,
    reason: 'a count of random bytes below zero is refused, not taken for the name of a source',
  },
  {
    request: /^POST sys\/tools\/hash\/sha2-256$/,
    at: /^body\.warnings$/,
    reason: 'an algorithm in the body is told to be ignored where the path names one',
  },
];
