/**
 * Frames as bytes: 4 bytes of length, big-endian, then one byte that names the frame and its fields (`wire.ts`).
 * What comes from a region is bounded more tightly than what comes from the hub. Bytes that are no frame throw a
 * `WireError` with a name, never anything else.
 */

import { MAX_KEY_BYTES, type Position } from '../storage/store.ts';
import { MAX_ENTRY_LENGTH, MAX_FILTER_ENTRIES } from './filter.ts';
import { MAX_ROSTER_ENTRIES } from './protocol.ts';
import type * as protocol from './protocol.ts';
import {
  bytes,
  fixed,
  flag,
  integer,
  lent,
  list,
  once,
  oneOf,
  optional,
  Reader,
  record,
  text,
  WireError,
  Writer,
} from './wire.ts';
import type { Kind } from './wire.ts';

/** The longest frame that a hub sends, in bytes after the length: the largest batch. */
export const MAX_HUB_FRAME = 64 * 1024 * 1024;
/** The longest frame that a hub takes from a region. */
export const MAX_REGION_FRAME = 16 * 1024;
const MAX_WRITES = 1_000_000;

type Body<F> = Kind<Omit<F, 'type'>>;

const name = text(128);
const position: Kind<Position> = record<Position>({ epoch: text(96), sequence: integer });
const hash = fixed(32);
const cursor = record<protocol.Cursor>({ log: name, position, hash });
const write = record<protocol.Write>({ key: text(MAX_KEY_BYTES), value: optional(lent(MAX_HUB_FRAME)) });
const writes = list(write, MAX_WRITES);
/** Of the log, where all regions get the same. */
const logged = list(once(write), MAX_WRITES);
const filter = list(text(MAX_ENTRY_LENGTH * 4), MAX_FILTER_ENTRIES);
const purge = record<protocol.Purge>({ prefixes: list(text(MAX_KEY_BYTES), MAX_WRITES), filter: optional(filter) });
const step = { n: integer, previous: position, position, hash, time: integer };

const snapshotReasons = ['first', 'compacted', 'viewChanged', 'ahead', 'fork', 'otherEpoch', 'otherLog'] as const;
const refuseReasons = [
  'protocolVersion',
  'identity',
  'unknownRegion',
  'removed',
  'clone',
  'badFrame',
  'badAck',
  'silent',
  'shuttingDown',
] as const;

/** The tag of a frame is its first byte. Tags are never used again; `deny` is kept for deny marks (revocations). */
const tags = {
  hello: 1,
  ack: 2,
  consumerAck: 3,
  heartbeat: 4,
  roster: 5,
  welcome: 16,
  refuse: 17,
  batch: 18,
  skip: 19,
  viewChange: 20,
  narrow: 21,
  snapshotStart: 22,
  snapshotPage: 23,
  snapshotEnd: 24,
  mark: 25,
} as const satisfies Record<protocol.Frame['type'], number>;
const RESERVED = new Set([32, 33]);

type Bodies<F extends { type: string }> = { readonly [T in F['type']]: Body<Extract<F, { type: T }>> };

const heartbeat: Body<protocol.Heartbeat> = record({ time: integer });

const regionBodies: Bodies<protocol.RegionFrame> = {
  hello: record<Omit<protocol.Hello, 'type'>>({
    protocol: integer,
    region: name,
    instance: name,
    cursor: optional(cursor),
    filterVersion: integer,
    local: position,
    window: integer,
  }),
  ack: record<Omit<protocol.Ack, 'type'>>({
    nonce: name,
    through: integer,
    cursor: optional(record({ position, hash })),
  }),
  consumerAck: record<Omit<protocol.ConsumerAck, 'type'>>({
    nonce: name,
    consumer: text(512),
    position,
    digest: bytes(64),
  }),
  roster: record<Omit<protocol.Roster, 'type'>>({
    nonce: name,
    part: oneOf(['begin', 'more', 'end', 'change']),
    entries: list(
      record<protocol.RosterEntry>({ consumer: name, gone: flag, expires: optional(integer) }),
      MAX_ROSTER_ENTRIES,
    ),
  }),
  heartbeat,
};

const hubBodies: Bodies<protocol.HubFrame> = {
  welcome: record<Omit<protocol.Welcome, 'type'>>({
    protocol: integer,
    log: name,
    epoch: text(96),
    nonce: name,
    tip: position,
    interval: integer,
    snapshot: optional(oneOf(snapshotReasons)),
  }),
  refuse: record<Omit<protocol.Refuse, 'type'>>({ reason: oneOf(refuseReasons), text: text(1024) }),
  batch: record<Omit<protocol.BatchFrame, 'type'>>({ ...step, writes: logged }),
  skip: record<Omit<protocol.Skip, 'type'>>({ ...step }),
  viewChange: record<Omit<protocol.ViewChange, 'type'>>({ ...step, filter, version: integer, purge, writes }),
  narrow: record<Omit<protocol.Narrow, 'type'>>({ n: integer, purge }),
  snapshotStart: record<Omit<protocol.SnapshotStart, 'type'>>({
    n: integer,
    load: integer,
    scope: oneOf(['everything', 'entering']),
    position,
    hash,
    filter,
    version: integer,
  }),
  snapshotPage: record<Omit<protocol.SnapshotPage, 'type'>>({ n: integer, load: integer, position, writes }),
  snapshotEnd: record<Omit<protocol.SnapshotEnd, 'type'>>({ n: integer, load: integer, position, hash }),
  mark: record<Omit<protocol.Mark, 'type'>>({ position, time: integer }),
  heartbeat,
};

