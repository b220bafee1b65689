/** CEL roles: the same programs and tokens at OpenBao and here, the same answers but for those that docs/cel-roles.md lists. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { signed, signingKey } from '../../src/lib/jwt/issuer.testing.ts';
import { differences } from './differential/compare.ts';
import { CASES, DIFFERENCES, LEASE, type Case } from './cel-programs.ts';
import { normalised } from './differential/normalise.ts';
import { replay } from './differential/replay.ts';
import { get, isFields, list, patch, post, remove, type Step } from './differential/step.ts';
import { openbao, startOpenBao } from './support/openbao.ts';
import { devServer } from './support/server.ts';

const binary = await openbao();
const skip = binary === undefined ? 'bao is neither in the cache nor to be had' : false;

/** What is compared of a role that is written and of a login by it. Refusals have words of one's own, but for the program's. */
async function answerOf(address: string, { expression, variables, more }: Case, jwt: string): Promise<unknown> {
  const program = { expression, ...(variables === undefined ? {} : { variables }) };
  const steps: readonly Step[] = [
    post('auth/jwt/cel/role/r', { cel_program: program, bound_audiences: 'us', ...more }),
    post('auth/jwt/cel/login', { role: 'r', jwt }, { token: '', keep: { token: 'auth.client_token' } }),
    get('auth/token/lookup-self', { token: '{token}' }),
    remove('auth/jwt/cel/role/r'),
  ];
  const { answers, kept } = await replay(address, steps);
  const [written, login, self] = answers.map(({ reply }) => reply);
  assert.ok(written !== undefined && login !== undefined && self !== undefined);
  // OpenBao's 500 for a program that does not compile is 400 here.
  if (written.status >= 400) return 'refused when it is written';
  const errors = isFields(login.body) && Array.isArray(login.body['errors']) ? login.body['errors'] : [];
  const said = /blocked authorization .*$/s.exec(String(errors[0]))?.[0];
  if (login.status >= 400) return { login: login.status, said };
  return { login: normalised(login.body, kept), status: self.status, self: normalised(self.body, kept) };
}

const onTheFirstDay = async (address: string, pem: string): Promise<void> => {
  const { answers } = await replay(address, [
    post('sys/auth/jwt', { type: 'jwt' }),
    post('auth/jwt/config', { jwt_validation_pubkeys: [pem] }),
  ]);
  assert.deepEqual(
    answers.map(({ reply }) => reply.status),
    [204, 204],
  );
};

const claimsOf = (change: object = {}): object => {
  const now = Math.floor(Date.now() / 1_000);
  return {
    ...{ iss: 'i', aud: 'us', sub: 'job', iat: now, exp: now + 3_600, groups: ['a', 'b'], mixed: ['a', 1], n: 7 },
    ...{ deep: { x: { y: true } }, control: 'a\u0007\nb', long: 'x'.repeat(3_000) },
    ...{ big: 12_345_678, f: 1.5, small: 0.00001, tiny: 1e-7, neg: -3, e21: 1e21, nul: null },
    ...change,
  };
};

test('programs decide as at OpenBao, but for what is known', { skip }, async (context) => {
  await using bao = await startOpenBao(binary ?? '');
  await using own = await devServer();
  const key = await signingKey('ES256', 'one');
  await Promise.all([bao, own].map(({ address }) => onTheFirstDay(address, key.pem)));
  const wrong: string[] = [];
  for (const each of CASES) {
    const jwt = await signed(key, claimsOf(each.claims));
    const [theirs, ours] = await Promise.all([bao, own].map(({ address }) => answerOf(address, each, jwt)));
    const found = differing(theirs, ours);
    if (found.length > 0 === (each.differs !== undefined)) continue;
    wrong.push([JSON.stringify(each), ...found].join('\n'));
  }
  context.diagnostic(`${String(CASES.length)} programs`);
  assert.equal(wrong.join('\n'), '');
});

/** `mount_type` is Vault's, and so is an empty list of policies; warnings are of the core, which has fewer. */
const ELSEWHERE = /\.(mount_type|token_policies|warnings)$/;

/** A line for each place that differs. */
const differing = (theirs: unknown, ours: unknown): readonly string[] =>
  differences({ status: 0, body: theirs }, { status: 0, body: ours })
    .filter(({ at, theirs: one, ours: other }) => !ELSEWHERE.test(at) || (one !== 'absent' && other !== 'null'))
    .map((each) => `  ${each.at}: OpenBao ${each.theirs}, Lockstep ${each.ours}`);

const OK = { expression: 'pb.Auth{policies: ["a"]}' };
const role = (name: string): string => `auth/jwt/cel/role/${name}`;

interface Asked {
  readonly step: Step;
  readonly differs?: keyof typeof DIFFERENCES;
}

const asked = (step: Step, differs?: keyof typeof DIFFERENCES): Asked => ({
  step,
  ...(differs === undefined ? {} : { differs }),
});

