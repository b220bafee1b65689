import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PendingLogins } from './pending.ts';

const login = (address: string) => ({
  ...{ role: 'r', redirectUri: '', nonce: 'n', verifier: 'v', clientNonce: 'c' },
  address,
});

test('a stranger who begins many logins pushes out their own, and keeps nobody from beginning one', () => {
  const pending = new PendingLogins();
  pending.add('mine', login('192.0.2.1'), 0);
  for (let at = 0; at < 25_000; at += 1) {
    // As many addresses as a network of one machine has.
    const address = at % 2 === 0 ? `2001:db8::${at.toString(16)}` : `2001:db8:0:0:1::${at.toString(16)}`;
    pending.add(`s${String(at)}`, login(address), 0);
  }
  assert.ok(pending.find('mine', 0));
  assert.equal(pending.find('s22999', 0), undefined, 'no more than 2,000 of one');
  assert.ok(pending.find('s23000', 0));
  pending.add('later', login('::ffff:192.0.2.1'), 0);
  assert.ok(pending.find('later', 0));
});

test('a login that is given back keeps its end', () => {
  const pending = new PendingLogins();
  pending.add('a', login('192.0.2.1'), 0);
  const taken = pending.take('a', 1);
  assert.ok(taken);
  assert.equal(pending.find('a', 1), undefined);
  pending.giveBack('a', { ...taken, isAnswered: true });
  pending.giveBack('a', taken);
  assert.equal(pending.find('a', 599_999), taken);
  assert.equal(pending.find('a', 600_000), undefined);
});
