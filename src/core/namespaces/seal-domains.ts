/**
 * Which namespaces have keys of their own, and which of these keys this thread holds. A domain is a namespace that was made
 * with a seal, with all below it down to the next one of that kind.
 */
import { fail } from '../../errors.ts';
import { decodeFound } from '../../lib/record.ts';
import { Session, type KeyStatus, type Roots, type SessionOptions, type Writer } from '../../seal/session.ts';
import { everyKey } from '../../storage/every-key.ts';
import type { Snapshot, Store, Transaction, Write } from '../../storage/store.ts';
import { keys } from '../keys.ts';
import type { NamespaceRecord } from './namespace.ts';

/** An order to remove a namespace; its domain is kept, or what is left of it would be taken for plaintext. */
export interface RemovalOrder {
  readonly path: string;
  readonly domain?: string;
}

/** Whether values of a namespace can be read: `gone` is what was encrypted under keys that are deleted. */
export type Standing = 'open' | 'sealed' | 'gone';

export interface SealStandings {
  /** Whether the namespace, or one above it, has a seal of its own and is sealed. */
  isSealed(namespace: string): boolean;
  /** Whether values of the namespace can be read: also while what waits for its keys is done, and of what is left of one. */
  isReadable(namespace: string): boolean;
  /** Whether values of the namespace can be read, and are not lost with their keys. */
  holdsKeys(namespace: string): boolean;
}

/** Where there are no such namespaces. */
export const ALL_OPEN: SealStandings = { isSealed: () => false, isReadable: () => true, holdsKeys: () => true };

interface Member {
  readonly domain: string;
  /** Its record is there: of others only what is left is being removed. */
  readonly there: boolean;
}

/** Between the class and the area of a key. */
function namespaceIn(key: string): string | undefined {
  const end = key.indexOf('/', 2);
  return key.charCodeAt(1) === 47 && end > 2 ? key.slice(2, end) : undefined;
}

export class SealDomains implements SealStandings {
  readonly #store: Store;
  readonly #options: SessionOptions;
  /** By the id of the namespace: those alone that are in a domain. */
  readonly #members = new Map<string, Member>();
  readonly #sessions = new Map<string, Session>();
  /** Domains whose keys are here while what waits for them is done: nothing else is served from them. */
  readonly #opening = new Set<string>();

  /** `store`: with what this encrypts still encrypted. */
  constructor(store: Store, options: SessionOptions) {
    this.#store = store;
    this.#options = options;
    using snapshot = store.snapshot();
    for (const key of everyKey(snapshot, keys.namespaces)) this.#apply(key, snapshot.get(key));
    for (const key of everyKey(snapshot, keys.namespaceRemovals)) this.#applyRemoval(key, snapshot.get(key));
  }

  /** Whether there is any. */
  get none(): boolean {
    return this.#members.size === 0;
  }

