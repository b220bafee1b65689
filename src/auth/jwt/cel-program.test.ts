import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeptPrograms, programs } from './cel-program.ts';
import { celMethod } from './cel.testing.ts';
import { requestOf } from '../../../test/support/node.ts';
import { signed, signingKey } from '../../lib/jwt/issuer.testing.ts';

const asked = { claims: { sub: 'job' }, now: 0 };
const program = (expression: string) => ({ expression, variables: [] });

test('programs are compiled when they run, by their text, and the last ones are kept', () => {
  const kept = new KeptPrograms(60);
  const [one, same, other, long] = [`claims.sub`, `claims.sub`, `"b"`, `"${'c'.repeat(100)}"`].map((each) =>
    kept.of(program(each)),
  );
  assert.equal(kept.characters, 0);
  assert.deepEqual(one?.run('r', asked), { kind: 'refusal', text: 'job' });
  const first = kept.characters;
  assert.ok(first > 0 && first < 60);
  same?.run('r', asked);
  assert.equal(kept.characters, first, 'the same text is the same program');
  other?.run('r', asked);
  assert.ok(kept.characters > first && kept.characters <= 60);
  long?.run('r', asked);
  assert.ok(kept.characters > 100 && kept.characters < 120, 'the one that runs, however long, and no other');
  assert.deepEqual(one?.run('r', asked), { kind: 'refusal', text: 'job' });
  assert.equal(kept.characters, first);
});

test('variables and expressions are not taken for one another', () => {
  const kept = new KeptPrograms();
  const variables = [{ name: 'a', expression: '"x"' }];
  assert.deepEqual(kept.of({ expression: 'a', variables }).run('r', asked), { kind: 'refusal', text: 'x' });
  const other = kept.of({ expression: 'a', variables: [{ name: 'a', expression: '"y"' }] });
  assert.deepEqual(other.run('r', asked), { kind: 'refusal', text: 'y' });
});

test('who has no token of the issuer, or one for somebody else, has no program compiled', async () => {
  await using jwt = await celMethod();
  await jwt.celRole('r', '"a program of this test alone"');
  const before = programs.characters;
  const stranger = await signed(await signingKey('RS256', 'one'), jwt.claims());
  for (const token of [
    stranger,
    'a.b.c',
    await jwt.tokenOf({ aud: 'them' }),
    await jwt.tokenOf({ exp: jwt.now() - 61 }),
  ])
    assert.equal((await jwt.celLogin({ role: 'r', jwt: token })).status, 400);
  assert.equal(programs.characters, before);
  await jwt.celBy('r');
  assert.ok(programs.characters > before);
});

test('each program has a turn of its own', async (context) => {
  await using jwt = await celMethod();
  await jwt.celRole('r', '"no"');
  const token = await jwt.tokenOf();
  const login = () => jwt.celLogin({ role: 'r', jwt: token });
  await login();
  const turns = context.mock.method(globalThis, 'setImmediate');
  await Promise.all(Array.from({ length: 5 }, login));
  assert.equal(turns.mock.callCount(), 5);
});

test('who has gone when it is their turn has no program evaluated', async () => {
  await using jwt = await celMethod();
  await jwt.celRole('r', '"a program for nobody"');
  const before = programs.characters;
  const gone = new AbortController();
  const request = requestOf('POST', 'auth/jwt/cel/login', { body: { role: 'r', jwt: await jwt.tokenOf() } });
  const login = Promise.resolve(jwt.node.handle({ ...request, signal: () => gone.signal }));
  gone.abort();
  await Promise.allSettled([login]);
  assert.equal(programs.characters, before);
});
