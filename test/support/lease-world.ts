/** A node with the engine of files, a clock that stands, and what must hold of all leases at any moment. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { keys } from '../../src/core/keys.ts';
import { leaseEntries } from '../../src/core/leases/lease-records.ts';
import type { LeaseRecord } from '../../src/core/leases/lease.ts';
import type { Node } from '../../src/core/node.ts';
import type { TokenRecord } from '../../src/core/tokens/token.ts';
import type { JsonObject } from '../../src/framework/field.ts';
import { decodeFound } from '../../src/lib/record.ts';
import { everyKey } from '../../src/storage/every-key.ts';
import { openMemoryStore } from '../../src/storage/memory/open.ts';
import type { Store } from '../../src/storage/store.ts';
import { files, usersIn } from './file-engine.ts';
import { assertCounts, leaseCounts } from './lease-counts.ts';
import { ask, runningNode, testNode, type Asking, type TestNodeOptions } from './node.ts';

export const BEGIN = Date.parse('2026-01-01T00:00:00Z');

export class LeaseWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'lockstep-leases-'));
  readonly store: Store;
  now = BEGIN;
  root = '';
  share = '';
  node: Node;
  readonly #options: TestNodeOptions;

  private constructor(options: TestNodeOptions) {
    this.store = options.store ?? openMemoryStore();
    this.#options = { engines: { files }, store: this.store, now: () => this.now, ...options };
    this.node = testNode(this.#options);
  }

  static async open(t: Pick<TestContext, 'after'> | undefined, options: TestNodeOptions = {}): Promise<LeaseWorld> {
    const world = new LeaseWorld(options);
    const { node, root, share } = await runningNode(world.#options);
    Object.assign(world, { node, root, share });
    t?.after(() => world.close());
    await world.must('POST', 'sys/mounts/db', { body: { type: 'files', options: { folder: world.folder } } });
    return world;
  }

  async close(): Promise<void> {
    await this.node[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Another process with the same store, as after a restart. */
  async restart(): Promise<void> {
    await this.node[Symbol.asyncDispose]();
    this.node = testNode(this.#options);
    await this.node.unseal(Buffer.from(this.share, 'hex'));
  }

  ask(method: string, path: string, asking: Asking = {}) {
    return ask(this.node, method, path, { token: this.root, ...asking });
  }

  async must(method: string, path: string, asking: Asking = {}) {
    const outcome = await this.ask(method, path, asking);
    assert.ok(outcome.status < 300, `${method} ${path}: ${String(outcome.status)} ${(outcome.errors ?? []).join()}`);
    return outcome;
  }

  /** What is told, and nothing where it is no error. */
  async refused(method: string, path: string, asking: Asking = {}): Promise<readonly unknown[]> {
    const { status, errors } = await this.ask(method, path, asking);
    return [status, ...(errors ?? [])];
  }

  async token(body: JsonObject = {}, token: string = this.root, namespace: string = ''): Promise<string> {
    const made = await this.must('POST', 'auth/token/create', { token, namespace, body });
    return String(made.auth?.['client_token']);
  }

  look(id: string, asking: Asking = {}) {
    return this.ask('POST', 'sys/leases/lookup', { body: { lease_id: id }, ...asking });
  }

  /** Users outside. */
  users(): readonly string[] {
    return usersIn(this.folder);
  }

  behave(name: string, on: boolean, text: string = ''): void {
    if (on) writeFileSync(join(this.folder, name), text);
    else rmSync(join(this.folder, name), { force: true });
  }

  /** Works off what is due by now. */
  async settle(): Promise<void> {
    await this.node.tick();
    await this.node.services.leaseExpiry.idle();
  }

  /** All leases there are, live or not. */
  leases(): readonly LeaseRecord[] {
    const { store } = this.node.services;
    using snapshot = store.snapshot();
    return [...everyKey(snapshot, 'l/')]
      .filter((key) => /^l\/[^/]+\/leases\//.test(key))
      .flatMap((key) => decodeFound<LeaseRecord>(snapshot.get(key)) ?? []);
  }

  /** All tokens that are stored. */
  tokens(): readonly TokenRecord[] {
    const { store } = this.node.services;
    using snapshot = store.snapshot();
    return [...everyKey(snapshot, 'l/')]
      .filter((key) => /^l\/[^/]+\/tokens\//.test(key))
      .flatMap((key) => decodeFound<TokenRecord>(snapshot.get(key)) ?? []);
  }

  mount(path: string = 'db/', namespace: string = 'root'): string {
    return this.node.services.mounts.at(namespace, path)?.record.uuid ?? '';
  }

  count(path?: string, namespace: string = 'root') {
    return this.node.services.leases.count(namespace, this.mount(path, namespace));
  }

  /** Each lease has the entries that find it, no entry is of nothing, and the counts are right. */
  assertWhole(): void {
    const { store } = this.node.services;
    using snapshot = store.snapshot();
    const expected = new Set<string>();
    const counts = new Map<string, { all: number; irrevocable: number }>();
    for (const record of this.leases()) {
      const key = this.node.services.leases.keyOf(record.namespace, record.id);
      expected.add(keys.lease(record.namespace, key));
      for (const entry of leaseEntries(key, record)) expected.add(entry);
      const at = keys.leaseCount(record.namespace, record.mount);
      const known = counts.get(at) ?? { all: 0, irrevocable: 0 };
      known.all += 1;
      known.irrevocable += record.state.kind === 'irrevocable' ? 1 : 0;
      counts.set(at, known);
    }
    const there = [...everyKey(snapshot, 'l/')].filter((key) =>
      /^l\/[^/]+\/(leases|lease-(?!groups)|token-leases)/.test(key),
    );
    assert.deepEqual(there.filter((key) => !key.includes('/lease-counts/')).sort(), [...expected].sort());
    const stored = there.filter((key) => key.includes('/lease-counts/'));
    assert.deepEqual(new Map(stored.map((key) => [key, decodeFound(snapshot.get(key))])), counts);
    assertCounts(leaseCounts(store));
  }
}
