import { fail } from '../../errors.ts';
import { randomBytes } from '../../lib/crypto/random.ts';
import { endProcess } from '../local/end-process.ts';
import { LocalStore } from '../local/local-store.ts';
import type { Medium, Place } from '../local/medium.ts';
import type { SnapshotLimit } from '../local/views.ts';
import { NO_HASH } from '../log-record.ts';
import type { Epoch } from '../store.ts';
import { openEnvironment, prepareDirectory, syncNames, type Environment } from './environment.ts';
import { currentEnvironment, dropOthers } from './generation.ts';
import { claimDirectory, claimHere, releaseDirectory } from './holder.ts';
import { LmdbMedium } from './medium.ts';
import { LmdbReplacement } from './replacement.ts';
import { decodeMeta, encodeMeta, placeOf, placeRecord, STORE_FORMAT, type Meta } from './meta.ts';

export interface LmdbStoreOptions {
  /** The data directory; made when it is not there. It belongs to one store alone. */
  readonly path: string;
  /** Called when a flush fails or an observer throws. Ends the process, unless given. */
  readonly die?: (error: unknown) => void;
  readonly conflict?: () => boolean;
  readonly snapshotLimit?: SnapshotLimit;
}

/** Records at the end of the log that are checked when it is opened; the others when they are read. */
const TAIL = 64;

function firstMeta(): Meta {
  const epoch: Epoch = { number: 1, id: randomBytes(16).toString('hex'), forkedAt: 0 };
  const start: Place = { position: { epoch: `${epoch.number}.${epoch.id}`, sequence: 0 }, hash: NO_HASH };
  return {
    format: STORE_FORMAT,
    identity: { log: randomBytes(16).toString('hex'), epoch },
    head: placeRecord(start, 0),
    oldest: placeRecord(start, 0),
  };
}

function create({ root, meta }: Environment, path: string): Meta {
  const first = firstMeta();
  // Synchronous, and flushed on return: there is nobody to wait yet.
  root.transactionSync(() => {
    void meta.put('format', encodeMeta(first.format));
    void meta.put('identity', encodeMeta(first.identity));
    void meta.put('head', encodeMeta(first.head));
    void meta.put('oldest', encodeMeta(first.oldest));
  });
  syncNames(path);
  return first;
}

function isEmpty({ data, log, meta }: Environment): boolean {
  return [
    data.getKeys({ start: '', limit: 1 }),
    meta.getKeys({ start: '', limit: 1 }),
    log.getKeys({ start: Buffer.alloc(1), limit: 1 }),
  ].every((keys) => [...keys].length === 0);
}

function readMeta(environment: Environment, path: string): Meta {
  const { meta } = environment;
  if (meta.getBinary('format') === undefined && isEmpty(environment)) return create(environment, path);
  const format = decodeMeta('format', meta.getBinary('format'));
  if (format !== STORE_FORMAT) {
    throw fail(
      'formatVersion',
      `the store in ${path} has the format ${JSON.stringify(format)}: this program reads ${STORE_FORMAT}`,
    );
  }
  return {
    format,
    identity: decodeMeta('identity', meta.getBinary('identity')),
    head: decodeMeta('head', meta.getBinary('head')),
    oldest: decodeMeta('oldest', meta.getBinary('oldest')),
  };
}

/** The sequences that the log begins and ends with. */
function span({ log }: Environment): { first: number; last: number } | undefined {
  const [first] = log.getKeys({ limit: 1, start: Buffer.alloc(1) });
  const [last] = log.getKeys({ limit: 1, reverse: true, start: Buffer.alloc(8, 0xff), end: Buffer.alloc(1) });
  if (first === undefined || last === undefined) return undefined;
  const sequence = (key: Uint8Array): number => Number(Buffer.from(key).readBigUInt64BE());
  return { first: sequence(first), last: sequence(last) };
}

/** The log reaches from the oldest place to the head, and the hashes of its end chain up to the head's. */
function checkTail(environment: Environment, meta: Meta, medium: Medium): void {
  const [head, oldest] = [placeOf(meta.head), placeOf(meta.oldest)];
  const [from, to] = [oldest.position.sequence, head.position.sequence];
  const found = span(environment);
  const isWhole = from === to ? found === undefined : found?.first === from + 1 && found.last === to;
  if (!isWhole) {
    const holds = found === undefined ? 'nothing' : `${found.first} to ${found.last}`;
    throw fail('corrupt', `the log should hold the records ${from + 1} to ${to}, and holds ${holds}`);
  }
  const view = medium.open();
  let hash = Buffer.from(head.hash);
  for (let sequence = to; sequence > Math.max(from, to - TAIL); sequence--) {
    const { batch, previousHash } = view.record(sequence);
    if (!hash.equals(batch.hash)) throw fail('corrupt', `the hash of log record ${sequence} does not chain`);
    hash = Buffer.from(previousHash);
    if (sequence === from + 1 && !hash.equals(oldest.hash)) {
      throw fail('corrupt', `the hash of log record ${sequence} does not chain with the place before it`);
    }
  }
  view.close();
}

/** A data directory that this process holds, whichever environment in it is the store. */
class HeldDirectory {
  readonly #path: string;
  readonly #free: () => void;
  readonly #die: (error: unknown) => void;
  #current: Environment | undefined;

  constructor(path: string, free: () => void, die: (error: unknown) => void) {
    this.#path = path;
    this.#free = free;
    this.#die = die;
  }

  /** From now on the store lies in this environment. */
  adopt(environment: Environment, meta: Meta, opened?: () => void): LmdbMedium {
    this.#current = environment;
    return new LmdbMedium(environment, meta, {
      ...(opened === undefined ? {} : { opened }),
      replacement: () =>
        new LmdbReplacement({
          path: this.#path,
          die: this.#die,
          adopt: (other, itsMeta, itsOpened) => this.adopt(other, itsMeta, itsOpened),
        }),
      closed: () => {
        if (this.#current === environment) this.#release();
        else dropOthers(this.#path);
      },
    });
  }

  #release(): void {
    releaseDirectory(this.#path);
    this.#free();
  }
}

/**
 * Opens the store in a directory, or makes it. Throws `storeInUse` (naming who holds it), `invalidConfig` (the directory
 * cannot be made or kept private), `formatVersion` (written in another format) or `corrupt`.
 */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<LocalStore> {
  const { path, die = endProcess, ...others } = options;
  prepareDirectory(path);
  const free = claimHere(path);
  let environment: Environment | undefined;
  try {
    const folder = currentEnvironment(path);
    environment = openEnvironment(folder);
    // Held until the store has a view of its own: other processes know this one by its readers.
    const reader = claimDirectory(environment.root, path);
    // Whoever held it may have put another content in its place just before it ended.
    if (currentEnvironment(path) !== folder) throw fail('storeInUse', `the data directory ${path} was just restored`);
    dropOthers(path);
    const meta = readMeta(environment, folder);
    const medium = new HeldDirectory(path, free, die).adopt(environment, meta);
    checkTail(environment, meta, medium);
    const store = new LocalStore(medium, { die, ...others });
    reader.done();
    return store;
  } catch (error) {
    await environment?.root.close();
    free();
    throw error;
  }
}
