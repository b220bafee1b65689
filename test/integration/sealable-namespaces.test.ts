import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../../src/core/node.ts';
import type { JsonObject } from '../../src/framework/field.ts';
import type { Outcome } from '../../src/framework/request.ts';
import { ask, runningNode, type Asking } from '../support/node.ts';

const SEAL = 'seal "shamir" { shares = 3 threshold = 2 }';

async function must(node: Node, method: string, path: string, asking: Asking): Promise<Outcome> {
  const outcome = await ask(node, method, path, asking);
  assert.ok(outcome.status < 300, `${method} ${asking.namespace ?? ''} ${path}: ${(outcome.errors ?? []).join()}`);
  return outcome;
}

const dataOf = ({ reply }: Outcome): JsonObject => reply?.data ?? {};

class World {
  readonly node: Node;
  readonly root: string;

  constructor({ node, root }: { readonly node: Node; readonly root: string }) {
    this.node = node;
    this.root = root;
  }

  must(method: string, path: string, body?: JsonObject, namespace = ''): Promise<Outcome> {
    return must(this.node, method, path, { token: this.root, namespace, ...(body === undefined ? {} : { body }) });
  }

  async status(path: string, namespace = ''): Promise<number> {
    return (await ask(this.node, 'GET', path, { token: this.root, namespace })).status;
  }

  /** Makes one, sealed. Answers its shares. */
  async make(name: string, namespace = ''): Promise<readonly string[]> {
    const made = dataOf(await this.must('POST', `sys/namespaces/${name}`, { seal: SEAL }, namespace));
    assert.equal(made['key_threshold'], 2);
    return made['key_shares'] as readonly string[];
  }

  async unseal(name: string, shares: readonly string[], namespace = ''): Promise<JsonObject> {
    let status: JsonObject = {};
    for (const key of shares.slice(0, 2)) {
      status = dataOf(await this.must('PUT', `sys/namespaces/${name}/unseal`, { key }, namespace));
    }
    return status;
  }

  seal(name: string, namespace = ''): Promise<Outcome> {
    return this.must('PUT', `sys/namespaces/${name}/seal`, undefined, namespace);
  }
}

async function withVault() {
  const running = await runningNode();
  const world = new World(running);
  const shares = await world.make('vault');
  assert.equal(await world.status('sys/mounts', 'vault'), 503);
  assert.equal((await world.unseal('vault', shares))['sealed'], false);
  await world.must('POST', 'sys/mounts/kv', { type: 'kv' }, 'vault');
  await world.must('POST', 'kv/x', { word: 'hush' }, 'vault');
  return { ...running, world, shares };
}

test('a namespace with a seal of its own is made sealed, and serves between unseal and seal', async () => {
  const { node, world, shares } = await withVault();
  await using _ = node;
  assert.equal(await world.status('kv/x', 'vault'), 200);
  await world.seal('vault');
  const refused = await ask(node, 'GET', 'kv/x', { token: world.root, namespace: 'vault' });
  assert.deepEqual([refused.status, refused.errors], [503, ['namespace is sealed']]);
  assert.equal(await world.status('vault/kv/x'), 503);
  assert.equal(await world.status('sys/namespaces/vault'), 200);
  const progress = dataOf(await world.must('PUT', 'sys/namespaces/vault/unseal', { key: shares[0] ?? '' }));
  const { nonce, ...rest } = progress;
  assert.deepEqual(rest, { type: 'shamir', initialized: true, sealed: true, t: 2, n: 3, progress: 1 });
  assert.match(String(nonce), /^[0-9a-f-]{36}$/);
  await world.must('PUT', 'sys/namespaces/vault/unseal', { key: shares[2] ?? '' });
  assert.deepEqual(dataOf(await world.must('GET', 'kv/x', undefined, 'vault')), { word: 'hush' });
});
