/**
 * A remote audit device: an entry is on record once it stands in a spool on this node's disk, and a courier brings it on.
 * So a remote side that is away or slow holds nobody up, and loses nothing, until the spool is full.
 */
import { rm } from 'node:fs/promises';
import { fail } from '../../../errors.ts';
import { openLogFile } from '../devices/file/log-file.ts';
import type { AuditDevice } from '../device.ts';
import type { SpoolCipher } from './cipher.ts';
import { Courier, type DeliveryMeter } from './courier.ts';
import { openFolder, pieceFile, readCursor, type Piece, type Place } from './folder.ts';
import type { OpenSink } from './remote-sink.ts';
import { spooled } from './reader.ts';
import { SpoolState } from './state.ts';

/** A piece that is delivered is deleted; another is begun after this much. */
export const PIECE_BYTES = 8 * 1024 * 1024;
/** Parts of the limit: where the log is warned, and where it is told that the spool has emptied again. */
const HIGH = 0.8;
const LOW = 0.5;

export interface SpoolContext {
  /** Of this device alone. */
  readonly folder: string;
  /** Bytes that may wait to be delivered. */
  readonly limit: number;
  /** Where entries hold secrets. */
  readonly cipher?: SpoolCipher | undefined;
  readonly warn: (message: string, details: Readonly<Record<string, unknown>>) => void;
  /** `AuditDevice.shared` of the same device on the thread that delivers. */
  readonly shared?: SharedArrayBuffer | undefined;
  /** Gives what the delivery reports to. */
  readonly meter: (lag: { readonly bytes: () => number; readonly milliseconds: () => number }) => DeliveryMeter;
}

export interface RemoteKind {
  readonly type: string;
  /** As the other side gets it: one line, with its newline. */
  readonly frame: (line: string) => string;
  readonly open: OpenSink;
}

/** Throws `badRequest` when the spool cannot be used. */
export async function openRemoteDevice(kind: RemoteKind, context: SpoolContext): Promise<AuditDevice> {
  const { folder, warn, shared } = context;
  const state = new SpoolState(shared);
  const from = shared === undefined ? await resume(folder, state) : undefined;
  const log = await openLogFile({
    ...{ path: folder, mode: 0o600, sync: false, warn, turn: state.turn },
    pieces: {
      current: () => pieceFile(folder, state.piece),
      grew: (bytes, torn) => {
        state.wrote(bytes);
        if (!torn && state.inPiece >= PIECE_BYTES) state.startPiece(state.piece + 1, 0);
      },
    },
  });
  const courier = from === undefined ? undefined : startCourier(kind, context, { state, from });
  return new RemoteDevice(kind, context, { log, state, courier });
}

function startCourier({ open }: RemoteKind, context: SpoolContext, at: { state: SpoolState; from: Place }): Courier {
  const lag = { bytes: () => at.state.waiting, milliseconds: () => courier.lag };
  const courier: Courier = new Courier({ ...context, ...at, open, meter: context.meter(lag) });
  return courier;
}

/** Where the last run of the node left off. */
async function resume(folder: string, state: SpoolState): Promise<Place> {
  const pieces = await openFolder(folder);
  const last: Piece = pieces.at(-1) ?? { piece: 1, bytes: 0 };
  const cursor = await readCursor(folder);
  const first: Place = { piece: pieces[0]?.piece ?? last.piece, offset: 0 };
  const from = cursor !== undefined && isWithin(cursor, pieces) ? cursor : first;
  state.startPiece(last.piece, last.bytes);
  for (const { piece, bytes } of pieces) if (piece > from.piece) state.add(bytes);
  state.add(Math.max(0, (pieces.find(({ piece }) => piece === from.piece)?.bytes ?? 0) - from.offset));
  return from;
}

/** A disk that lost its last pages may have less than was delivered: then all that it has is brought again. */
function isWithin(cursor: Place, pieces: readonly Piece[]): boolean {
  return pieces.some(({ piece, bytes }) => piece === cursor.piece && cursor.offset <= bytes);
}

/** Deletes the spool of a device that is closed, if nothing waits in it. Gives the bytes that do. */
export async function dropSpool(folder: string): Promise<number> {
  const state = new SpoolState();
  await resume(folder, state);
  if (state.waiting === 0) await rm(folder, { recursive: true, force: true });
  return state.waiting;
}

interface Parts {
  readonly log: AuditDevice;
  readonly state: SpoolState;
  readonly courier: Courier | undefined;
}

class RemoteDevice implements AuditDevice {
  readonly type: string;
  readonly durable = false;
  readonly required = true;
  readonly #kind: RemoteKind;
  readonly #context: SpoolContext;
  readonly #parts: Parts;
  #warned = false;

  constructor(kind: RemoteKind, context: SpoolContext, parts: Parts) {
    this.type = kind.type;
    this.#kind = kind;
    this.#context = context;
    this.#parts = parts;
  }

  get shared(): SharedArrayBuffer {
    return this.#parts.state.memory;
  }

  record(...lines: readonly string[]): Promise<void> {
    const { limit } = this.#context;
    const texts = lines.map((line) => this.#spooled(line));
    const bytes = texts.reduce((sum, { length }) => sum + length, 0);
    const { waiting } = this.#parts.state;
    this.#watch(waiting);
    if (waiting + bytes > limit) {
      const { folder } = this.#context;
      const reason = `the audit spool ${folder} is full: ${String(limit)} bytes wait to be delivered`;
      return Promise.reject(fail('auditFailed', reason));
    }
    return this.#parts.log.record(...texts);
  }

  #spooled(line: string): string {
    const framed = this.#kind.frame(line);
    return spooled(this.#context.cipher?.seal(framed) ?? framed);
  }

  async reopen(): Promise<void> {
    this.#parts.courier?.hurry();
    return Promise.resolve();
  }

  async delivered(): Promise<void> {
    await this.#parts.courier?.sent();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.log[Symbol.asyncDispose]();
    await this.#parts.courier?.[Symbol.asyncDispose]();
  }

  #watch(waiting: number): void {
    const { folder, limit, warn } = this.#context;
    if (!this.#warned && waiting > limit * HIGH) {
      this.#warned = true;
      warn('the audit spool is nearly full: requests are refused once it is', { folder, waiting, limit });
    } else if (this.#warned && waiting < limit * LOW) {
      this.#warned = false;
      warn('the audit spool has emptied', { folder, waiting, limit });
    }
  }
}
