/**
 * What the durable store does on this machine: reads, durable writes one after the other, durable writes at once, and
 * their ratio, which is what sharing a flush gives. Usage: node bench/storage.ts [directory on the disk to measure]
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DATA_FILE } from '../src/storage/lmdb/data-directory.ts';
import { openLmdbStore } from '../src/storage/lmdb/open.ts';
import { openMemoryStore } from '../src/storage/memory/open.ts';
import type { Store } from '../src/storage/store.ts';

const RECORDS = 20_000;
const SERIAL = 2_000;
const VALUE = new Uint8Array(400).fill(7);

const key = (at: number): string => `s/root/data/8d7b/secrets/app-${at % 100}/${at}`;

async function timed(count: number, run: () => unknown): Promise<number> {
  const started = performance.now();
  await run();
  return Math.round((count * 1_000) / (performance.now() - started));
}

function show(name: string, perSecond: number): void {
  process.stdout.write(`  ${name.padEnd(44)}${perSecond.toLocaleString('en').padStart(12)} /s\n`);
}

function readAll(store: Store, rounds: number): void {
  using snapshot = store.snapshot();
  for (let at = 0; at < rounds; at++) snapshot.get(key((at * 7_919) % RECORDS));
}

function readEach(store: Store, rounds: number): void {
  for (let at = 0; at < rounds; at++) {
    using snapshot = store.snapshot();
    snapshot.get(key((at * 7_919) % RECORDS));
  }
}

function listAll(store: Store, rounds: number): void {
  using snapshot = store.snapshot();
  for (let at = 0; at < rounds; at++) snapshot.children('s/root/data/8d7b/secrets/', { limit: 100 });
}

async function writeSerially(store: Store): Promise<void> {
  for (let at = 0; at < SERIAL; at++) await store.transact((tx) => tx.put(key(at), VALUE));
}

async function writeAtOnce(store: Store, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, at) => store.transact((tx) => tx.put(key(at), VALUE))));
}

async function writeBy(store: Store, writers: number): Promise<void> {
  const each = async (writer: number): Promise<void> => {
    for (let at = 0; at < RECORDS / writers; at++) {
      await store.transact((tx) => tx.put(key(writer * 1_000 + at), VALUE));
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => each(writer)));
}

async function measure(name: string, store: Store): Promise<void> {
  process.stdout.write(`${name}\n`);
  await writeAtOnce(store, RECORDS);
  readAll(store, 50_000);
  show('reads from one snapshot', await timed(400_000, () => readAll(store, 400_000)));
  show('reads with a snapshot each', await timed(400_000, () => readEach(store, 400_000)));
  show('lists of 100 children', await timed(1_000, () => listAll(store, 1_000)));
  const serial = await timed(SERIAL, () => writeSerially(store));
  show('durable writes, one after the other', serial);
  show('durable writes, 16 writers', await timed(RECORDS, () => writeBy(store, 16)));
  show('durable writes, 64 writers', await timed(RECORDS, () => writeBy(store, 64)));
  const atOnce = await timed(RECORDS, () => writeAtOnce(store, RECORDS));
  show('durable writes, all at once', atOnce);
  process.stdout.write(`  at once : one after the other = ${(atOnce / serial).toFixed(1)} : 1\n`);
}

async function main(): Promise<void> {
  const path = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'lockstep-bench-'));
  try {
    await using lmdb = await openLmdbStore({ path });
    await measure('lmdb (400-byte values, 20,000 keys)', lmdb);
    process.stdout.write(`  file ${(statSync(join(path, DATA_FILE)).size / 1024 ** 2).toFixed(1)} MiB\n`);
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
  await using memory = openMemoryStore();
  await measure('memory (nothing is durable)', memory);
}

await main();
