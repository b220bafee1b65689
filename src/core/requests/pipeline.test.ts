import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ask, runningNode } from '../../../test/support/node.ts';
import { takeKey } from '../../lib/crypto/hash.ts';
import { brokerTrail } from '../audit/access-trail.ts';
import { AuditBroker } from '../audit/broker.ts';
import type { AuditDevice } from '../audit/device.ts';
import { Hasher } from '../audit/hasher.ts';
import { parseFormatOptions } from '../audit/options.ts';

type Entry = 'request' | 'response';

/** A device that records when it is told to. */
class HeldDevice implements AuditDevice {
  readonly type = 'held';
  readonly durable = false;
  /** Entries that wait, in order. */
  readonly waiting: { readonly type: Entry; readonly settle: (error?: Error) => void }[] = [];
  holds = false;
  /** How often it was given something. */
  calls = 0;

  async record(...lines: readonly string[]): Promise<void> {
    this.calls += 1;
    if (this.holds) await Promise.all(lines.map((line) => this.#held(line)));
  }

  #held(line: string): Promise<void> {
    const { type } = JSON.parse(line) as { type: Entry };
    return new Promise((resolve, reject) => {
      this.waiting.push({ type, settle: (error) => (error === undefined ? resolve() : reject(error)) });
    });
  }

  reopen(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

class CountingHasher extends Hasher {
  readonly hashed: string[] = [];

  override hash(text: string): string {
    this.hashed.push(text);
    return super.hash(text);
  }
}

async function audited() {
  const quiet = { report: () => undefined, warn: () => undefined };
  const broker = new AuditBroker({ now: Date.now, monotonic: () => 0, ...quiet });
  const device = new HeldDevice();
  const hasher = new CountingHasher(takeKey(Buffer.alloc(32, 1)));
  await broker.enable({ path: 'held/', device, format: parseFormatOptions({}, [], { prefixing: false }), hasher });
  const made = await runningNode({ trail: brokerTrail(broker) });
  const token = made.root;
  await ask(made.node, 'POST', 'sys/mounts/secret', { token, body: { type: 'kv' } });
  await ask(made.node, 'POST', 'secret/a', { token, body: { password: 'p1' } });
  hasher.hashed.length = 0;
  return { ...made, broker, device, hasher };
}

/** What is under way now has happened when this resolves. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function isAnswered(answer: Promise<unknown>): Promise<boolean> {
  return Promise.race([answer.then(() => true), turn().then(() => false)]);
}

test('a read gives both of its entries at once, and is answered when both are on record', async () => {
  const { node, root: token, device } = await audited();
  await using _ = node;
  device.holds = true;
  device.calls = 0;
  const answer = ask(node, 'GET', 'secret/a', { token });
  assert.equal(device.calls, 1);
  const types = device.waiting.map(({ type }) => type);
  assert.deepEqual(types, ['request', 'response']);
  device.waiting[1]?.settle();
  assert.equal(await isAnswered(answer), false);
  device.waiting[0]?.settle();
  assert.deepEqual((await answer).reply?.data, { password: 'p1' });
});

test('a read of which either entry cannot be recorded is refused', async () => {
  const { node, root: token, device } = await audited();
  await using _ = node;
  device.holds = true;
  for (const lost of [0, 1]) {
    const answer = ask(node, 'GET', 'secret/a', { token });
    for (const [at, { settle }] of device.waiting.splice(0).entries()) {
      settle(at === lost ? new Error('no room') : undefined);
    }
    const { status, reply } = await answer;
    assert.equal(status, 500);
    assert.equal(reply?.data, undefined);
  }
});

test('nothing is changed before the request is on record', async () => {
  const { node, root: token, device } = await audited();
  await using _ = node;
  const { store } = node.services;
  const before = store.position;
  const changes = [
    () => ask(node, 'POST', 'secret/a', { token, body: { password: 'p2' } }),
    () => ask(node, 'DELETE', 'secret/a', { token }),
    // A read, but its reply is put aside in the storage.
    () => ask(node, 'GET', 'secret/a', { token, wrapTtl: 60 }),
  ];
  for (const change of changes) {
    device.holds = true;
    const answer = change();
    assert.equal(await isAnswered(answer), false);
    assert.deepEqual(
      device.waiting.map(({ type }) => type),
      ['request'],
    );
    device.waiting.pop()?.settle(new Error('no room'));
    assert.equal((await answer).status, 500);
    assert.deepEqual(store.position, before);
  }
});

test('of a token that is known, and of a request without data, only what the reply holds is hashed', async () => {
  const { node, root: token, hasher } = await audited();
  await using _ = node;
  await ask(node, 'GET', 'secret/a', { token });
  assert.deepEqual(hasher.hashed, ['p1']);
});

test('what is still under way when the audit ends is refused, since it cannot be put on record; what tells nothing is not', async () => {
  const { node, root: token, broker } = await audited();
  await using _ = node;
  // More than one turn of the event loop reads: the list is under way when the audit ends.
  for (let at = 0; at <= 5_000; at += 500) {
    const names = Array.from({ length: 500 }, (_, i) => `secret/many/${String(at + i)}`);
    await Promise.all(names.map((path) => ask(node, 'POST', path, { token, body: { a: '1' } })));
  }
  const list = ask(node, 'LIST', 'secret/many', { token });
  const nothing = ask(node, 'DELETE', 'secret/a', { token });
  await broker[Symbol.asyncDispose]();
  assert.equal((await list).status, 500);
  assert.equal((await list).reply?.data, undefined);
  assert.equal((await nothing).status, 204);
  assert.equal((await ask(node, 'GET', 'secret/many/1', { token })).status, 500);
});
