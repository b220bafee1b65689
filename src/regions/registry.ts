/** The hub's regions: their rules, how they join, and which certificate each is known by. Hub-only records. */
import { fail } from '../errors.ts';
import { equalSecret, sha256 } from '../lib/crypto/hash.ts';
import { decodeRecord, encodeRecord, recordAt } from '../lib/record.ts';
import type { Store, Transaction } from '../storage/store.ts';
import type { RegionRules } from '../core/cluster.ts';
import { keys } from '../core/keys.ts';
import type { ClusterAuthority, IssuedCertificate } from './authority.ts';
import { covers, parseFilter, type Filter } from './filter.ts';
import { hashJoinSecret, JOIN_TOKEN_MS, newJoinSecret } from './join-token.ts';

interface Certificate {
  /** SHA-256 of the public key, hex. */
  readonly publicKey: string;
  readonly fingerprint: string;
  readonly generation: number;
  readonly notAfter: number;
}

export interface RegionRecord {
  readonly name: string;
  /** What the region may hold. */
  readonly filter: Filter;
  /** Grows with each change of the filter. */
  readonly version: number;
  /** What the region may write by forwarding, within its filter. */
  readonly writes: Filter;
  readonly createdAt: number;
  readonly join?: { readonly hash: string; readonly expiresAt: number; readonly usedBy?: string };
  readonly certificate?: Certificate;
  /** Issued to replace it; takes its place when it is first shown, so a lost reply locks nobody out. */
  readonly next?: Certificate;
  /** Set when two nodes showed the same certificate at once: nobody connects until the region is added anew. */
  readonly blocked?: string;
}

/** What the hub calls itself where regions have their names: owned secret-ids, consumers. */
const HUB = 'hub';
const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export interface Enrolling {
  readonly region: string;
  readonly secret: string;
  /** SubjectPublicKeyInfo, DER, of a request whose signature was checked. */
  readonly publicKey: Uint8Array;
}

/** Why a certificate does not count. */
export type Unidentified = 'unknownRegion' | 'blocked' | 'otherCertificate' | 'expired';

const notJoined = (): Error =>
  fail('permissionDenied', 'the join token is not valid: ask for a new one with `lockstep regions add`');

export class RegionRegistry {
  readonly #store: Store;
  readonly #now: () => number;

  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  get(name: string): RegionRecord | undefined {
    using snapshot = this.#store.snapshot();
    return recordAt<RegionRecord>(snapshot, keys.region(name));
  }

  all(): readonly RegionRecord[] {
    using snapshot = this.#store.snapshot();
    return snapshot.list(keys.regions, { limit: 10_000 }).flatMap((key) => {
      const found = snapshot.get(key);
      return found === undefined ? [] : [decodeRecord<RegionRecord>(found, key)];
    });
  }

  /**
   * Adds a region, or lets a known one join anew with a new certificate; gives the secret of the join token, which is
   * kept hashed. `paths` and `writes` stay as they are where they are not given.
   */
  async add(name: string, given: RegionRules): Promise<string> {
    // Consumers of the hub itself count under that name.
    if (name === 'hub') throw fail('badRequest', '"hub" cannot name a region');
    if (!NAME.test(name)) {
      throw fail('badRequest', `"${name}" cannot name a region: up to 63 lower-case letters, digits and inner dashes`);
    }
    if (name === HUB) throw fail('badRequest', `"${HUB}" is the hub itself: give the region another name`);
    const secret = newJoinSecret();
    const join = { hash: hashJoinSecret(secret), expiresAt: this.#now() + JOIN_TOKEN_MS };
    await this.#change(name, (before) => {
      const base = before ?? { name, filter: [], version: 0, writes: [], createdAt: this.#now() };
      const { blocked, certificate, next: _next, ...rest } = withRules(base, given);
      // A certificate that was cloned stays worthless: only the node that joins anew gets in.
      const kept = blocked === undefined && certificate !== undefined ? { certificate } : {};
      return { ...rest, ...kept, join };
    });
    return secret;
  }

