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
  assert.deepEqual(pending.find('a', 599_999), taken);
  assert.equal(pending.find('a', 600_000), undefined);
});

const posted = { code: 'code', idToken: '', error: undefined };

function post(pending: PendingLogins, state: string, address: string): void {
  pending.add(state, login(address), 0);
  const begun = pending.find(state, 0);
  assert.ok(begun);
  pending.giveBack(state, { ...begun, posted });
}

test('what is posted to the logins of one address is bounded, and nobody else loses theirs', () => {
  const pending = new PendingLogins();
  post(pending, 'mine', '192.0.2.1');
  for (let at = 0; at < 150; at += 1) post(pending, `s${String(at)}`, '198.51.100.1');
  assert.equal(pending.find('mine', 0)?.posted?.code, 'code');
  const held = Array.from({ length: 150 }, (_, at) => pending.find(`s${String(at)}`, 0)?.posted).filter(Boolean);
  assert.equal(held.length, 100);
  assert.ok(pending.find('s0', 0), 'the login itself goes on');
});

test('what was posted goes with its login', () => {
  const pending = new PendingLogins();
  post(pending, 'a', '192.0.2.1');
  assert.equal(pending.take('a', 0)?.posted?.code, 'code');
  pending.add('a', login('192.0.2.1'), 0);
  assert.equal(pending.find('a', 0)?.posted, undefined);
});
