/** Many leases in a data directory, written as the server writes them, and what a node takes to live with them. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keys, ROOT_NAMESPACE } from '../../src/core/keys.ts';
import { insertLease } from '../../src/core/leases/lease-records.ts';
import { leaseKey, newLeaseId } from '../../src/core/leases/lease.ts';
import type { Node } from '../../src/core/node.ts';
import { nodeKeys } from '../../src/core/seed.ts';
import { field } from '../../src/framework/field.ts';
import { pathsOf } from '../../src/framework/path.ts';
import { plugin } from '../../src/framework/plugin.ts';
import { reply } from '../../src/framework/reply.ts';
import { DATA_FILE } from '../../src/storage/lmdb/data-directory.ts';
import { openLmdbStore } from '../../src/storage/lmdb/open.ts';
import { ask, testNode } from '../../test/support/node.ts';
import { cpuTime, memoryOf } from '../measure/process.ts';

export interface LeasePlace {
  readonly folder: string;
  readonly leases: number;
  readonly due: number;
}

export type LeaseFigures = Readonly<Record<string, number>>;

interface Note {
  /** So far: a fill that was cut off goes on. */
  readonly filled: number;
  readonly share: string;
  readonly root: string;
  readonly sample: string;
}

const NOTE = 'filled.json';
const TTL_MS = 30 * 86_400_000;
/** Leases in a transaction while filling; requests at a time while measuring. */
const AT_ONCE = 1_000;
/** Leases between two looks at the time. */
const PART = 20_000;
const CONCURRENT = 16;
const SINGLE = 2_000;

const at = pathsOf<undefined>();

/** An engine without a world. */
const nothing = plugin<undefined>({
  type: 'nothing',
  help: 'Leases of nothing.',
  open: () => undefined,
  paths: () => [
    at('creds/:name', {
      help: 'A lease.',
      fields: { name: field.name('Any.') },
      operations: {
        read: {
          summary: 'Make one',
          writes: 'local',
          replies: { 200: 'any' },
          run: (_mount, { name }) =>
            reply.leased({
              ...{ ttl: 3_600, maxTtl: 0, renewable: true, internal: { user: `v-${name}-abcdefghij` } },
              act: async () => ({ data: { username: name } }),
            }),
        },
      },
    }),
  ],
  leases: { revoke: async () => undefined },
});

const nodeOver = (store: Awaited<ReturnType<typeof openLmdbStore>>, now: () => number): Node =>
  testNode({ store, now, engines: { nothing } });

const noteIn = (folder: string): Note => JSON.parse(readFileSync(join(folder, NOTE), 'utf8')) as Note;

/** Goes on where it was left, for about so many seconds; true when all are there. */
export async function fillLeases({ folder, leases }: LeasePlace, seconds: number): Promise<boolean> {
  const end = performance.now() + seconds * 1_000;
  mkdirSync(folder, { recursive: true });
  if (existsSync(join(folder, NOTE)) && noteIn(folder).filled >= leases) return true;
  await using store = await openLmdbStore({ path: join(folder, 'data') });
  await using node = nodeOver(store, Date.now);
  const begun = await opened(node, folder);
  let { filled } = begun;
  while (filled < leases && performance.now() < end) {
    const count = Math.min(PART, leases - filled);
    const sample = await insertPart(node, { ...begun, filled }, count);
    filled += count;
    // It holds keys, of this data alone.
    writeFileSync(join(folder, NOTE), JSON.stringify({ ...begun, sample, filled } satisfies Note), { mode: 0o600 });
  }
  return filled >= leases;
}

async function opened(node: Node, folder: string): Promise<Note> {
  if (existsSync(join(folder, NOTE))) {
    const note = noteIn(folder);
    await node.unseal(Buffer.from(note.share, 'hex'));
    return note;
  }
  const { unsealShares, rootToken: root } = await node.initialize({ secretShares: 1, secretThreshold: 1 });
  const share = unsealShares.hex[0] ?? '';
  await node.unseal(Buffer.from(share, 'hex'));
  await ask(node, 'POST', 'sys/mounts/db', { token: root, body: { type: 'nothing' } });
  return { filled: 0, share, root, sample: '' };
}

