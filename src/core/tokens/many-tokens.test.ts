import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode, testNode } from '../../../test/support/node.ts';
import { encodeRecord } from '../../lib/record.ts';
import { everyKey } from '../../storage/every-key.ts';
import { openMemoryStore } from '../../storage/memory/open.ts';
import { keys, ROOT_NAMESPACE } from '../keys.ts';
import type { Node } from '../node.ts';

/** More than one page of a revocation. */
const MANY = 450;

async function create(node: Node, by: string, count: number, policy = 'default'): Promise<readonly string[]> {
  const made = Array.from({ length: count }, () =>
    ask(node, 'POST', 'auth/token/create', { token: by, body: { policies: [policy], ttl: '1h' } }),
  );
  return (await Promise.all(made)).map(({ auth }) => String(auth?.['client_token']));
}

async function live(node: Node, tokens: readonly string[]): Promise<number> {
  const found = await Promise.all(tokens.map((token) => ask(node, 'GET', 'auth/token/lookup-self', { token })));
  return found.filter(({ status }) => status === 200).length;
}

test('accessors are listed whole and in pages, without those of tokens that have ended', async () => {
  let now = Date.UTC(2026, 0, 1);
  const { node, root: token } = await runningNode({ now: () => now });
  await using _ = node;
  const [parent = ''] = await create(node, token, 1, 'root');
  await create(node, parent, 4);
  await ask(node, 'POST', 'auth/token/create', { token, body: { ttl: '30s' } });
  const list = async (query: Record<string, string>): Promise<readonly string[]> => {
    const { reply } = await ask(node, 'LIST', 'auth/token/accessors', { token, query });
    return (reply?.data?.['keys'] ?? []) as readonly string[];
  };
  assert.equal((await list({})).length, 7);
  now += 31_000;
  const all = await list({});
  assert.equal(all.length, 6, 'one has expired, swept or not');
  const paged: string[] = [];
  for (let page = await list({ limit: '4' }); page.length > 0;) {
    paged.push(...page);
    page = await list({ limit: '4', after: paged.at(-1) ?? '' });
  }
  assert.deepEqual(paged, all);
  assert.ok(node.services.tokens.cached < 7, 'a list leaves the cache to the tokens in use');
  now += 3_600_000;
  assert.equal((await list({})).length, 1, 'children end with their parent');
});

test('a token with more children than a page ends alone: all of them go on as orphans', async () => {
  const { node, root: token } = await runningNode();
  await using _ = node;
  const [parent = ''] = await create(node, token, 1, 'root');
  const children = await create(node, parent, MANY);
  assert.equal((await ask(node, 'POST', 'auth/token/revoke-orphan', { token, body: { token: parent } })).status, 204);
  assert.equal(await live(node, [parent]), 0);
  assert.equal(await live(node, children), MANY);
  const [child = ''] = children;
  const { reply } = await ask(node, 'GET', 'auth/token/lookup-self', { token: child });
  assert.equal(reply?.data?.['orphan'], true);
  using snapshot = node.services.store.snapshot();
  assert.deepEqual([...everyKey(snapshot, `l/${ROOT_NAMESPACE}/revocations/`)], []);
});

test('a node serves while it finishes, after a restart, what was cut off', async () => {
  const store = openMemoryStore();
  const { node, root: token, share } = await runningNode({ store });
  const [parent = ''] = await create(node, token, 1, 'root');
  const children = await create(node, parent, MANY);
  const { services } = node;
  const gone = keys.data('s', ROOT_NAMESPACE, 'removed');
  // As a crash leaves it: the root of the tree is gone and marked, a mount is gone and ordered to be emptied.
  await services.store.transact((tx) => {
    const key = services.tokens.keyOf(parent);
    services.tokens.remove(tx, key);
    tx.put(keys.revocations(ROOT_NAMESPACE) + key, new Uint8Array());
    tx.put(`${keys.removals(ROOT_NAMESPACE)}removed`, encodeRecord({ path: 'old/' }));
    for (let at = 0; at < 2_000; at += 1) tx.put(gone + String(at), new Uint8Array(1));
  });
  await node[Symbol.asyncDispose]();

  await using again = testNode({ store });
  const left = (): number => {
    using snapshot = store.snapshot();
    const prefixes = [gone, keys.removals(ROOT_NAMESPACE), keys.revocations(ROOT_NAMESPACE)];
    return prefixes.flatMap((prefix) => [...everyKey(snapshot, prefix)]).length;
  };
  await again.unseal(Buffer.from(share, 'hex'));
  assert.ok(left() > 0, 'unsealing did not wait for it');
  assert.equal(await live(again, children), 0);
  const done = Promise.withResolvers<void>();
  using _watch = store.observe(() => {
    // Publication comes before what reads show.
    queueMicrotask(() => {
      if (left() === 0) done.resolve();
    });
  });
  if (left() > 0) await done.promise;
  using snapshot = store.snapshot();
  assert.equal([...everyKey(snapshot, keys.tokens(ROOT_NAMESPACE))].length, 1);
});

test('of tokens that are made together one that is refused keeps back no other, and an id is given once', async () => {
  const { node, root: token } = await runningNode();
  await using _ = node;
  const bodies = [{ id: 'chosen' }, {}, { id: 'chosen' }, {}];
  const made = await Promise.all(bodies.map((body) => ask(node, 'POST', 'auth/token/create', { token, body })));
  assert.deepEqual(
    made.map(({ status }) => status),
    [200, 200, 400, 200],
  );
  assert.equal(await live(node, ['chosen', ...made.map(({ auth }) => String(auth?.['client_token']))]), 4);
  const again = await ask(node, 'POST', 'auth/token/create', { token, body: { id: 'chosen' } });
  assert.equal(again.status, 400);
});