function byTag<F extends { type: string }>(bodies: Bodies<F>): ReadonlyMap<number, readonly [string, Kind<object>]> {
  const kinds = bodies as unknown as Readonly<Record<string, Kind<object>>>;
  return new Map(Object.entries(kinds).map(([type, body]) => [tags[type as protocol.Frame['type']], [type, body]]));
}
const fromRegion = byTag<protocol.RegionFrame>(regionBodies);
const fromHub = byTag<protocol.HubFrame>(hubBodies);
const all = { ...regionBodies, ...hubBodies } as unknown as Readonly<Record<string, Kind<object>>>;

function decode(frame: Uint8Array, known: typeof fromHub, most: number): object {
  if (frame.length === 0) throw new WireError('emptyFrame');
  if (frame.length > most) throw new WireError('tooLong');
  const from = new Reader(frame);
  const tag = from.byte();
  const kind = known.get(tag);
  if (kind === undefined) throw new WireError(RESERVED.has(tag) ? 'reservedFrame' : 'unknownFrame');
  const body = kind[1].read(from);
  if (from.left > 0) throw new WireError('trailingBytes');
  return { type: kind[0], ...body };
}

/** A frame that came from a region, without its length prefix. Throws `WireError`. */
export function decodeRegionFrame(frame: Uint8Array): protocol.RegionFrame {
  return decode(frame, fromRegion, MAX_REGION_FRAME) as protocol.RegionFrame;
}

/** A frame that came from the hub, without its length prefix. Throws `WireError`. */
export function decodeHubFrame(frame: Uint8Array): protocol.HubFrame {
  return decode(frame, fromHub, MAX_HUB_FRAME) as protocol.HubFrame;
}

function written(frame: protocol.Frame): Writer {
  const out = new Writer();
  out.byte(tags[frame.type]);
  all[frame.type]?.write(out, frame);
  return out;
}

/** The frame without its length prefix; `lengthPrefixed` adds it. */
export function encodeFrame(frame: protocol.Frame): Uint8Array {
  return written(frame).finish();
}

/** The frame with its length prefix, in pieces: those that many regions get are not copied for each. */
export function framePieces(frame: protocol.Frame): readonly Uint8Array[] {
  const pieces = written(frame).pieces();
  const prefix = Buffer.allocUnsafe(4);
  prefix.writeUInt32BE(pieces.reduce((sum, piece) => sum + piece.length, 0));
  return [prefix, ...pieces];
}

export function lengthPrefixed(frame: Uint8Array): Uint8Array {
  const prefixed = new Uint8Array(frame.length + 4);
  new DataView(prefixed.buffer).setUint32(0, frame.length);
  prefixed.set(frame, 4);
  return prefixed;
}

/**
 * Cuts a byte stream into frames. Holds at most one frame of `most` bytes; a longer one throws `tooLong` as soon as its
 * length is known, an empty one `emptyFrame`. After a throw the stream cannot go on.
 */
export class FrameSplitter {
  readonly #most: number;
  #chunks: Uint8Array[] = [];
  #held = 0;
  /** Bytes to wait for: a length, or a length and its frame. */
  #need = 4;

  constructor(most: number) {
    this.#most = most;
  }

  /** The frames that are complete with this chunk, in order; they may share its memory, which must not be used again. */
  push(chunk: Uint8Array): readonly Uint8Array[] {
    // Parts of a Buffer would be Buffers, which take several times as long to make.
    this.#chunks.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
    this.#held += chunk.length;
    const frames: Uint8Array[] = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next(): Uint8Array | undefined {
    if (this.#held < this.#need) return undefined;
    const joined = this.#joined();
    const length = new DataView(joined.buffer, joined.byteOffset).getUint32(0);
    if (length === 0) throw new WireError('emptyFrame');
    if (length > this.#most) throw new WireError('tooLong');
    this.#need = length + 4;
    if (this.#held < this.#need) return undefined;
    this.#held -= this.#need;
    // An empty rest would make two pieces of it and the next chunk, and hold this one in memory until then.
    this.#chunks = this.#held === 0 ? [] : [joined.subarray(this.#need)];
    this.#need = 4;
    return joined.subarray(4, length + 4);
  }

  /** What is held, in one piece: made only when a length or a whole frame is there, so slow bytes cost no copies. */
  #joined(): Uint8Array {
    const first = this.#chunks[0];
    if (first !== undefined && this.#chunks.length === 1) return first;
    const joined = new Uint8Array(this.#held);
    let at = 0;
    for (const chunk of this.#chunks) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [joined];
    return joined;
  }
}
