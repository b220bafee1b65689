/** Trees of tokens and wrapped replies under random operations, against a model that is a few lines long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ask, runningNode } from '../../../test/support/node.ts';
import type { Node } from '../node.ts';

type Step =
  | { readonly do: 'child' | 'orphan'; readonly of: number }
  | { readonly do: 'revoke' | 'revoke-accessor' | 'revoke-orphan' | 'revoke-self'; readonly of: number };

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom('child', 'child', 'child', 'orphan', 'revoke', 'revoke-accessor', 'revoke-orphan', 'revoke-self'),
  of: fc.nat(),
});

interface Known {
  readonly token: string;
  readonly accessor: string;
  parent: Known | undefined;
  alive: boolean;
}

class Forest {
  readonly #node: Node;
  readonly #root: string;
  readonly all: Known[] = [];

  constructor(node: Node, root: string) {
    this.#node = node;
    this.#root = root;
  }

  async make(token: string, parent: Known | undefined): Promise<void> {
    const body = { policies: ['all'], no_parent: parent === undefined, ttl: '1h' };
    const { auth } = await ask(this.#node, 'PUT', 'auth/token/create', { token, body });
    const { client_token: made, accessor } = auth ?? {};
    this.all.push({ token: String(made), accessor: String(accessor), parent, alive: true });
  }

  async do({ do: what, of }: Step): Promise<void> {
    const living = this.all.filter(({ alive }) => alive);
    const one = living[of % Math.max(1, living.length)];
    if (one === undefined) return;
    if (what === 'child' || what === 'orphan') return this.make(one.token, what === 'orphan' ? undefined : one);
    await this.#revoke(what, one);
    if (what === 'revoke-orphan') for (const each of this.all) if (each.parent === one) each.parent = undefined;
    this.#end(one);
  }

  async #revoke(what: Step['do'], { token, accessor }: Known): Promise<void> {
    const own = what === 'revoke-self';
    const body = own ? {} : what === 'revoke-accessor' ? { accessor } : { token };
    await ask(this.#node, 'PUT', `auth/token/${what}`, { token: own ? token : this.#root, body });
  }

  /** With all below it that has not been let go. */
  #end(gone: Known): void {
    gone.alive = false;
    for (const each of this.all) if (each.alive && each.parent === gone) this.#end(each);
  }

  async check(): Promise<void> {
    for (const { token, accessor, alive } of this.all) {
      const self = await ask(this.#node, 'GET', 'auth/token/lookup-self', { token });
      assert.equal(self.status, alive ? 200 : 403);
      const body = { accessor };
      const found = await ask(this.#node, 'PUT', 'auth/token/lookup-accessor', { token: this.#root, body });
      assert.equal(found.status === 200, alive, 'by its accessor');
    }
    const listed = await ask(this.#node, 'LIST', 'auth/token/accessors', { token: this.#root });
    const keys = new Set(listed.reply?.data?.['keys'] as string[]);
    for (const { accessor, alive } of this.all) assert.equal(keys.has(accessor), alive, 'in the list');
  }
}

test('a token ends with its parent, and a child that was let go does not', async () => {
  const { node, root } = await runningNode();
  await using _ = node;
  const policy = 'path "auth/token/*" { capabilities = ["create", "read", "update", "sudo"] }';
  await ask(node, 'PUT', 'sys/policies/acl/all', { token: root, body: { policy } });
  const property = fc.asyncProperty(fc.array(step, { maxLength: 24 }), async (steps) => {
    const forest = new Forest(node, root);
    await forest.make(root, undefined);
    for (const each of steps) {
      await forest.do(each);
      await forest.check();
    }
  });
  await fc.assert(property, { numRuns: 40 });
});

test('a wrapped reply is given to one at most, whatever many do with it at once', async () => {
  const { node, root } = await runningNode();
  await using _ = node;
  await ask(node, 'PUT', 'cubbyhole/a', { token: root, body: { word: 'hush' } });
  const move = fc.constantFrom('unwrap', 'unwrap', 'unwrap-self', 'rewrap', 'lookup', 'revoke');
  const property = fc.asyncProperty(fc.array(move, { minLength: 2, maxLength: 8 }), async (moves) => {
    const wrapped = await ask(node, 'GET', 'cubbyhole/a', { token: root, wrapTtl: 60 });
    const token = String(wrapped.wrapInfo?.['token']);
    const answers = await Promise.all(
      moves.map((what) => {
        if (what === 'unwrap-self') return ask(node, 'PUT', 'sys/wrapping/unwrap', { token });
        const path = what === 'revoke' ? 'auth/token/revoke' : `sys/wrapping/${what}`;
        return ask(node, 'PUT', path, { token: root, body: { token } });
      }),
    );
    const given = answers.filter(({ status }, at) => status === 200 && moves[at]?.startsWith('unwrap') === true).length;
    const anew = answers.flatMap(({ wrapInfo }) => (wrapInfo === null ? [] : [String(wrapInfo['token'])]));
    assert.ok(given + anew.length <= 1, `${moves.join()}: ${String(given)} given, ${String(anew.length)} wrapped anew`);
    if (!moves.includes('revoke') && moves.some((what) => what !== 'lookup')) assert.equal(given + anew.length, 1);
    // Of the one that took its place the same holds.
    for (const next of anew) {
      const twice = await Promise.all([0, 1].map(() => ask(node, 'PUT', 'sys/wrapping/unwrap', { token: next })));
      assert.equal(twice.filter(({ status }) => status === 200).length, 1);
    }
    // Only looked at, it is still there; otherwise it is gone for all.
    const last = await ask(node, 'PUT', 'sys/wrapping/unwrap', { token });
    assert.equal(
      last.status === 200,
      moves.every((what) => what === 'lookup'),
    );
  });
  await fc.assert(property, { numRuns: 120 });
});
