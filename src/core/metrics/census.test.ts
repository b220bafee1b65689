import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode, testNode } from '../../../test/support/node.ts';
import { nextTurn } from '../../lib/next-turn.ts';
import { openMemoryStore } from '../../storage/memory/open.ts';
import { everyKey } from '../../storage/every-key.ts';
import { keys, ROOT_NAMESPACE } from '../keys.ts';
import type { Node } from '../node.ts';
import { KeyCount } from './census.ts';

const value = new Uint8Array(1);
const key = (at: number): string => `p/${String(at).padStart(6, '0')}`;

test('keys are counted in the background, exactly, also while they change', async () => {
  await using store = openMemoryStore();
  await store.transact((tx) => {
    for (let at = 0; at < 9_000; at += 2) tx.put(key(at), value);
    tx.put('o', value);
    tx.put('q', value);
  });
  using count = new KeyCount(store, { now: () => ['p/'], has: (at) => at.startsWith('p/') });
  assert.equal(count.value, undefined);
  let turns = 0;
  for (; count.value === undefined; turns += 1) {
    // Before the place that is counted and behind it.
    for (let at = turns; at < 9_000; at += 331) {
      await store.transact((tx) => {
        // More come than go, or what is counted wrongly on both sides would cancel out.
        if (at % 2 === 1 && tx.get(key(at)) === undefined) tx.put(key(at), value);
        if (at % 4 === 0 && tx.get(key(at)) !== undefined) tx.delete(key(at));
        tx.put('o', value);
      });
    }
    await nextTurn();
  }
  assert.ok(turns > 2);
  using snapshot = store.snapshot();
  assert.equal(count.value, [...everyKey(snapshot, 'p/')].length);
});

async function shown(node: Node, token: string, name: string): Promise<number | undefined> {
  const query = { format: 'prometheus' };
  const body = String((await ask(node, 'GET', 'sys/metrics', { token, query })).reply?.raw?.body);
  const found = new RegExp(`^${name} (\\d+)$`, 'm').exec(body)?.[1];
  return found === undefined ? undefined : Number(found);
}

function below(node: Node, prefix: string): number {
  using snapshot = node.services.store.snapshot();
  return [...everyKey(snapshot, prefix)].length;
}

async function assertShown(node: Node, token: string): Promise<void> {
  assert.equal(await shown(node, token, 'vault_token_count'), below(node, keys.tokens(ROOT_NAMESPACE)));
  assert.equal(await shown(node, token, 'vault_expire_num_leases'), below(node, keys.expiries(ROOT_NAMESPACE)));
}

test('the counts of tokens hold through creation, renewal, revocation, expiry and a restart', async () => {
  let now = Date.UTC(2026, 0, 1);
  const store = openMemoryStore();
  const { node, root: token, share } = await runningNode({ store, now: () => now });
  const create = async (body: Readonly<Record<string, string | boolean | number>>, by = token): Promise<string> => {
    const made = await ask(node, 'POST', 'auth/token/create', { token: by, body });
    return String(made.auth?.['client_token']);
  };
  await assertShown(node, token);
  const parent = await create({ ttl: '1h' });
  const children = [await create({ ttl: '2h' }, parent), await create({ ttl: '2h' }, parent)];
  const orphan = await create({ ttl: '30s', no_parent: true });
  const once = await create({ num_uses: 1, ttl: '1h', no_parent: true });
  assert.equal(await shown(node, token, 'vault_token_count'), 6);
  assert.equal(await shown(node, token, 'vault_expire_num_leases'), 5);
  await ask(node, 'POST', 'auth/token/renew-self', { token: children[0] ?? '', body: { increment: '3h' } });
  await ask(node, 'GET', 'auth/token/lookup-self', { token: once });
  await assertShown(node, token);
  await ask(node, 'POST', 'auth/token/renew-self', { token: orphan, body: { increment: '40s' } });
  now += 60_000;
  const { tokens, revocation } = node.services;
  // The tick has seen that it is due when the revocation takes it away.
  await Promise.all([revocation.revoke(tokens.keyOf(orphan)), node.tick()]);
  await assertShown(node, token);
  await ask(node, 'POST', 'auth/token/revoke-orphan', { token, body: { token: parent } });
  await assertShown(node, token);
  assert.equal(await shown(node, token, 'vault_token_count'), 3);

  await node[Symbol.asyncDispose]();
  await using again = testNode({ store, now: () => now });
  await again.unseal(Buffer.from(share, 'hex'));
  assert.equal(await shown(again, token, 'vault_token_count'), 3);
  await assertShown(again, token);
});
