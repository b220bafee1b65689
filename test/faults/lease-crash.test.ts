/**
 * A node is killed while it grants, renews, expires and revokes leases: at each failpoint, and at random. After a restart, once
 * all is settled, no user is left outside without a live lease, no live lease is without its user, what was acknowledged holds,
 * and what quotas count is what there is.
 */
import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { usersIn } from '../support/file-engine.ts';
import { assertCounts } from '../support/lease-counts.ts';
import type { Order, Told } from './lease-node.ts';

const program = join(import.meta.dirname, 'lease-node.ts');
/** Beyond the deadline of any intent. */
const SETTLED_SECONDS = 300;
const WORKERS = 6;
const MOST_ROUNDS = 60;

/** Ended before it answered. */
class Ended extends Error {}

class Child implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly exit: Promise<string | null>;
  readonly #waiting = new Map<number, PromiseWithResolvers<Told>>();
  #asked = 0;

  constructor(args: readonly string[]) {
    this.#process = fork(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#waiting.set(0, Promise.withResolvers<Told>());
    this.#process.on('message', ({ id, told }: { readonly id: number; readonly told: Told }) => {
      this.#waiting.get(id)?.resolve(told);
      this.#waiting.delete(id);
    });
    this.exit = once(this.#process, 'exit').then(([, signal]) => {
      for (const each of this.#waiting.values()) each.reject(new Ended());
      return signal as string | null;
    });
  }

  async ready(): Promise<void> {
    await this.#waiting.get(0)?.promise;
  }

  async order(order: Order): Promise<Told> {
    if (!this.#process.connected) throw new Ended();
    this.#asked += 1;
    const waiting = Promise.withResolvers<Told>();
    this.#waiting.set(this.#asked, waiting);
    this.#process.send({ id: this.#asked, order }, () => undefined);
    return waiting.promise;
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.exit;
  }
}

class World implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'lockstep-lease-crash-'));
  readonly outside = join(this.#folder, 'outside');
  readonly #data = join(this.#folder, 'data');
  #ahead = 0;
  #share = '';
  root = '';

  constructor() {
    mkdirSync(this.outside);
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Some minutes after the one before. */
  async start(failpoints: string = ''): Promise<Child> {
    const child = new Child([this.#data, String(this.#ahead), failpoints]);
    this.#ahead += SETTLED_SECONDS * 1_000;
    await child.ready();
    if (this.#share === '') {
      const made = await child.order({ do: 'init' });
      [this.root, this.#share] = [made.token ?? '', made.share ?? ''];
    }
    await child.order({ do: 'unseal', share: this.#share });
    return child;
  }

  async must(child: Child, method: string, path: string, asking: object = {}): Promise<Told> {
    const told = await child.order({ do: 'ask', method, path, asking: { token: this.root, ...asking } });
    assert.ok(told.status < 300, `${path}: ${String(told.status)}`);
    return told;
  }
}

/** What was acknowledged. */
class Known {
  readonly live = new Map<string, string>();
  readonly ended = new Set<string>();
}

/** One round of a worker: leases that stay, that are renewed, revoked, that end by time or with their token. */
async function round(world: World, child: Child, known: Known): Promise<void> {
  const grant = async (ttl: string, token: string = world.root): Promise<Told> =>
    world.must(child, 'GET', 'db/creds/app', { token, query: { ttl } });
  const stays = await grant('10h');
  known.live.set(stays.leaseId, String(stays.data?.['user']));
  await world.must(child, 'POST', 'sys/leases/renew', { body: { lease_id: stays.leaseId, increment: '11h' } });
  await grant('1s');
  const revoked = await grant('10h');
  await world.must(child, 'POST', 'sys/leases/revoke', { body: { lease_id: revoked.leaseId, sync: true } });
  known.ended.add(String(revoked.data?.['user']));
  const { token = '' } = await world.must(child, 'POST', 'auth/token/create', {
    body: { no_parent: true, policies: ['app'] },
  });
  await grant('10h', token);
  await grant('10h', token);
  await world.must(child, 'POST', 'auth/token/revoke', { body: { token } });
  await child.order({ do: 'settle', seconds: 2 });
}

async function work(world: World, child: Child, known: Known): Promise<void> {
  const worker = async (): Promise<void> => {
    for (let at = 0; at < MOST_ROUNDS; at += 1) await round(world, child, known);
  };
  const ends = await Promise.allSettled(Array.from({ length: WORKERS }, worker));
  for (const end of ends) {
    if (end.status === 'rejected' && !(end.reason instanceof Ended)) throw end.reason;
  }
}

async function assertWhole(world: World, known: Known): Promise<void> {
  // Twice: what was begun before the end is undone at once, and again when nothing of it can arrive any more.
  for (let start = 0; start < 2; start += 1) {
    await using child = await world.start();
    await child.order({ do: 'settle', seconds: 0 });
    const { leases = [], counts = { stored: {}, recount: {} } } = await child.order({ do: 'leases' });
    assertCounts(counts);
    assert.ok(Object.keys(counts.stored).length > 0);
    const live = leases.filter(({ standing }) => standing === 'live');
    const users = new Set(usersIn(world.outside));
    for (const { user } of live) assert.ok(users.has(user), `${user} has a live lease, and is gone`);
    for (const [id, user] of known.live) {
      assert.ok(users.has(user), `${user} was acknowledged, and is gone`);
      assert.ok(live.some((lease) => lease.id === id));
    }
    for (const user of known.ended) assert.ok(!users.has(user), `${user} was revoked, and is there`);
    if (start > 0) assert.deepEqual([...users].sort(), live.map(({ user }) => user).sort());
  }
}

async function open(world: World): Promise<void> {
  await using child = await world.start();
  const options = { folder: world.outside };
  await world.must(child, 'POST', 'sys/mounts/db', { body: { type: 'files', options } });
  const policy = 'path "db/creds/app" { capabilities = ["read"] }';
  await world.must(child, 'POST', 'sys/policies/acl/app', { body: { policy } });
}

const FAILPOINTS = [
  'lease.intended',
  'files.created',
  'lease.acted',
  'lease.live',
  'lease.renewed',
  'lease.claimed',
  'lease.undone',
  'token.ended',
] as const;

for (const failpoint of FAILPOINTS) {
  test(`killed at ${failpoint}, no user is left without a lease and no lease without its user`, async () => {
    using world = new World();
    await open(world);
    const known = new Known();
    for (const hit of [1, 20]) {
      await using child = await world.start(`${failpoint}=kill@${String(hit)}`);
      await work(world, child, known);
      assert.equal(await child.exit, 'SIGKILL', 'the failpoint was met');
    }
    await assertWhole(world, known);
    assert.ok(known.live.size > 0);
  });
}

test('killed again and again at any moment, no user is left without a lease and no lease without its user', async () => {
  using world = new World();
  await open(world);
  const known = new Known();
  for (let kill = 0; kill < 12; kill += 1) {
    await using child = await world.start();
    const before = known.live.size;
    const working = work(world, child, known);
    // After a number of acknowledged ones that is another each time.
    while (known.live.size < before + 1 + ((kill * 7) % 11)) await child.order({ do: 'leases' });
    child.kill();
    await working;
  }
  await assertWhole(world, known);
});
