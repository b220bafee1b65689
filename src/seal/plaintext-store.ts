/** The unsealed barrier's face: a `Store` whose values are plaintext, over a `Store` that holds ciphertext only. */
import { fail } from '../errors.ts';
import type {
  Batch,
  Committed,
  Decoded,
  Epoch,
  Page,
  Position,
  Snapshot,
  Store,
  Transaction,
  Write,
} from '../storage/store.ts';
import type { RecordCipher } from './record.ts';
import { SEAL_AREA, type Session } from './session.ts';

function checkKey(key: string): void {
  if (key.startsWith(SEAL_AREA)) throw fail('permissionDenied', `${SEAL_AREA} lies outside the barrier: ${key}`);
}

/** A page without the seal's own records; they lie together, so at most their number is read in vain. */
function visible(read: (page: Page) => readonly string[], prefix: string, full: string, page: Page): readonly string[] {
  checkKey(prefix);
  if (!SEAL_AREA.startsWith(prefix)) return read(page);
  const found: string[] = [];
  for (let after = page.after; ;) {
    const part = read(after === undefined ? page : { limit: page.limit, after });
    for (const name of part) {
      if (!(full + name).startsWith(SEAL_AREA) && found.length < page.limit) found.push(name);
    }
    after = part.at(-1);
    if (after === undefined || part.length < page.limit || found.length >= page.limit) return found;
  }
}

type Reads = Pick<Snapshot, 'get' | 'has' | 'list' | 'children'>;

class PlaintextReads<Raw extends Reads, Cipher extends Omit<RecordCipher, 'encrypt'>> implements Reads {
  protected readonly raw: Raw;
  protected readonly cipher: Cipher;

  constructor(raw: Raw, cipher: Cipher) {
    this.raw = raw;
    this.cipher = cipher;
  }

  get(key: string): Uint8Array | undefined {
    this.cipher.checkLive();
    checkKey(key);
    const record = this.raw.get(key);
    return record === undefined ? undefined : this.cipher.decrypt(key, record);
  }

  has(key: string): boolean {
    this.cipher.checkLive();
    checkKey(key);
    return this.raw.has(key);
  }

  list(prefix: string, page: Page): readonly string[] {
    this.cipher.checkLive();
    return visible((part) => this.raw.list(prefix, part), prefix, '', page);
  }

  children(prefix: string, page: Page): readonly string[] {
    this.cipher.checkLive();
    return visible((part) => this.raw.children(prefix, part), prefix, prefix, page);
  }
}

export class PlaintextTransaction extends PlaintextReads<Transaction, RecordCipher> implements Transaction {
  put(key: string, value: Uint8Array, decoded?: Decoded): void {
    checkKey(key);
    this.raw.put(key, this.cipher.encrypt(key, value), decoded);
  }

  written(key: string): Pick<Write, 'decoded'> | undefined {
    this.cipher.checkLive();
    checkKey(key);
    return this.raw.written(key);
  }

  delete(key: string): void {
    this.cipher.checkLive();
    checkKey(key);
    this.raw.delete(key);
  }
}

class PlaintextSnapshot extends PlaintextReads<Snapshot, Session> implements Snapshot {
  get position(): Position {
    return this.raw.position;
  }

  [Symbol.dispose](): void {
    this.raw[Symbol.dispose]();
  }
}

/**
 * As the contract says, and: everything throws `sealed` once the barrier is sealed, except for the position, hash, epoch
 * and name of the log, which are no secrets. In a batch, `Write.value` is a getter that decrypts when first read: an
 * observer that looks at keys alone pays nothing, and what it throws (`corrupt`, `sealed`) names the key. Reading a
 * record that is damaged throws `corrupt`. Disposing drops the keys; the store below stays open.
 */
export class PlaintextStore implements Store {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  get log(): string {
    return this.#session.raw.log;
  }

  get epoch(): Epoch {
    return this.#session.raw.epoch;
  }

  get position(): Position {
    return this.#session.raw.position;
  }

  get hash(): Uint8Array {
    return this.#session.raw.hash;
  }

  get oldest(): Position {
    return this.#session.raw.oldest;
  }

  hashAt(position: Position): Uint8Array | undefined {
    return this.#session.raw.hashAt(position);
  }

  get(key: string): Uint8Array | undefined {
    this.#session.checkLive();
    checkKey(key);
    const record = this.#session.raw.get(key);
    return record === undefined ? undefined : this.#session.decrypt(key, record);
  }

  has(key: string): boolean {
    this.#session.checkLive();
    checkKey(key);
    return this.#session.raw.has(key);
  }

  snapshot(): Snapshot {
    this.#session.checkLive();
    return new PlaintextSnapshot(this.#session.raw.snapshot(), this.#session);
  }

  async transact<T>(work: (tx: Transaction) => T): Promise<Committed<T>> {
    this.#session.checkWritable();
    const writer = this.#session.writer();
    try {
      return await this.#session.raw.transact((tx) => {
        this.#session.checkWritable();
        return work(new PlaintextTransaction(tx, writer.begin(tx)));
      });
    } catch (error) {
      writer.rollBack();
      throw error;
    }
  }

  observe(apply: (batch: Batch) => void): Disposable {
    return this.#session.observe(apply);
  }

  async *changes(from: Position, signal: AbortSignal): AsyncIterable<Batch> {
    const session = this.#session;
    session.checkLive();
    for await (const batch of session.raw.changes(from, AbortSignal.any([signal, session.ended]))) {
      session.checkLive();
      yield session.reveal(batch);
    }
    // The log below ends without a throw for the caller's abort and for ours: ours is no quiet end.
    if (!signal.aborted) session.checkLive();
  }

  async compact(upTo: Position): Promise<void> {
    this.#session.checkLive();
    await this.#session.raw.compact(upTo);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session.end();
  }
}