const RECORDS: readonly Asked[] = [
  ...[list('auth/jwt/cel/role'), get(role('none')), remove(role('none'))].map((step) => asked(step)),
  ...[undefined, {}, { expression: '' }, 'x', [1], { ...OK, variables: 'x' }, { ...OK, variables: { name: 'a' } }].map(
    (program) => asked(post(role('a'), { cel_program: program })),
  ),
  asked(post(role('a'), { cel_program: OK, bound_audiences: 'us' })),
  asked(get(role('a'))),
  asked(
    post(role('a'), {
      cel_program: OK,
      bound_audiences: ['x', 'y'],
      message: 'm',
      expiration_leeway: -1,
      clock_skew_leeway: '1m',
    }),
  ),
  asked(get(role('a'))),
  asked(post(role('a'), { cel_program: OK, expiration_leeway: 'x' })),
  asked(post(role('a'), { cel_program: { ...OK, variables: null }, bound_audiences: 'us', message: 5 })),
  asked(post(role('a'), { cel_program: { ...OK, nope: 1 } }), 'unknown'),
  asked(post(role('a'), { cel_program: { expression: 5 } }), 'number'),
  asked(
    post(role('a'), {
      cel_program: { ...OK, variables: [{ name: 'v', expression: '1' }] },
      bound_audiences: 'us',
      message: 'm',
    }),
  ),
  ...[
    ...[{}, { message: 'n' }, { message: null }, { expiration_leeway: 5 }, { bound_audiences: ['x'] }],
    ...[
      { name: 'b' },
      { cel_program: { expression: 'false' } },
      { cel_program: { variables: [] } },
      { cel_program: 'x' },
    ],
  ].flatMap((body) => [asked(patch(role('a'), body)), asked(get(role('a')))]),
  asked(patch(role('a'), { expiration_leeway: null }), 'leeway'),
  asked(patch(role('a'), { expiration_leeway: 7 })),
  asked(patch(role('a'), { cel_program: { expression: null } }), 'null'),
  asked(patch(role('none'), { message: 'x' })),
  asked(patch(role('a'), {}, { headers: { 'Content-Type': 'application/json' } })),
  asked(post(role('Up'), { cel_program: OK, bound_audiences: 'us' }), 'names'),
  asked(list('auth/jwt/cel/role'), 'names'),
  asked(remove(role('Up'))),
  ...['-x', 'x-', 'x/y'].map((name) => asked({ ...post(role(name), { cel_program: OK }), wrong: 'name' })),
  asked(post('auth/jwt/cel/login', { jwt: 'x' }, { token: '' })),
  asked(post('auth/jwt/cel/login', { role: 'none', jwt: 'x' }, { token: '' })),
  asked(post('auth/jwt/cel/login', { role: 'a' }, { token: '' })),
  asked(get('auth/jwt/cel/login', { token: '' })),
];

/** A name that is refused is a path that nobody has at OpenBao. */
const outcome = ({ step }: Asked, { status, body }: { readonly status: number; readonly body: unknown }): unknown =>
  step.wrong === 'name' ? status >= 400 : { status, body: withoutWarnings(normalised(body, new Map())) };

/** That nothing binds the audience is said in a warning. */
const withoutWarnings = (body: unknown): unknown => (isFields(body) ? { ...body, warnings: null } : body);

test('roles are kept as at OpenBao, and renewals go by them, but for what is known', { skip }, async () => {
  await using bao = await startOpenBao(binary ?? '');
  await using own = await devServer();
  const key = await signingKey('ES256', 'one');
  await Promise.all([bao, own].map(({ address }) => onTheFirstDay(address, key.pem)));
  const renewable = {
    expression: `pb.Auth{policies: ["a"], ${LEASE('TTL: 60000000000, MaxTTL: 180000000000, renewable: true')}}`,
  };
  const renew = post('auth/token/renew-self', {}, { token: '{token}' });
  const steps: readonly Asked[] = [
    ...RECORDS,
    asked(post(role('l'), { cel_program: renewable, bound_audiences: 'us' })),
    asked(
      post(
        'auth/jwt/cel/login',
        { role: 'l', jwt: await signed(key, claimsOf()) },
        { token: '', keep: { token: 'auth.client_token' } },
      ),
    ),
    asked(renew),
    asked(post(role('l'), { cel_program: OK, bound_audiences: 'us' })),
    asked(renew),
    asked(post('auth/token/renew-self', { increment: '1h' }, { token: '{token}' })),
    asked(remove(role('l'))),
    asked(renew, 'gone'),
    // Ends the request of OpenBao without an answer, so it comes last.
  ];
  const plainSteps = steps.map(({ step }) => step);
  const [theirs, ours] = await Promise.all([bao, own].map(({ address }) => replay(address, plainSteps)));
  const wrong = steps.flatMap((each, at) => {
    const [one, other] = [theirs, ours].map((side) => {
      const reply = side?.answers[at]?.reply;
      assert.ok(reply !== undefined);
      return outcome(each, { status: reply.status, body: normalised(reply.body, side?.kept ?? new Map()) });
    });
    const found = differing(one, other);
    return found.length > 0 === (each.differs !== undefined) ? [] : [[JSON.stringify(each), ...found].join('\n')];
  });
  assert.equal(wrong.join('\n'), '');
  // OpenBao ends the connection.
  const none = patch(role('a'), { cel_program: null });
  await assert.rejects(replay(bao.address, [none]));
  const [answer] = (await replay(own.address, [none])).answers;
  assert.equal(answer?.reply.status, 400);
});

test('docs/cel-roles.md has each of the differences', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/cel-roles.md'), 'utf8').replaceAll(/\s+/g, ' ');
  assert.deepEqual(
    Object.values(DIFFERENCES).filter((each) => !page.includes(each)),
    [],
  );
  const named = [...CASES, ...RECORDS, { differs: 'gone' as const }].map(({ differs }) => differs);
  const shown = new Set(named);
  assert.deepEqual(
    Object.keys(DIFFERENCES).filter((each) => !shown.has(each as keyof typeof DIFFERENCES)),
    [],
    'shown by no case',
  );
});
