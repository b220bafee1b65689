/** Trees of tokens and wrapped replies under random operations, against a model that is a few lines long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ask, runningNode } from '../../../test/support/node.ts';
import { keys } from '../keys.ts';
import type { Node } from '../node.ts';
import type { Store } from '../../storage/store.ts';
import { Revocation } from './revocation.ts';

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

  /** Every tree at its root. */
  async endAll(): Promise<void> {
    for (const one of this.all) {
      if (!one.alive || one.parent !== undefined) continue;
      await this.#revoke('revoke', one);
      this.#end(one);
    }
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

/** All that the store keeps of tokens, and for them. */
function kept({ services }: Node): readonly string[] {
  using snapshot = services.store.snapshot();
  const areas = [keys.tokens('root'), keys.accessors('root'), keys.allChildren('root'), keys.expiries('root')];
  return [...areas, keys.revocations('root')].flatMap((area) => snapshot.list(area, { limit: 10_000 }));
}

/** Deep enough that what ends has children, and children of these. */
const steps = fc.array(step, { minLength: 6, maxLength: 24, size: 'max' });

test('a token ends with its parent, a child that was let go does not, and of what ended nothing is left', async () => {
  const { node, root } = await runningNode();
  await using _ = node;
  const policy = 'path "auth/token/*" { capabilities = ["create", "read", "update", "sudo"] }';
  await ask(node, 'PUT', 'sys/policies/acl/all', { token: root, body: { policy } });
  const before = kept(node);
  const property = fc.asyncProperty(steps, async (all) => {
    const forest = new Forest(node, root);
    for (let at = 0; at < 2; at += 1) await forest.make(root, undefined);
    for (const made of [...forest.all]) await forest.make(made.token, made);
    for (const each of all) {
      await forest.do(each);
      await forest.check();
    }
    const children = kept(node).filter((key) => key.startsWith(keys.allChildren('root')));
    assert.equal(children.length, forest.all.filter(({ alive, parent }) => alive && parent !== undefined).length);
    await forest.endAll();
    assert.deepEqual(kept(node), before);
  });
  await fc.assert(property, { numRuns: 24 });
});

/** The same store until so many transactions were made; then it is as if the process had ended. */
function cutOff(store: Store, after: number): Store {
  let left = after;
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'transact' && left-- <= 0) return () => Promise.reject(new Error('cut off'));
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

test('a revocation that is cut off anywhere leaves nothing that works, and is finished afterwards', async () => {
  const { node, root } = await runningNode();
  await using _ = node;
  const policy = 'path "auth/token/*" { capabilities = ["create", "update", "sudo"] }';
  await ask(node, 'PUT', 'sys/policies/acl/all', { token: root, body: { policy } });
  const { store, tokens, revocation, now } = node.services;
  const before = kept(node);
  for (let after = 1, ended = false; !ended; after += 1) {
    const forest = new Forest(node, root);
    await forest.make(root, undefined);
    // Each the child of the one before it, and of some two: so it takes several transactions.
    for (let at = 0; at < 8; at += 1) {
      const parent = forest.all.at(at % 3 === 0 ? -1 : -2) ?? forest.all[0];
      if (parent !== undefined) await forest.make(parent.token, parent);
    }
    const [top] = forest.all;
    assert.ok(top);
    const cut = new Revocation(cutOff(store, after), tokens, now);
    ended = await cut.revoke(tokens.keyOf(top.token)).then(
      () => true,
      () => false,
    );
    for (const { token } of forest.all) assert.equal(tokens.find(token), undefined);
    await revocation.resume();
    assert.deepEqual(kept(node), before, `after ${String(after)} transactions`);
    assert.ok(ended || after < 50);
    if (after === 1) assert.equal(ended, false);
  }
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
