import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeHubFrame,
  decodeRegionFrame,
  encodeFrame,
  framePieces,
  FrameSplitter,
  lengthPrefixed,
  MAX_HUB_FRAME,
  MAX_REGION_FRAME,
} from './codec.ts';
import type { Frame, HubFrame, RegionFrame, Write } from './protocol.ts';
import { Reader, text, WireError, Writer } from './wire.ts';

const hash = new Uint8Array(32).fill(7);
const at = (sequence: number) => ({ epoch: '1.ab', sequence });
const writes = [
  { key: 's/root/policies/eu', value: new Uint8Array([1, 2, 3]) },
  { key: 's/root/data/7/ü', value: undefined },
];
const step = { n: 3, previous: at(4), position: at(9), hash, time: 1_790_000_000_000 };
const purge = { prefixes: ['s/root/data/7/'], filter: ['secret/eu/'] };

const regionFrames: readonly RegionFrame[] = [
  {
    type: 'hello',
    protocol: 1,
    region: 'eu',
    instance: 'i',
    cursor: undefined,
    filterVersion: 0,
    local: at(0),
    window: 1,
  },
  {
    type: 'hello',
    protocol: 900,
    region: 'eu',
    instance: 'i',
    cursor: { log: 'l', position: at(2 ** 53 - 1), hash },
    filterVersion: 3,
    local: at(127),
    window: 128,
  },
  { type: 'ack', nonce: 'x', through: 12, cursor: { position: at(5), hash } },
  { type: 'ack', nonce: 'x', through: 0, cursor: undefined },
  { type: 'consumerAck', nonce: 'x', consumer: 'agent/1', position: at(5), digest: hash },
  { type: 'roster', nonce: 'x', part: 'begin', entries: [] },
  {
    ...{ type: 'roster', nonce: 'x', part: 'change' },
    entries: [
      { consumer: 'agent/1', gone: false, expires: 1_800_000_000_000 },
      { consumer: 'agent/2', gone: true, expires: undefined },
    ],
  },
  { type: 'heartbeat', time: 0 },
];
const hubFrames: readonly HubFrame[] = [
  {
    type: 'welcome',
    protocol: 1,
    log: 'l',
    epoch: '1.ab',
    nonce: 'x',
    tip: at(9),
    interval: 1000,
    snapshot: undefined,
  },
  { type: 'welcome', protocol: 1, log: 'l', epoch: '1.ab', nonce: 'x', tip: at(9), interval: 1000, snapshot: 'fork' },
  { type: 'refuse', reason: 'protocolVersion', text: 'speaks 1' },
  { type: 'batch', ...step, writes },
  { type: 'skip', ...step },
  { type: 'viewChange', ...step, filter: ['secret/eu/'], version: 2, purge, writes },
  { type: 'narrow', n: 1, purge: { prefixes: [], filter: undefined } },
  { type: 'snapshotStart', n: 1, load: 1, scope: 'entering', position: at(3), hash, filter: [], version: 1 },
  { type: 'snapshotPage', n: 2, load: 1, position: at(3), writes },
  { type: 'snapshotEnd', n: 2, load: 1, position: at(3), hash },
  { type: 'mark', position: at(3), time: 5 },
  { type: 'heartbeat', time: 5 },
];
const decodable: readonly (readonly [Frame, (bytes: Uint8Array) => Frame])[] = [
  ...regionFrames.map((frame) => [frame, decodeRegionFrame] as const),
  ...hubFrames.map((frame) => [frame, decodeHubFrame] as const),
];

function problemOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof WireError, String(error));
    return error.problem;
  }
  return 'none';
}

test('a write that many regions get is encoded once, and brings none of its batch along', () => {
  const eu: Write = { key: 's/root/data/7/eu', value: new Uint8Array(2_000).fill(1) };
  const us: Write = { key: 's/root/data/7/us', value: new Uint8Array(10).fill(2) };
  const frame = (n: number, some: readonly Write[]): HubFrame => ({ type: 'batch', ...step, n, writes: some });
  const both = encodeFrame(frame(1, [eu, us]));
  for (const [n, some] of [
    [900, [eu]],
    [3, [us]],
    [1, []],
    [70_000, [us, eu]],
  ] as const) {
    const fresh = some.map((write) => ({ ...write }));
    assert.deepEqual(encodeFrame(frame(n, some)), encodeFrame(frame(n, fresh)));
    assert.deepEqual(decodeHubFrame(encodeFrame(frame(n, some))), frame(n, some));
    assert.deepEqual(
      new Uint8Array(Buffer.concat(framePieces(frame(n, some)))),
      lengthPrefixed(encodeFrame(frame(n, fresh))),
    );
  }
  assert.deepEqual(decodeHubFrame(both), frame(1, [eu, us]));
});

test('each frame reads back as it was written', () => {
  for (const [frame, decode] of decodable) assert.deepEqual(decode(encodeFrame(frame)), frame, frame.type);
});

