/**
 * The consumers of this node: registered durably, so that one that is away is missed. What they acknowledge is kept in
 * memory and told to who counts it; to the node's own log it is written seldom, to the shared one never.
 */
import { fail, isLockstepError } from '../../errors.ts';
import { hmacSha256Base64Url, type KeyObject } from '../../lib/crypto/hash.ts';
import type { Logger } from '../../lib/log.ts';
import { decodeRecord, encodeRecord } from '../../lib/record.ts';
import type { Position, Store } from '../../storage/store.ts';
import type { ConsumerReports } from '../cluster.ts';
import type { Acknowledged, AckRefusal } from '../events/consumer-stream.ts';
import type { ClosingReason } from '../events/frames.ts';
import type { ConsumerEvents } from '../events/subscriptions.ts';
import { encodeIndex, type Index } from '../freshness.ts';
import { keys, ROOT_NAMESPACE } from '../keys.ts';
import type { Namespace } from '../namespaces/namespace.ts';
import type { NamespaceTable } from '../namespaces/namespace-table.ts';
import type { Token } from '../tokens/token.ts';
import { everyKey } from '../../storage/every-key.ts';
import { expiryOf, idOf, identityOf, sameIdentity, type ConsumerName, type ConsumerRecord } from './record.ts';

export interface Refused {
  readonly consumer: string;
  readonly address: string;
  readonly why: AckRefusal;
}

export interface ConsumersOptions {
  readonly store: Store;
  readonly namespaces: NamespaceTable;
  /** For accessors. */
  readonly key: KeyObject;
  readonly region: string | undefined;
  readonly now: () => number;
  readonly log: Logger;
  /** For the audit log: an acknowledgement that was refused. */
  readonly alarm: (refused: Refused) => void;
}

export interface Connecting extends ConsumerName {
  readonly ttl: number;
  readonly paths: readonly string[];
  readonly token: Token;
  /** Of the client. */
  readonly address: string;
}

/** A consumer's stream. */
export interface ConsumerSession extends ConsumerEvents {
  /** How to end it: when it is deregistered, or its place is taken. */
  readonly attach: (end: (reason: ClosingReason) => void) => void;
}

export interface ConsumerState {
  readonly record: ConsumerRecord;
  readonly connected: boolean;
  readonly acknowledged: { readonly index: string; readonly at: number } | undefined;
  /** Milliseconds since the epoch; undefined while it is connected. */
  readonly expires: number | undefined;
}

interface Live {
  readonly session: object;
  end: ((reason: ClosingReason) => void) | undefined;
}

interface Known {
  record: ConsumerRecord;
  live: Live | undefined;
  /** Of this process: the newest that it acknowledged, as this node sent it. */
  index: Index | undefined;
  at: number;
}

const MOST = 20_000;
/** As the stream of a region carries it. */
const LONGEST_ID = 128;
/** While it is connected its state is written so often, or four times within its own time. */
const WRITE_EVERY = 3_600_000;
const SWEEP_EVERY = 15_000;
/** After its expiry a record stays for a while, to be seen. */
const KEPT_MS = 24 * 3_600_000;

export class Consumers implements Disposable {
  readonly #options: ConsumersOptions;
  readonly #known = new Map<string, Known>();
  readonly #sweeps: NodeJS.Timeout;
  readonly #observation: Disposable;
  #reports: ConsumerReports | undefined;