/** Ends a second apart, each part behind the one before. */
async function insertPart(node: Node, { root, filled }: Note, count: number): Promise<string> {
  const { store, mounts, tokens } = node.services;
  const mount = mounts.at(ROOT_NAMESPACE, 'db/')?.record;
  if (mount === undefined) throw new Error('the mount is missing');
  const hmac = nodeKeys(store)('leases');
  const [path, rest, token] = ['db/creds/app', 'creds/app', tokens.keyOf(root)];
  // In the order of their keys: in any other each touches a page of its own.
  const inOrder = Array.from({ length: count }, () => newLeaseId(path, ROOT_NAMESPACE))
    .map((id) => ({ id, key: leaseKey(hmac, ROOT_NAMESPACE, id) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const issuedAt = Date.now();
  for (let from = 0; from < count; from += AT_ONCE) {
    await store.transact((tx) => {
      for (const [index, { id, key }] of inOrder.slice(from, from + AT_ONCE).entries()) {
        const record = {
          ...{ id, path, rest, token, issuedAt, namespace: ROOT_NAMESPACE, mount: mount.uuid },
          ...{ mountAccessor: mount.accessor, ttl: TTL_MS / 1_000, maxTtl: 0, renewable: true },
          internal: { user: 'v-app-abcdefghij' },
        };
        const expiresAt = issuedAt + TTL_MS + (filled + from + index) * 1_000;
        insertLease(tx, key, record, { kind: 'made', expiresAt });
      }
    });
  }
  return inOrder.at(-1)?.id ?? '';
}

interface Cost {
  readonly ms: number;
  readonly cpuMs: number;
}

async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const cpu = cpuTime(process.pid).own;
  const start = performance.now();
  await work();
  return { ms: performance.now() - start, cpuMs: (cpuTime(process.pid).own - cpu) / 1_000 };
}

/** `work` again and again, some at a time; microseconds of CPU of each. */
async function each(count: number, work: (index: number) => Promise<unknown>): Promise<number> {
  const { cpuMs } = await costOf(async () => {
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let index = next++; index < count; index = next++) await work(index);
    };
    await Promise.all(Array.from({ length: CONCURRENT }, worker));
  });
  return (cpuMs * 1_000) / count;
}

function firstDue(node: Node): number {
  const { store, mounts } = node.services;
  const prefix = keys.leaseDuesOf(mounts.at(ROOT_NAMESPACE, 'db/')?.record.uuid ?? '');
  using snapshot = store.snapshot();
  return Number(snapshot.list(prefix, { limit: 1 })[0]?.slice(prefix.length, prefix.length + 15));
}

/** What is due goes for good: the next run takes those after them. */
export async function measureLeases({ folder, due }: LeasePlace): Promise<LeaseFigures> {
  const { share, root: token, sample } = noteIn(folder);
  const path = join(folder, 'data');
  let now = Date.now();
  await using store = await openLmdbStore({ path });
  await using node = nodeOver(store, () => now);
  const before = memoryOf(process.pid).anonymous;
  const look = () => ask(node, 'POST', 'sys/leases/lookup', { token, body: { lease_id: sample } });
  const unseal = await costOf(async () => {
    await node.unseal(Buffer.from(share, 'hex'));
    if ((await look()).status !== 200) throw new Error('the sample is not there');
  });
  const after = memoryOf(process.pid).anonymous;
  const { leases, leaseExpiry } = node.services;
  const mount = node.services.mounts.at(ROOT_NAMESPACE, 'db/')?.record.uuid ?? '';
  const count = (): number => leases.count(ROOT_NAMESPACE, mount).all;
  const found = count();
  const idle = await costOf(async () => {
    for (let tick = 0; tick < 1_000; tick += 1) await node.tick();
  });
  const lookup = await each(SINGLE, look);
  const ids: string[] = [];
  const grant = await each(SINGLE, async () => {
    ids.push((await ask(node, 'GET', 'db/creds/app', { token })).leaseId);
  });
  const body = (index: number, more: object = {}) => ({ token, body: { lease_id: ids[index] ?? '', ...more } });
  const renew = await each(SINGLE, (index) => ask(node, 'POST', 'sys/leases/renew', body(index, { increment: 60 })));
  const revoke = await each(SINGLE, (index) => ask(node, 'POST', 'sys/leases/revoke', body(index, { sync: true })));
  if (count() !== found) throw new Error('leases were left over');
  now = firstDue(node) + (due - 1) * 1_000;
  const expiry = await costOf(async () => {
    await node.tick();
    await leaseExpiry.idle();
  });
  return {
    leases: found,
    'data file, MB': statSync(join(path, DATA_FILE)).size / 1024 ** 2,
    'unseal until the first look-up, ms': unseal.ms,
    'CPU of that, ms': unseal.cpuMs,
    'RssAnon more than before it, MB': (after - before) / 1024 ** 2,
    'tick with nothing due, CPU µs': idle.cpuMs,
    'look-up, CPU µs': lookup,
    'grant, CPU µs': grant,
    'renewal, CPU µs': renew,
    'revocation, CPU µs': revoke,
    'leases that were then over': found - count(),
    'until they were gone, ms': expiry.ms,
    'CPU of each, µs': (expiry.cpuMs * 1_000) / Math.max(1, found - count()),
    'RssAnon in the end, MB': memoryOf(process.pid).anonymous / 1024 ** 2,
  };
}