test('every truncation and every extension of a frame is refused by name', () => {
  for (const [frame, decode] of decodable) {
    const bytes = encodeFrame(frame);
    for (let length = 0; length < bytes.length; length += 1) {
      assert.notEqual(
        problemOf(() => decode(bytes.slice(0, length))),
        'none',
        `${frame.type} cut at ${length}`,
      );
    }
    assert.equal(
      problemOf(() => decode(new Uint8Array([...bytes, 0]))),
      'trailingBytes',
    );
  }
});

test('a region cannot speak as the hub, nor the hub as a region', () => {
  for (const frame of hubFrames) {
    if (frame.type !== 'heartbeat')
      assert.equal(
        problemOf(() => decodeRegionFrame(encodeFrame(frame))),
        'unknownFrame',
      );
  }
  assert.equal(
    problemOf(() => decodeRegionFrame(new Uint8Array([32]))),
    'reservedFrame',
  );
  assert.equal(
    problemOf(() => decodeRegionFrame(new Uint8Array([200]))),
    'unknownFrame',
  );
});

test('lengths that lie are refused before anything is allocated', () => {
  const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
  assert.equal(
    problemOf(() => decodeRegionFrame(new Uint8Array([2, ...huge]))),
    'tooLong',
  );
  assert.equal(
    problemOf(() => decodeRegionFrame(new Uint8Array([2, 0x80, 0x00]))),
    'notCanonical',
  );
  assert.equal(
    problemOf(() => decodeRegionFrame(new Uint8Array(MAX_REGION_FRAME + 1))),
    'tooLong',
  );
  // A page of 900,000 writes in a frame of some bytes.
  const page = encodeFrame({ type: 'snapshotPage', n: 1, load: 1, position: at(1), writes: [] });
  const lie = new Uint8Array([...page.slice(0, -1), 0xa0, 0xf7, 0x36]);
  assert.equal(
    problemOf(() => decodeHubFrame(lie)),
    'truncated',
  );
});

test('any bytes are a frame with exactly one encoding, or a named problem', () => {
  const mutated = fc
    .tuple(
      fc.constantFrom(...decodable),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
    )
    .map(([[frame], changes]) => {
      const bytes = encodeFrame(frame);
      for (const [place, value] of changes) bytes[place % bytes.length] = value;
      return bytes;
    });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 80 })), (bytes) => {
      for (const decode of [decodeHubFrame, decodeRegionFrame]) {
        let frame: Frame | undefined;
        const problem = problemOf(() => (frame = decode(bytes)));
        if (frame === undefined) assert.notEqual(problem, 'none');
        else assert.deepEqual(encodeFrame(frame), bytes);
      }
    }),
    { numRuns: 3_000 },
  );
});

test('frames come out whole however the stream was cut', () => {
  const frames = hubFrames.map((frame) => encodeFrame(frame));
  const stream = Buffer.concat(frames.map((frame) => lengthPrefixed(frame)));
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1 }), (sizes) => {
      const splitter = new FrameSplitter(1_000);
      const out: Uint8Array[] = [];
      for (let from = 0, turn = 0; from < stream.length; turn += 1) {
        const size = Math.max(sizes[turn % sizes.length] ?? 1, turn % 2);
        out.push(...splitter.push(stream.subarray(from, from + size)));
        from += size;
      }
      assert.deepEqual(
        out.map((frame) => [...frame]),
        frames.map((frame) => [...frame]),
      );
    }),
  );
});

test('whole frames share the memory of what arrived, and so do values; hashes, which are kept, do not', () => {
  const write = { key: 's/root/data/7/eu', value: new Uint8Array(300).fill(1) };
  const frame = lengthPrefixed(encodeFrame({ type: 'batch', ...step, n: 1, writes: [write] }));
  const splitter = new FrameSplitter(MAX_HUB_FRAME);
  for (const chunk of [Buffer.from(frame), Buffer.from(frame), Buffer.concat([frame, frame])]) {
    for (const bytes of splitter.push(chunk)) {
      assert.equal(bytes.buffer, chunk.buffer);
      const read = decodeHubFrame(bytes);
      assert.ok(read.type === 'batch');
      assert.equal(read.writes[0]?.value?.buffer, chunk.buffer);
      assert.notEqual(read.hash.buffer, chunk.buffer);
    }
  }
});

test('text that is no Unicode is written as its replacement, with the length that it then has', () => {
  for (const given of ['', 'a', 'ä€😀', 'x'.repeat(255), 'x'.repeat(256), `${'x'.repeat(253)}€`]) {
    const out = new Writer();
    out.text(given);
    assert.equal(text(1_024).read(new Reader(out.finish())), given);
  }
  for (const given of ['\ud800', 'a\udc00b', '\udc00\ud800']) {
    const out = new Writer();
    out.text(given);
    assert.equal(text(1_024).read(new Reader(out.finish())), given.toWellFormed());
  }
});

test('a length beyond the bound ends the stream before its bytes are held', () => {
  assert.equal(
    problemOf(() => new FrameSplitter(10).push(new Uint8Array([0, 0, 0, 11]))),
    'tooLong',
  );
  assert.equal(
    problemOf(() => new FrameSplitter(10).push(new Uint8Array([0, 0, 0, 0]))),
    'emptyFrame',
  );
});
