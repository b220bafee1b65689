import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { isLockstepError } from '../../errors.ts';
import { sha256 } from '../crypto/hash.ts';
import { decodeMeta, encodeMeta, META_BYTES } from './meta.ts';
import { readSnapshot, type ReadSnapshot } from './reader.ts';
import type { SnapshotRecord } from './records.ts';
import { readTarHeader, tarHeader } from './tar.ts';
import { SnapshotWriter } from './writer.ts';

const ORIGIN = { log: 'a'.repeat(32), epoch: `1.${'b'.repeat(32)}`, sequence: 7, hash: 'c'.repeat(64), time: 1_000 };

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'lockstep-snapshot-'));
  t.after(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

async function written(path: string, records: readonly SnapshotRecord[], perChunk = 3): Promise<Buffer> {
  await using file = await open(path, 'w+', 0o600);
  const writer = new SnapshotWriter(file);
  for (const [at, record] of records.entries()) {
    writer.add(record);
    if (at % perChunk === perChunk - 1) await writer.flush();
  }
  await writer.finish(ORIGIN, (sums) => `proof of ${String(sums.length)}`);
  return readFileSync(path);
}

interface Found {
  readonly read: ReadSnapshot;
  readonly records: readonly SnapshotRecord[];
}

async function read(gzip: Buffer, piece = 4_096): Promise<Found> {
  const pieces: Buffer[] = [];
  for (let at = 0; at < gzip.length; at += piece) pieces.push(gzip.subarray(at, at + piece));
  const records: SnapshotRecord[] = [];
  const found = await readSnapshot(Readable.from(pieces), {
    chunk: (chunk) => {
      records.push(...chunk.map(({ key, value }) => ({ key, value: value && Buffer.from(value) })));
    },
  });
  return { read: found, records };
}

const plain = (records: readonly SnapshotRecord[]): unknown =>
  records.map(({ key, value }) => [key, value === undefined ? undefined : Buffer.from(value).toString('hex')]);

const anyRecord = fc.record({
  key: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }),
  value: fc.option(fc.uint8Array({ maxLength: 300 }), { nil: undefined }),
});

const SOME: readonly SnapshotRecord[] = Array.from({ length: 9 }, (_, at) => ({
  key: `s/root/data/${String(at)}`,
  value: at === 4 ? undefined : Buffer.alloc(40, at),
}));

test('any records come back as they were, in whatever pieces they arrive', async (t) => {
  const path = join(folder(t), 'a');
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyRecord, { maxLength: 20 }),
      fc.integer({ min: 1, max: 700 }),
      async (records, piece) => {
        const { read: found, records: again } = await read(gzipSync(await written(path, records), { level: 0 }), piece);
        assert.deepEqual(plain(again), plain(records));
        assert.deepEqual({ ...found.meta }, { ...found.meta, ...ORIGIN, records: records.length });
        assert.match(found.sealed.toString(), /^proof of /);
      },
    ),
    { numRuns: 60 },
  );
});

/** Which part of the archive a byte of the tar belongs to, as errors name it. */
function partOf(at: number, stateEnd: number): RegExp {
  if (at < 512) return /header of meta\.json|where meta\.json/;
  if (at < 512 + META_BYTES) return /meta\.json|format version/;
  if (at < 1_024 + META_BYTES) return /header of state\.bin|where state\.bin/;
  return at < stateEnd ? /chunk \d+ of state\.bin/ : /SHA256SUMS|state\.bin is not blank|end of the archive/;
}

test('any flipped bit is refused, naming where it stands, or leaves the content as it was', async (t) => {
  const tar = await written(join(folder(t), 'a'), SOME);
  const whole = await read(gzipSync(tar));
  const stateEnd = 1_024 + META_BYTES + whole.read.meta.bytes;
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: tar.length * 8 - 1 }), async (bit) => {
      const flipped = Buffer.from(tar);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      const outcome = await read(gzipSync(flipped, { level: 0 })).catch((error: unknown) => error);
      if (isLockstepError(outcome)) {
        assert.ok(['snapshotDamaged', 'snapshotVersion'].includes(outcome.code), outcome.code);
        assert.match(outcome.message, partOf(bit >> 3, stateEnd));
        return;
      }
      const found = outcome as Found;
      assert.deepEqual(plain(found.records), plain(whole.records));
      assert.deepEqual(found.read.meta, whole.read.meta);
      assert.equal(found.read.sums, whole.read.sums);
      // The seal's own bytes are for the holder of the keys to judge, and the first header's blanks say nothing.
      if (bit >> 3 >= 512) assert.notDeepEqual(found.read.sealed, whole.read.sealed);
    }),
    { numRuns: 700 },
  );
});