  /** Throws `badRequest` when there is no such region. */
  async setRules(name: string, given: RegionRules): Promise<void> {
    await this.#change(name, (before) => {
      if (before === undefined) throw fail('badRequest', `there is no region "${name}"`);
      return withRules(before, given);
    });
  }

  async remove(name: string): Promise<void> {
    await this.#store.transact((tx) => {
      tx.delete(keys.region(name));
    });
  }

  async block(name: string, why: string): Promise<void> {
    await this.#change(name, (before) => {
      if (before === undefined) throw fail('badRequest', `there is no region "${name}"`);
      return { ...before, blocked: why };
    });
  }

  /**
   * The region that a join token is for. Throws `permissionDenied` for everything that is wrong with it: nothing tells a
   * stranger which regions there are.
   */
  checkJoin(region: string, secret: string): RegionRecord {
    const record = NAME.test(region) ? this.get(region) : undefined;
    return this.#joining(record, secret);
  }

  #joining(record: RegionRecord | undefined, secret: string): RegionRecord {
    const join = record?.join;
    const right = equalSecret(hashJoinSecret(secret), join?.hash ?? hashJoinSecret(''));
    if (record === undefined || join === undefined || !right || join.expiresAt <= this.#now()) throw notJoined();
    return record;
  }

  /** Takes a join token and issues a certificate, in one transaction; again only for the same key. Throws as `checkJoin`. */
  async enrol(authority: ClusterAuthority, { region, secret, publicKey }: Enrolling): Promise<IssuedCertificate> {
    const key = sha256(publicKey).toString('hex');
    const check = (record: RegionRecord | undefined): RegionRecord => {
      const joining = this.#joining(record, secret);
      const usedBy = joining.join?.usedBy;
      if (usedBy !== undefined && usedBy !== key) throw notJoined();
      return joining;
    };
    check(this.checkJoin(region, secret));
    const issued = await authority.region(region, publicKey);
    await this.#change(region, (before) => {
      const record = check(before);
      const { hash, expiresAt } = record.join ?? { hash: '', expiresAt: 0 };
      const { next: _next, ...rest } = record;
      return { ...rest, certificate: certificateOf(record, key, issued), join: { hash, expiresAt, usedBy: key } };
    });
    return issued;
  }

  /** A new certificate before the old one ends, which is good until the new one is shown. The region proved itself by it. */
  async renew(authority: ClusterAuthority, region: string, publicKey: Uint8Array): Promise<IssuedCertificate> {
    const issued = await authority.region(region, publicKey);
    await this.#change(region, (before) => {
      if (before === undefined) throw fail('permissionDenied', 'this region was removed');
      if (before.blocked !== undefined) throw fail('permissionDenied', 'this region is blocked');
      return { ...before, next: certificateOf(before, sha256(publicKey).toString('hex'), issued) };
    });
    return issued;
  }

  /** The region that a certificate belongs to today; otherwise why not, for the audit. */
  identify(name: string, fingerprint: string): RegionRecord | Unidentified {
    const record = this.get(name);
    if (record === undefined) return 'unknownRegion';
    if (record.blocked !== undefined) return 'blocked';
    const shown = [record.certificate, record.next].find((each) => each?.fingerprint === fingerprint);
    if (shown === undefined) return 'otherCertificate';
    // A connection outlives the handshake that looked at the certificate's time.
    return shown.notAfter > this.#now() ? record : 'expired';
  }

  /** The renewed certificate was shown: from now on it alone counts. False when there is nothing to change. */
  async adopt(name: string, fingerprint: string): Promise<boolean> {
    if (this.get(name)?.next?.fingerprint !== fingerprint) return false;
    await this.#change(name, (before) => {
      if (before === undefined) throw fail('permissionDenied', 'this region was removed');
      const { next, ...rest } = before;
      return next?.fingerprint === fingerprint ? { ...rest, certificate: next } : before;
    });
    return true;
  }

  async #change(name: string, change: (before: RegionRecord | undefined) => RegionRecord): Promise<void> {
    await this.#store.transact((tx: Transaction) => {
      const before = recordAt<RegionRecord>(tx, keys.region(name));
      tx.put(keys.region(name), encodeRecord(change(before)));
    });
  }
}

function certificateOf(
  record: RegionRecord,
  publicKey: string,
  { fingerprint, notAfter }: IssuedCertificate,
): Certificate {
  const generation = (record.certificate?.generation ?? 0) + 1;
  return { publicKey, fingerprint, generation, notAfter };
}

function withRules(before: RegionRecord, { paths, addPaths, writes }: RegionRules): RegionRecord {
  const wanted = addPaths === undefined ? paths : [...new Set([...before.filter, ...parseFilter(addPaths)])];
  const filter = wanted === undefined ? before.filter : parseFilter(wanted);
  const granted = writes === undefined ? before.writes : parseFilter(writes);
  const changed = JSON.stringify(filter) !== JSON.stringify(before.filter);
  return {
    ...before,
    filter,
    writes: granted,
    version: changed || before.version === 0 ? before.version + 1 : before.version,
  };
}

/** Whether a region may write a logical path: within its filter, and within its grant where it has one. */
export function mayWrite(record: RegionRecord, path: string): boolean {
  return covers(record.filter, path) && (record.writes.length === 0 || covers(record.writes, path));
}

/** Whether a policy's document is in the region's view. */
export function holdsPolicy(record: RegionRecord, namespace: string, name: string): boolean {
  return covers(record.filter, `${namespace}sys/policies/acl/${name}`);
}

/** Whether an entity is in the region's view. */
export function holdsEntity(record: RegionRecord, namespace: string, id: string): boolean {
  return covers(record.filter, `${namespace}identity/entity/id/${id}`);
}