  /** The domain that the values at a key are encrypted for. */
  ofKey(key: string): string | undefined {
    if (this.#members.size === 0) return undefined;
    const namespace = namespaceIn(key);
    return namespace === undefined ? undefined : this.#members.get(namespace)?.domain;
  }

  ofNamespace(id: string): string | undefined {
    return this.#members.get(id)?.domain;
  }

  standing(domain: string): Standing {
    if (this.#sessions.has(domain)) return 'open';
    return this.#members.get(domain)?.there === true ? 'sealed' : 'gone';
  }

  isSealed(namespace: string): boolean {
    const domain = this.#members.size === 0 ? undefined : this.#members.get(namespace)?.domain;
    return domain !== undefined && (this.standing(domain) === 'sealed' || this.#opening.has(domain));
  }

  isReadable(namespace: string): boolean {
    const domain = this.#members.size === 0 ? undefined : this.#members.get(namespace)?.domain;
    return domain === undefined || this.standing(domain) !== 'sealed';
  }

  holdsKeys(namespace: string): boolean {
    const domain = this.#members.get(namespace)?.domain;
    return domain === undefined || this.standing(domain) === 'open';
  }

  /** Those that are there. */
  all(): readonly string[] {
    return [...this.#members].filter(([id, { domain, there }]) => there && id === domain).map(([id]) => id);
  }

  /** Namespaces of one domain, those that are being removed among them. */
  namespacesOf(domain: string): readonly string[] {
    return [...this.#members].filter(([, member]) => member.domain === domain).map(([id]) => id);
  }

  /** Throws `namespaceSealed`. undefined: its keys are deleted, and its values with them. */
  session(domain: string): Session | undefined {
    const session = this.#sessions.get(domain);
    if (session?.live === true) return session;
    if (this.standing(domain) === 'gone') return undefined;
    throw fail('namespaceSealed');
  }

  decrypt(domain: string, key: string, record: Uint8Array | undefined): Uint8Array | undefined {
    const session = this.session(domain);
    return session === undefined || record === undefined ? undefined : session.decrypt(key, record);
  }

  status(domain: string): KeyStatus | undefined {
    return this.session(domain)?.status;
  }

  /** Takes the keys up, for `settle` to serve from. Throws `corrupt` when they do not belong together. */
  open(domain: string, roots: Roots): void {
    if (this.#sessions.has(domain)) return;
    const { keyring } = keys.namespaceSeal(domain);
    this.#sessions.set(domain, new Session(this.#store, roots, { ...this.#options, keyring }));
    this.#opening.add(domain);
  }

  /** As `Session.expect`; does nothing while it is sealed. */
  expect(domain: string, root: Roots[0]): void {
    const session = this.#sessions.get(domain);
    if (session?.live === true) session.expect(root);
  }

  settle(domain: string): void {
    this.#opening.delete(domain);
  }

  /** Drops the keys. */
  close(domain: string): void {
    this.#sessions.get(domain)?.end();
    this.#sessions.delete(domain);
    this.#opening.delete(domain);
  }

  closeAll(): void {
    for (const domain of [...this.#sessions.keys()]) this.close(domain);
  }

  /** Before anybody else sees the batch. */
  follow(writes: readonly Write[]): void {
    for (const write of writes) {
      if (write.key.startsWith(keys.namespaces)) this.#apply(write.key, write.value);
      else if (write.key.startsWith(keys.namespaceRemovals)) this.#applyRemoval(write.key, write.value);
    }
  }

  #apply(key: string, value: Uint8Array | undefined): void {
    const id = key.slice(keys.namespaces.length);
    const domain = decodeFound<NamespaceRecord>(value, key)?.domain;
    if (domain !== undefined) this.#members.set(id, { domain, there: true });
    else if (this.#members.get(id)?.there === true) this.#members.delete(id);
    if (value === undefined) this.close(id);
  }

  #applyRemoval(key: string, value: Uint8Array | undefined): void {
    const id = key.slice(keys.namespaceRemovals.length);
    const domain = decodeFound<RemovalOrder>(value, key)?.domain;
    if (domain !== undefined) this.#members.set(id, { domain, there: false });
    else if (this.#members.get(id)?.there === false) this.#members.delete(id);
  }
}

/** Encrypts for one transaction, which may write into several domains and run several times. */
export class DomainWriters {
  readonly #domains: SealDomains;
  readonly #writers = new Map<Session, Writer>();
  #tx: Transaction | undefined;

  constructor(domains: SealDomains) {
    this.#domains = domains;
  }

  /** `tx`: of the store below. */
  begin(tx: Transaction): this {
    this.#tx = tx;
    for (const writer of this.#writers.values()) writer.begin(tx);
    return this;
  }

  rollBack(): void {
    for (const writer of this.#writers.values()) writer.rollBack();
  }

  /** Throws `namespaceSealed`, or `noNamespace` where the keys are deleted. */
  encrypt(domain: string, key: string, value: Uint8Array): Uint8Array {
    const session = this.#domains.session(domain);
    if (session === undefined) throw fail('noNamespace');
    session.checkWritable();
    return this.#writerOf(session).encrypt(key, value);
  }

  #writerOf(session: Session): Writer {
    const known = this.#writers.get(session);
    if (known !== undefined) return known;
    if (this.#tx === undefined) throw fail('internal', 'a write outside of its transaction');
    const writer = session.writer().begin(this.#tx);
    this.#writers.set(session, writer);
    return writer;
  }
}

export type Reads = Pick<Snapshot, 'get' | 'has' | 'list' | 'children'>;