  constructor(options: ConsumersOptions) {
    this.#options = options;
    const { store } = options;
    using snapshot = store.snapshot();
    for (const key of everyKey(snapshot, keys.consumers)) {
      const value = snapshot.get(key);
      if (value === undefined) continue;
      const record = decodeRecord<ConsumerRecord>(value, key);
      this.#known.set(record.id, { record, live: undefined, index: undefined, at: 0 });
    }
    this.#sweeps = setInterval(() => {
      this.#kept(this.sweep());
    }, SWEEP_EVERY).unref();
    this.#observation = store.observe(({ writes }) => {
      // The key first: to ask for a value decrypts it, and every commit comes by here.
      const gone = writes.some((write) => write.key.startsWith(keys.namespaces) && write.value === undefined);
      // Not within the publication, when nothing can be written.
      if (gone) this.#kept(Promise.resolve().then(() => this.#forgetNamespaces()));
    });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#sweeps);
    this.#observation[Symbol.dispose]();
    this.#reports = undefined;
  }

  #kept(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (isLockstepError(error, 'sealed')) return;
      const reason = error instanceof Error ? error.message : 'unknown';
      this.#options.log.error('consumers could not be kept', { error: reason });
    });
  }

  /** Nobody waits for who subscribed in a namespace that is gone. */
  async #forgetNamespaces(): Promise<void> {
    const { namespaces } = this.#options;
    for (const { record } of [...this.#known.values()]) {
      if (record.namespace !== undefined && namespaces.byId(record.namespace) === undefined) {
        await this.#remove(record.id);
      }
    }
  }

  /** Who counts them: told of all now, and of each change. */
  reportTo(reports: ConsumerReports | undefined): void {
    this.#reports = reports;
    for (const known of this.#known.values()) this.#report(known);
  }

  /** Of one namespace. */
  list({ id }: Pick<Namespace, 'id'>): readonly ConsumerState[] {
    const own = [...this.#known.values()].filter(({ record }) => (record.namespace ?? ROOT_NAMESPACE) === id);
    return own.map(stateOf).sort((a, b) => (a.record.id < b.record.id ? -1 : 1));
  }

  get(name: ConsumerName): ConsumerState | undefined {
    const known = this.#known.get(idOf(name));
    return known === undefined ? undefined : stateOf(known);
  }

  /** Throws `permissionDenied` when the id is another's, `badRequest` when it is too long. */
  check(name: ConsumerName, token: Token): void {
    if (idOf(name).length > LONGEST_ID) {
      throw fail('badRequest', 'in a namespace "consumer" has at most 121 characters');
    }
    const known = this.#known.get(idOf(name));
    if (known !== undefined && !sameIdentity(known.record.identity, identityOf(token))) {
      throw fail(
        'permissionDenied',
        'this consumer is registered by another identity: choose another name, or deregister it',
      );
    }
    if (known === undefined && this.#known.size >= MOST) {
      throw fail('tooManyRequests', 'too many consumers are registered: deregister those that are gone');
    }
  }

  /** Registered durably when it resolves. `check` comes first. A stream that it had before is ended. */
  async connect({ ttl, paths, token, address, ...name }: Connecting): Promise<ConsumerSession> {
    const { region, key } = this.#options;
    this.check(name, token);
    const id = idOf(name);
    const inside = name.namespace.id === ROOT_NAMESPACE ? {} : { namespace: name.namespace.id };
    const now = this.#options.now();
    const before = this.#known.get(id);
    const record: ConsumerRecord = {
      ...before?.record,
      ...{ id, ttl, paths: [...paths], seenAt: now, registeredAt: before?.record.registeredAt ?? now },
      ...inside,
      identity: identityOf(token),
      accessor: hmacSha256Base64Url(key, token.record.accessor),
      region: region ?? 'hub',
    };
    const known = before ?? { record, live: undefined, index: undefined, at: 0 };
    this.#known.set(id, known);
    known.record = record;
    known.live?.end?.('invalid');
    const session = this.#session(known, address);
    known.live = { session, end: undefined };
    await this.#write(known);
    this.#report(known);
    return session;
  }

  #session(known: Known, address: string): ConsumerSession {
    const isLive = (): boolean => known.live?.session === session;
    const session: ConsumerSession = {
      attach: (end) => {
        if (isLive() && known.live !== undefined) known.live.end = end;
        else end('invalid');
      },
      acknowledged: (acknowledged, digest) => {
        if (isLive()) this.#acknowledged(known, acknowledged, digest);
      },
      refused: (why: AckRefusal) => {
        this.#options.alarm({ consumer: known.record.id, address, why });
      },
      ended: () => {
        if (!isLive()) return;
        known.live = undefined;
        known.record = { ...known.record, seenAt: this.#options.now() };
        this.#report(known);
        this.#writeLater(known);
      },
    };
    return session;
  }

  #acknowledged(known: Known, { index }: Acknowledged, digest: Uint8Array): void {
    if (index === undefined) return;
    const now = this.#options.now();
    known.index = index;
    known.at = now;
    this.#vouch(known, digest);
  }

  /** At a region it is the hub's part of the index that counts. */
  #vouch(known: Known, digest: Uint8Array): void {
    const { store, region } = this.#options;
    const counted = Object.entries(known.index ?? {}).find(([log]) => (log === store.log) === (region === undefined));
    const position: Position | undefined = counted?.[1];
    if (position !== undefined) this.#reports?.acknowledged(known.record.id, position, digest);
  }

  #report({ record, live }: Known): void {
    this.#reports?.registered(record.id, live === undefined ? expiryOf(record) : undefined);
  }

  /** False: there was none. Ends its stream; nobody waits for it any more. */
  remove(name: ConsumerName): Promise<boolean> {
    return this.#remove(idOf(name));
  }

  async #remove(id: string): Promise<boolean> {
    const known = this.#known.get(id);
    if (known === undefined) return false;
    this.#known.delete(id);
    known.live?.end?.('invalid');
    known.live = undefined;
    await this.#options.store.transact((tx) => {
      tx.delete(keys.consumer(id));
    });
    this.#reports?.deregistered(id);
    return true;
  }

  /** Writes what is due, and forgets who has been gone for long. */
  async sweep(): Promise<void> {
    await this.#forgetNamespaces();
    const now = this.#options.now();
    for (const known of [...this.#known.values()]) {
      const { record, live } = known;
      if (live === undefined && expiryOf(record) + KEPT_MS < now) await this.#remove(record.id);
      if (live === undefined || now - record.seenAt < Math.min(record.ttl * 250, WRITE_EVERY)) continue;
      known.record = { ...record, seenAt: now };
      await this.#write(known);
    }
  }

  /** Not at once: a stream may end while a batch is published, when nothing can be written. */
  #writeLater(known: Known): void {
    const written = Promise.resolve().then(() => this.#write(known));
    written.catch((error: unknown) => {
      // At the end of the node it is too late; the record says when it was written last.
      if (isLockstepError(error)) return;
      const { log } = this.#options;
      log.warn('a consumer could not be written', { error: error instanceof Error ? error.message : 'unknown' });
    });
  }

  async #write(known: Known): Promise<void> {
    if (known.index !== undefined) {
      known.record = { ...known.record, acknowledged: { index: encodeIndex(known.index), at: known.at } };
    }
    const { record } = known;
    await this.#options.store.transact((tx) => {
      // It may have been deregistered meanwhile.
      if (this.#known.get(record.id) === known) tx.put(keys.consumer(record.id), encodeRecord(record));
    });
  }
}

function stateOf({ record, live, index, at }: Known): ConsumerState {
  const newest = index === undefined ? record.acknowledged : { index: encodeIndex(index), at };
  return {
    record,
    connected: live !== undefined,
    acknowledged: newest,
    expires: live === undefined ? expiryOf(record) : undefined,
  };
}
