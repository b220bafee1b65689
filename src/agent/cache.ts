/**
 * The last known good secrets, encrypted with AES-256-GCM: a file for each path, and one that says until when they were
 * confirmed. Each is bound to who logged in and to its path, so that none can be put in another's place.
 */
import { mkdir, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { parseJson } from '../client/json.ts';
import { fail } from '../errors.ts';
import { canonicalJson } from '../lib/canonical-json.ts';
import { decryptGcm, encryptGcm } from '../lib/crypto/aes-gcm.ts';
import { deriveKey, hmacSha256, type KeyObject } from '../lib/crypto/hash.ts';
import { uuid } from '../lib/crypto/random.ts';
import { failpoint } from '../lib/failpoint.ts';
import { elapsed, isStamp, type Stamp, type StampSource } from './age.ts';
import { place, prepareDirectory, removeFile, removeLeftovers } from './place.ts';
import type { SecretData } from './render.ts';

export interface CacheEntry {
  readonly data: SecretData;
  /** Absent for KV version 1. */
  readonly version: number | undefined;
  /** Of KV version 2, what stands beside its data. */
  readonly metadata?: SecretData | undefined;
}

export interface CachedEntry extends CacheEntry {
  /** Seconds since the server confirmed it; undefined where the clock cannot say. */
  readonly age: number | undefined;
}

export interface CacheOptions {
  readonly directory: string;
  readonly key: KeyObject;
  /** Who logs in. */
  readonly identity: string;
  readonly stamps: StampSource;
}

const format = 1;
const suffix = '.cached';
const confirmationName = 'confirmed.cached';
const largestFile = 64 * 1024 * 1024;

interface Entry {
  readonly serial: string;
  readonly stamp: Stamp;
  readonly data: SecretData;
  readonly version: number | undefined;
  readonly metadata: SecretData | undefined;
}

export class Cache {
  readonly #options: CacheOptions;
  #key: KeyObject;
  /** The serial of each path's newest entry. */
  readonly #serials = new Map<string, string>();
  readonly #due = new Map<string, Promise<void>>();

  private constructor(options: CacheOptions) {
    this.#options = options;
    this.#key = options.key;
  }

  /** Throws `unsafeDirectory`, or an error of the file system. */
  static async open(options: CacheOptions): Promise<Cache> {
    await mkdir(options.directory, { recursive: true, mode: 0o700 });
    await prepareDirectory(options.directory);
    const cache = new Cache(options);
    for (const name of await readdir(options.directory)) {
      const owner = /^\.(.+\.cached)\.[0-9a-f]{16}\.lockstep$/.exec(name)?.[1];
      if (owner !== undefined) await removeLeftovers(join(options.directory, owner));
    }
    return cache;
  }

  get size(): number {
    return this.#serials.size;
  }

  /** From now on entries are written under this key; those written before cannot be read any more. */
  rekey(key: KeyObject): void {
    this.#key = key;
    this.#serials.clear();
  }

  /** Replaces the path's entry. If that fails, an older one must not come back after a restart: it is removed. */
  put(path: string, { data, version, metadata }: CacheEntry): Promise<void> {
    return this.#inTurn(path, async () => {
      failpoint('agent.before-cache');
      const serial = uuid();
      const record: Entry = { serial, stamp: this.#options.stamps(), data, version, metadata };
      try {
        await this.#write(this.#nameOf(path), path, record);
        this.#serials.set(path, serial);
      } catch (error) {
        await this.#remove(path);
        throw error;
      }
    });
  }

  erase(path: string): Promise<void> {
    return this.#inTurn(path, () => this.#remove(path));
  }

  /** The path's entry; undefined where there is none that can be read with this key, for this identity. */
  async get(path: string): Promise<CachedEntry | undefined> {
    const record = await this.#read(this.#nameOf(path), path);
    if (!isEntry(record)) return undefined;
    const now = this.#options.stamps();
    const ages = [elapsed(record.stamp, now)];
    const confirmation = await this.#read(confirmationName, '');
    if (isConfirmation(confirmation) && confirmation.serials[path] === record.serial) {
      ages.push(elapsed(confirmation.stamp, now));
    }
    this.#serials.set(path, record.serial);
    const known = ages.filter((age) => age !== undefined);
    return {
      data: record.data,
      version: record.version,
      ...(record.metadata === undefined ? {} : { metadata: record.metadata }),
      age: known.length < ages.length ? undefined : Math.min(...known),
    };
  }

  /** Notes that the entries of these paths are what the server has now. */
  async confirm(paths: Iterable<string>): Promise<void> {
    const serials: Record<string, string> = {};
    for (const path of paths) {
      const serial = this.#serials.get(path);
      if (serial !== undefined) serials[path] = serial;
    }
    await this.#inTurn('', () => this.#write(confirmationName, '', { stamp: this.#options.stamps(), serials }));
  }

  /** Removes what belongs to no path of these. Gives how many. */
  async prune(paths: readonly string[]): Promise<number> {
    const kept = new Set([confirmationName, ...paths.map((path) => this.#nameOf(path))]);
    const names = await readdir(this.#options.directory);
    const strangers = names.filter((name) => name.endsWith(suffix) && !kept.has(name));
    for (const name of strangers) await unlink(join(this.#options.directory, name));
    return strangers.length;
  }

  #inTurn(path: string, work: () => Promise<void>): Promise<void> {
    const turn = (this.#due.get(path) ?? Promise.resolve()).catch(() => undefined).then(work);
    this.#due.set(path, turn);
    return turn;
  }

  async #remove(path: string): Promise<void> {
    this.#serials.delete(path);
    await removeFile(join(this.#options.directory, this.#nameOf(path)));
  }

  /** Names of files tell no paths. */
  #nameOf(path: string): string {
    const key = deriveKey(this.#key, 'names of entries');
    return `${hmacSha256(key, this.#options.identity, '\0', path).toString('hex').slice(0, 32)}${suffix}`;
  }

  async #write(name: string, path: string, content: unknown): Promise<void> {
    const text = Buffer.from(canonicalJson(content));
    const sealed = encryptGcm(this.#key, text, this.#aad(path), 1);
    text.fill(0);
    sealed[0] = format;
    await place(sealed, { path: join(this.#options.directory, name), mode: 0o600 });
  }

  async #read(name: string, path: string): Promise<unknown> {
    const file = join(this.#options.directory, name);
    const size = (await stat(file).catch(() => undefined))?.size;
    if (size === undefined || size > largestFile) return undefined;
    const sealed = await readFile(file);
    if (sealed[0] !== format) throw fail('formatVersion', `${file} is of another format: remove it`);
    const text = decryptGcm(this.#key, sealed, this.#aad(path), 1);
    if (text === undefined) return undefined;
    try {
      return parseJson(text.toString('utf8'));
    } finally {
      text.fill(0);
    }
  }

  /** Length-prefixed, so that no two pairs give the same bytes. */
  #aad(path: string): Buffer {
    const parts = [String(format), this.#options.identity, path].map((part) => Buffer.from(part));
    return Buffer.concat(
      parts.flatMap((part) => {
        const length = Buffer.alloc(4);
        length.writeUInt32BE(part.length);
        return [length, part];
      }),
    );
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEntry(value: unknown): value is Entry {
  if (!isObject(value)) return false;
  const { serial, stamp, data, version } = value;
  const versioned = version === undefined || typeof version === 'number';
  return typeof serial === 'string' && isStamp(stamp) && isObject(data) && versioned;
}

function isConfirmation(value: unknown): value is { readonly stamp: Stamp; readonly serials: Record<string, unknown> } {
  return isObject(value) && isStamp(value['stamp']) && isObject(value['serials']);
}
