import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Losses, type Loss } from './losses.ts';

const MINUTE = 60_000;
const rule = { grace: 10 * MINUTE, objects: 10, share: 0.2, window: 10 * MINUTE };

function losses({ readers = 100, grace = rule.grace } = {}) {
  const clock = { now: 1_000_000 };
  const all = new Losses({ rule: { ...rule, grace }, readers: () => readers, now: () => clock.now });
  const lose = (key: string, more: Partial<Loss> = {}) =>
    all.judge({ key, stores: ['SecretStore shop/ours'], since: undefined, confirmed: undefined, ...more });
  return {
    clock,
    all,
    lose,
    many: (count: number) => Array.from({ length: count }, (_none, n) => lose(`es-${String(n)}`)),
  };
}

test('what is gone is believed after the grace period, and counted from the first look at it', () => {
  const { clock, all, lose } = losses();
  const begun = clock.now;
  assert.deepEqual(lose('a'), { do: 'wait', since: begun, until: begun + rule.grace });
  clock.now += 9 * MINUTE;
  assert.equal(lose('a').do, 'wait');
  clock.now += MINUTE;
  assert.deepEqual([all.pending, lose('a').do, all.pending], [1, 'believe', 0]);
});

test('what comes back begins anew', () => {
  const { clock, all, lose } = losses();
  lose('a');
  clock.now += 9 * MINUTE;
  all.forget('a');
  assert.deepEqual(lose('a'), { do: 'wait', since: clock.now, until: clock.now + rule.grace });
});

test('many of one store at once are held, however long they are gone', () => {
  const { clock, all, lose, many } = losses({ readers: 55 });
  assert.deepEqual([...new Set(many(11).map((each) => each.do))], ['wait'], 'eleven of 55 are a fifth, not more');
  const held = lose('one more');
  assert.deepEqual(held, { do: 'hold', since: clock.now, store: 'SecretStore shop/ours', lost: 12 });
  clock.now += 1_000 * MINUTE;
  assert.deepEqual([lose('es-0').do, lose('one more').do], ['hold', 'hold']);
  assert.deepEqual(all.holding, ['SecretStore shop/ours']);
  assert.equal(lose('elsewhere', { stores: ['SecretStore shop/other'] }).do, 'wait');
  // Those that come back end it.
  for (let n = 0; n < 2; n++) all.forget(`es-${String(n)}`);
  assert.deepEqual([all.holding, lose('es-2').do], [[], 'believe']);
});

test('few of a small store, and a small share of a large one, are believed', () => {
  const small = losses({ readers: 3 });
  small.many(3);
  small.clock.now += 10 * MINUTE;
  assert.deepEqual([...new Set(small.many(3).map((each) => each.do))], ['believe']);
  const large = losses({ readers: 1_000 });
  large.many(100);
  large.clock.now += 10 * MINUTE;
  assert.equal(large.lose('es-7').do, 'believe');
});

test('those that were believed count for a while: without a grace period no more go than the rule allows', () => {
  const { clock, lose, many } = losses({ readers: 20, grace: 0 });
  const verdicts = many(15).map((each) => each.do);
  assert.deepEqual([verdicts.filter((each) => each === 'believe').length, verdicts.at(-1)], [10, 'hold']);
  clock.now += 11 * MINUTE;
  assert.equal(lose('es-14').do, 'believe', 'ten of them are long ago');
});

test('somebody says that it is meant: up to that moment, and no further', () => {
  const { clock, lose, many } = losses({ readers: 12 });
  many(12);
  assert.equal(lose('es-3', { confirmed: clock.now - 1 }).do, 'hold');
  assert.equal(lose('es-3', { confirmed: clock.now }).do, 'believe');
});

test('a controller that begins counts what statuses say before it looks at any', () => {
  const { clock, all, lose } = losses({ readers: 12 });
  const since = clock.now - 60 * MINUTE;
  for (let n = 0; n < 12; n++) all.remember({ key: `es-${String(n)}`, stores: ['SecretStore shop/ours'], since });
  assert.deepEqual(lose('es-0', { since }).do, 'hold');
});
