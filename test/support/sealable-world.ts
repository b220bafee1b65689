/** A node with namespaces that have a seal of their own. */
import assert from 'node:assert/strict';
import type { Node } from '../../src/core/node.ts';
import type { JsonObject } from '../../src/framework/field.ts';
import type { Outcome } from '../../src/framework/request.ts';
import { ask, runningNode, type Asking, type TestNodeOptions } from './node.ts';

const SEAL = 'seal "shamir" { shares = 3 threshold = 2 }';

async function must(node: Node, method: string, path: string, asking: Asking): Promise<Outcome> {
  const outcome = await ask(node, method, path, asking);
  assert.ok(outcome.status < 300, `${method} ${asking.namespace ?? ''} ${path}: ${(outcome.errors ?? []).join()}`);
  return outcome;
}

export const dataOf = ({ reply }: Outcome): JsonObject => reply?.data ?? {};

export class SealableWorld {
  readonly node: Node;
  readonly root: string;

  constructor({ node, root }: { readonly node: Node; readonly root: string }) {
    this.node = node;
    this.root = root;
  }

  /** As root. */
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

/** With `vault`, unsealed, and a secret in it at `kv/x`. Two of its three shares unseal it. */
export async function withVault(options: TestNodeOptions = {}) {
  const running = await runningNode(options);
  const world = new SealableWorld(running);
  const shares = await world.make('vault');
  assert.equal(await world.status('sys/mounts', 'vault'), 503);
  assert.equal((await world.unseal('vault', shares))['sealed'], false);
  await world.must('POST', 'sys/mounts/kv', { type: 'kv' }, 'vault');
  await world.must('POST', 'kv/x', { word: 'hush' }, 'vault');
  return { ...running, world, shares };
}
