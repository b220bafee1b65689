/**
 * An append-only log. What is recorded by requests that go on together, or while a write is under way, goes into one
 * write, and everyone waits for that write. A line that a failed write cut off is ended by a newline before the next
 * one, so no two lines ever run together.
 */
import { writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { fail } from '../../../../errors.ts';
import { afterThis, nextTurn } from '../../../../lib/next-turn.ts';
import { Batch, mostBytes } from './batch.ts';
import { openTarget } from './target.ts';
import { Turn } from './turn.ts';
import type { AuditDevice } from '../../device.ts';
import { errorCode } from '../../../../lib/error-code.ts';

/** Bytes that may wait: beyond them the disk has stalled, and requests are refused rather than piled up. */
export const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** One write, so that a burst does not make everyone wait for one huge write. */
const MAX_BATCH_BYTES = 4 * 1024 * 1024;
const FLUSH_MS = 1_000;
/** A flush in the background that takes longer holds up writes: what is recorded and not flushed has a bound. */
const LATE_MS = 5_000;
/** A write that takes longer waited for the disk. */
const SLOW_MS = 20;
/** Then others have their turn. */
const WRITES_IN_A_TURN = 16;

/** Bytes that reached the file, and what ended the writing before all did. */
interface Attempt {
  readonly written: number;
  readonly error: Error | undefined;
}

/** Lines of a batch that are whole in the file. */
interface Written {
  readonly complete: number;
  readonly error: Error | undefined;
}

/** A log in pieces, one file after the other. Both are called in a turn alone. */
export interface Pieces {
  /** The file that is written now. */
  readonly current: () => string;
  /** What went into it. `torn`: its last line is not whole, so the next write must go there too. */
  readonly grew: (bytes: number, torn: boolean) => void;
}

export interface LogFileOptions {
  readonly path: string;
  readonly mode: number | undefined;
  readonly sync: boolean;
  /** Told of a flush in the background that failed. */
  readonly warn: (message: string, details: Readonly<Record<string, unknown>>) => void;
  /** Of another thread's device on the same file; one of its own if not given. */
  readonly turn?: Turn;
  /** Where the log is no single file; `path` then stands in messages alone. */
  readonly pieces?: Pieces;
}

/** Throws `badRequest` when the file cannot be opened. */
export async function openLogFile(options: LogFileOptions): Promise<AuditDevice> {
  const { turn = new Turn() } = options;
  // In a turn, since a write of another thread that is under way looks torn.
  return turn.run(async () => {
    const path = options.pieces?.current() ?? options.path;
    const { handle, torn } = await openTarget(path, options.mode);
    turn.torn = torn;
    return new LogFile(options, { path, handle }, turn);
  });
}

class LogFile implements AuditDevice {
  readonly type = 'file';
  readonly durable: boolean;
  readonly #options: LogFileOptions;
  #handle: FileHandle;
  /** Of `#handle`. */
  #path: string;
  readonly #turn: Turn;
  /** In their order. Lines go into the last one. */
  #queue: Batch[] = [];
  /** Memory of a batch that was written. */
  #spare: Buffer | undefined;
  #waitingBytes = 0;
  /** The loop that empties the queue; undefined while there is nothing to do. */
  #writing: Promise<void> | undefined;
  /** Work on the handle that is no write (reopen, close): one after the other, between writes. */
  #between: Promise<void> = Promise.resolve();
  #flushTimer: NodeJS.Timeout | undefined;
  /** Flushes in the background, one after the other: writes go on beside them, since requests wait for those. */
  #flushing: Promise<void> = Promise.resolve();
  /** When the one that is under way has begun. */
  #flushBegun: number | undefined;
  /** Something was written that no flush has begun with. */
  #unflushed = false;
  /** What the last flush in the background met: the next record is told. */
  #flushError: Error | undefined;
  #closed = false;
  /** The last write waited for the disk. */
  #slow = false;

  constructor(options: LogFileOptions, opened: { readonly path: string; readonly handle: FileHandle }, turn: Turn) {
    this.#options = options;
    this.durable = options.sync;
    this.#handle = opened.handle;
    this.#path = opened.path;
    this.#turn = turn;
  }

  get shared(): SharedArrayBuffer {
    return this.#turn.memory;
  }

  record(...lines: readonly string[]): Promise<void> {
    if (this.#closed) return Promise.reject(fail('auditFailed', 'the audit device is closed'));
    if (this.#flushError !== undefined) {
      const error = this.#flushError;
      this.#flushError = undefined;
      return Promise.reject(error);
    }
    const most = mostBytes(lines);
    if (this.#waitingBytes + most > MAX_WAITING_BYTES) {
      return Promise.reject(
        fail('auditFailed', `the audit log ${this.#options.path} does not take writes fast enough`),
      );
    }
    const batch = this.#batchFor(most);
    const before = batch.size;
    const recorded = batch.add(...lines);
    this.#waitingBytes += batch.size - before;
    this.#writing ??= this.#write();
    return recorded;
  }

  #batchFor(bytes: number): Batch {
    const last = this.#queue.at(-1);
    if (last !== undefined && last.size + bytes <= MAX_BATCH_BYTES) return last;
    const batch = new Batch(this.#spare);
    this.#spare = undefined;
    this.#queue.push(batch);
    return batch;
  }

  async reopen(): Promise<void> {
    if (this.#closed) throw fail('auditFailed', 'the audit device is closed');
    const old = await this.#alone(async () => {
      const replaced = this.#handle;
      await this.#turn.run(() => this.#replace());
      return replaced;
    });
    await letGo(old);
  }

  /** Another thread may go on with the old file for a moment: a line that was cut off there is ended first. */
  async #replace(): Promise<void> {
    const turn = this.#turn;
    if (turn.torn && (await this.#writeAll(Buffer.from('\n'))).error === undefined) turn.torn = false;
    await this.#open(this.#path);
  }

  async #open(path: string): Promise<void> {
    const { handle, torn } = await openTarget(path, this.#options.mode);
    this.#handle = handle;
    this.#path = path;
    this.#turn.torn = torn;
  }

  /** Goes on in the piece that is written now, if that is another. */
  async #follow(): Promise<void> {
    const path = this.#options.pieces?.current() ?? this.#path;
    if (path === this.#path) return;
    const old = this.#handle;
    await this.#open(path);
    this.#flushing = this.#flushing.then(() => letGo(old));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#flushTimer);
    await this.#writing;
    await this.#flushing;
    await this.#alone(async () => {
      await this.#handle.datasync().catch(ignore);
      await this.#handle.close();
    });
  }

  /** Runs while no write is under way, and holds up those that come meanwhile. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#between.then(work);
    this.#between = done.then(ignore, ignore);
    return done;
  }

  async #write(): Promise<void> {
    for (let written = 1; this.#queue.length > 0; written += 1) {
      // What is served together, or was set free together, joins the batch. Who records in a loop does not keep others waiting.
      await (written % WRITES_IN_A_TURN === 0 ? nextTurn() : afterThis());
      if (this.#isLate()) await this.#flushing;
      await this.#alone(() => this.#writeFirst());
      this.#unflushed = true;
    }
    this.#writing = undefined;
    this.#flushSoon();
  }

  /** Never rejects: each line is told its own outcome. */
  async #writeFirst(): Promise<void> {
    const batch = this.#queue.shift();
    if (batch === undefined) return;
    this.#waitingBytes -= batch.size;
    const { complete, error } = this.#writeNow(batch) ?? (await this.#turn.run(() => this.#writeLater(batch)));
    const flushError = this.#options.sync && complete > 0 ? await this.#datasync() : undefined;
    this.#spare = batch.settle({ complete, error, flushError });
  }

  /**
   * On this thread: a write into the kernel's memory takes some ten microseconds, and to hand it to a thread of the pool
   * four times as much. undefined, and nothing is written, while the disk is slow or another thread is at the file for
   * longer: what waits for a disk must not hold up the requests that do not.
   */
  #writeNow(batch: Batch): Written | undefined {
    if (this.#slow) return undefined;
    const start = performance.now();
    const done = this.#turn.runNow(() => {
      const { current } = this.#options.pieces ?? {};
      if (current !== undefined && current() !== this.#path) return undefined;
      return this.#outcome(batch, this.#writeAllNow(batch.bytes(this.#turn.torn)));
    });
    this.#slow = performance.now() - start > SLOW_MS;
    return done?.value;
  }

  async #writeLater(batch: Batch): Promise<Written> {
    const start = performance.now();
    try {
      await this.#follow();
    } catch (error) {
      return { complete: 0, error: this.#failure('continued', error) };
    }
    const written = await this.#writeAll(batch.bytes(this.#turn.torn));
    this.#slow = performance.now() - start > SLOW_MS;
    return this.#outcome(batch, written);
  }

  #outcome(batch: Batch, { written, error }: Attempt): Written {
    const turn = this.#turn;
    const { complete, torn } = batch.outcomeOf(turn.torn, written);
    turn.torn = torn;
    if (written > 0) this.#options.pieces?.grew(written, torn);
    return { complete, error };
  }

  #writeAllNow(bytes: Uint8Array): Attempt {
    let written = 0;
    try {
      while (written < bytes.length) {
        const more = writeSync(this.#handle.fd, bytes, written, bytes.length - written);
        if (more === 0) throw new Error('nothing was written');
        written += more;
      }
      return { written, error: undefined };
    } catch (error) {
      return { written, error: this.#failure('written to', error) };
    }
  }

  async #writeAll(bytes: Uint8Array): Promise<Attempt> {
    let written = 0;
    try {
      while (written < bytes.length) {
        const { bytesWritten } = await this.#handle.write(bytes, written, bytes.length - written);
        if (bytesWritten === 0) throw new Error('nothing was written');
        written += bytesWritten;
      }
      return { written, error: undefined };
    } catch (error) {
      return { written, error: this.#failure('written to', error) };
    }
  }

  async #datasync(): Promise<Error | undefined> {
    try {
      await this.#handle.datasync();
      return undefined;
    } catch (error) {
      // Character devices have nothing to flush.
      return errorCode(error) === 'EINVAL' ? undefined : this.#failure('flushed', error);
    }
  }

  #flushSoon(): void {
    const isUnderWay = this.#flushTimer !== undefined || this.#flushBegun !== undefined;
    if (this.#options.sync || this.#closed || !this.#unflushed || isUnderWay) return;
    this.#flushTimer = setTimeout(() => {
      this.#flushTimer = undefined;
      this.#flushing = this.#flushing.then(() => this.#flush()).catch(ignore);
    }, FLUSH_MS);
    this.#flushTimer.unref();
  }

  async #flush(): Promise<void> {
    if (this.#closed) return;
    this.#unflushed = false;
    this.#flushBegun = performance.now();
    const error = await this.#datasync();
    this.#flushBegun = undefined;
    this.#flushSoon();
    if (error === undefined) return;
    this.#flushError = error;
    this.#options.warn('audit log flush failed', { path: this.#options.path });
  }

  #isLate(): boolean {
    return this.#flushBegun !== undefined && performance.now() - this.#flushBegun > LATE_MS;
  }

  #failure(verb: string, cause: unknown): Error {
    return fail('auditFailed', `the audit log ${this.#options.path} cannot be ${verb}: ${errorCode(cause)}`, { cause });
  }
}

/** What came to its end is durable then. A flush of it that is under way ends before it is closed. */
async function letGo(old: FileHandle): Promise<void> {
  await old.datasync().catch(ignore);
  await old.close().catch(ignore);
}

function ignore(): void {}
