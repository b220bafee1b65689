import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLockstepError } from '../../errors.ts';
import { checksOf, COST, costOf, hashPassword, isPassword, passwordFits } from './password.ts';

/** Of crypt_blowfish 1.3 (wrapper.c), by Solar Designer: password, hash. */
const VECTORS = [
  ['U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['U*U*', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK'],
  ['U*U*U', '$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a'],
  [
    '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored',
    '$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui',
  ],
] as const;

test('published vectors are known again, under each name of the algorithm', async () => {
  for (const [password, hash] of VECTORS) {
    for (const name of ['2a', '2b', '2y']) {
      const named = hash.replace('2a', name);
      assert.equal(await isPassword(password, { hash: named, cost: 5 }), true, named);
      assert.equal(await isPassword(`!${password}`, { hash: named, cost: 5 }), false);
    }
  }
});

test('a password of every kind of character is known again, and nothing that is nearly it', async () => {
  for (const [password, nearly] of [
    ['a\0b', 'a'],
    ['a\0b', 'a\0c'],
    ['ünï', 'u\u0308ni\u0308'],
    ['x'.repeat(72), 'x'.repeat(71)],
    [' x', 'x'],
  ] as const) {
    const hash = await hashPassword(password);
    assert.equal(costOf(hash), COST);
    assert.equal(await isPassword(password, { hash, cost: COST }), true);
    assert.equal(await isPassword(nearly, { hash, cost: COST }), false);
  }
});

test('without a user no password is right', async () => {
  for (const password of ['', 'dummy', '\0', 'x'.repeat(200)]) {
    assert.equal(await isPassword(password, { hash: undefined, cost: 5 }), false);
  }
});

test('whatever the user’s hash costs, and whether there is one, a check costs the same', () => {
  const hash = VECTORS[0][1];
  for (const own of [5, 7, 9, 12]) {
    const known = hash.replace('$05$', `$${String(own).padStart(2, '0')}$`);
    const work = (checks: readonly string[]): number =>
      checks.map((check) => 2 ** (costOf(check) ?? Number.NaN)).reduce((sum, each) => sum + each);
    assert.equal(work(checksOf({ hash: known, cost: 12 })), 2 ** 12);
    assert.equal(work(checksOf({ hash: undefined, cost: 12 })), 2 ** 12);
  }
});

test('only a bcrypt hash in its one form has a cost', () => {
  const [, hash] = VECTORS[0];
  assert.equal(costOf(hash), 5);
  for (const other of [
    ...['', `${hash}x`, `${hash}\n`, hash.slice(0, -1), ` ${hash}`, hash.replace('2a', '2'), hash.replace('2a', '2x')],
    ...[
      hash.replace('$05', '$5'),
      hash.replace('.E5', '/E5'),
      `${hash.slice(0, -1)}X`,
      '$argon2id$v=19$m=1,t=1,p=1$x$y',
    ],
  ]) {
    assert.equal(costOf(other), undefined, JSON.stringify(other));
  }
});

test('72 bytes fit, not 72 characters', () => {
  assert.deepEqual(['x'.repeat(72), 'x'.repeat(73), 'ü'.repeat(37)].map(passwordFits), [true, false, false]);
});

test('of a flood so many wait as may, the others are refused at once, and what comes after it is checked', async () => {
  const [password, hash] = VECTORS[0];
  const check = () => isPassword(password, { hash, cost: 5 });
  const flood = await Promise.allSettled(Array.from({ length: 400 }, check));
  const refused = flood.filter(({ status }) => status === 'rejected');
  assert.ok(refused.length >= 400 - 256 - 2 && refused.length < 400, String(refused.length));
  assert.ok(refused.every((each) => each.status === 'rejected' && isLockstepError(each.reason, 'tooManyRequests')));
  assert.ok(flood.every((each) => each.status === 'rejected' || each.value));
  assert.equal(await check(), true);
});