test('a flipped bit of the compressed file is refused or changes nothing', async (t) => {
  const gzip = gzipSync(await written(join(folder(t), 'a'), SOME), { level: 0 });
  const whole = await read(gzip);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: gzip.length * 8 - 1 }), async (bit) => {
      const flipped = Buffer.from(gzip);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      const outcome = await read(flipped).catch((error: unknown) => error);
      if (isLockstepError(outcome)) return;
      assert.deepEqual((outcome as Found).read, whole.read);
      assert.deepEqual(plain((outcome as Found).records), plain(whole.records));
    }),
    { numRuns: 250 },
  );
});

test('a snapshot that is cut short anywhere is refused by that name', async (t) => {
  const tar = await written(join(folder(t), 'a'), SOME);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: tar.length - 1 }), async (length) => {
      await assert.rejects(read(gzipSync(tar.subarray(0, length))), /cut short/);
    }),
    { numRuns: 200 },
  );
  const gzip = gzipSync(tar, { level: 0 });
  await assert.rejects(
    read(gzip.subarray(0, gzip.length >> 1)),
    /cut short: it ends in chunk \d of state\.bin|cut short/,
  );
  await assert.rejects(read(gzip.subarray(0, -4)), /cut short/);
  await assert.rejects(read(Buffer.alloc(0)), /cut short/);
});

test('other files are refused by name', async () => {
  await assert.rejects(
    read(Buffer.from('no gzip at all')),
    /damaged: its compression breaks in the header of meta.json/,
  );
  const vault = Buffer.from(JSON.stringify({ Version: 1, ID: 'bolt-snapshot', Index: 3, Term: 1, Size: 10 }));
  const tar = Buffer.concat([
    tarHeader({ name: 'meta.json', size: vault.length }),
    vault,
    Buffer.alloc(512 - vault.length),
  ]);
  await assert.rejects(read(gzipSync(tar)), { code: 'snapshotVersion' });
});

test('a later format version is refused by name', () => {
  const meta = { ...ORIGIN, format: 2, records: 0, chunks: 0, bytes: 0 };
  assert.throws(() => decodeMeta(encodeMeta(meta)), { code: 'snapshotVersion', message: /format version 2/ });
  assert.deepEqual({ ...decodeMeta(encodeMeta({ ...meta, format: 1 })) }, { ...meta, format: 1 });
});

test('the sums are those that sha256sum checks', async (t) => {
  const tar = await written(join(folder(t), 'a'), SOME);
  const { read: found } = await read(gzipSync(tar));
  const stateAt = 1_024 + META_BYTES;
  const [meta, state] = [tar.subarray(512, 512 + META_BYTES), tar.subarray(stateAt, stateAt + found.meta.bytes)];
  const lines = `${sha256(meta).toString('hex')}  meta.json\n${sha256(state).toString('hex')}  state.bin\n`;
  assert.equal(found.sums, lines);
});

test('a size beyond octal digits comes back', () => {
  const entry = { name: 'state.bin', size: 2 ** 40 };
  assert.deepEqual(readTarHeader(tarHeader(entry), 'x'), entry);
});

test('a history that no store can go on from is refused, whoever made the sums', () => {
  const meta = { ...ORIGIN, format: 1, records: 1, chunks: 1, bytes: 1 };
  assert.equal(decodeMeta(encodeMeta(meta)).sequence, 7);
  for (const wrong of [
    ...[{ epoch: 'x.y' }, { epoch: `9999999999999999999.${'b'.repeat(32)}` }, { epoch: `-1.${'b'.repeat(32)}` }],
    ...[{ sequence: Number.MAX_SAFE_INTEGER }, { sequence: -1 }, { hash: 'cc' }, { log: '../x' }, { bytes: -1 }],
  ]) {
    assert.throws(
      () => decodeMeta(encodeMeta({ ...meta, ...wrong })),
      { code: 'snapshotDamaged' },
      JSON.stringify(wrong),
    );
  }
});

test('without anyone to take them, chunks are checked and not held; with a bound, larger ones are refused', async (t) => {
  const path = join(folder(t), 'a');
  const tar = await written(path, [{ key: 's/a', value: Buffer.alloc(300_000, 1) }]);
  const stream = (bytes: Buffer) => Readable.from([gzipSync(bytes)]);
  assert.equal((await readSnapshot(stream(tar), {})).meta.records, 1);
  const flipped = Buffer.from(tar);
  flipped.writeUInt8(flipped.readUInt8(200_000) ^ 1, 200_000);
  await assert.rejects(readSnapshot(stream(flipped), {}), /chunk 1 of state\.bin does not match its sum/);
  const held = readSnapshot(stream(tar), { chunk: () => assert.fail('held'), largest: 100_000 });
  await assert.rejects(held, /chunk 1 of state\.bin is larger than it can be/);
});
