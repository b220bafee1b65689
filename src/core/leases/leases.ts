/** Leases: granted, renewed, revoked. The order is that of design rule 15; what comes next, `lease-machine.ts` decides. */
import { fail } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import type { JsonObject } from '../../framework/field.ts';
import type { Acted, Lease, LeaseGrant, LeaseTerms } from '../../framework/lease.ts';
import type { KeyObject } from '../../lib/crypto/hash.ts';
import { failpoint } from '../../lib/failpoint.ts';
import type { Logger } from '../../lib/log.ts';
import type { Store, Transaction } from '../../storage/store.ts';
import { keys } from '../keys.ts';
import type { Mounted, MountTable } from '../mounts/mount-table.ts';
import type { MountConfig } from '../mounts/mount.ts';
import { boundTtl } from '../requests/grants.ts';
import { namespaceOfToken, secondsLeft, type Token } from '../tokens/token.ts';
import type { TokenStore } from '../tokens/token-store.ts';
import { leaseKey, newLeaseId, type LeaseRecord } from './lease.ts';
import type { LeaseMeter } from './lease-meter.ts';
import { countOf, insertLease, readLease, stepLease, type LeaseCount } from './lease-records.ts';
import { reasonOf, within } from './outside.ts';
import { Turns } from './turns.ts';

export interface LeasesOptions {
  readonly store: Store;
  readonly mounts: MountTable;
  readonly tokens: TokenStore;
  readonly key: KeyObject;
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly ttl: (config: MountConfig) => { readonly default: number; readonly max: number };
  readonly meter: LeaseMeter;
  readonly log: Logger;
}

/** Who asks for what. */
export interface Asking {
  readonly mounted: Mounted;
  readonly call: Call;
  readonly token: Token;
}

export interface Granted {
  readonly id: string;
  /** Seconds. */
  readonly duration: number;
  readonly renewable: boolean;
  readonly data: JsonObject;
  readonly warnings: readonly string[];
}

/** The longest that an engine may take to make, renew or undo something. */
const ACT_MS = 60_000;
/** Beyond it: what was sent before the engine stopped may arrive until then. */
const DEADLINE_MS = 2 * ACT_MS;
/** A claimed lease is looked at again after this, should nothing be heard of the try. */
const GUARD_MS = 2 * ACT_MS;

const ownerOf = ({ key, record }: Token): string | undefined => (record.type === 'batch' ? record.parent : key);

const leaseOf = ({ rest, internal, issuedAt }: LeaseRecord): Lease => ({ path: rest, internal, issuedAt });

export class Leases implements AsyncDisposable {
  readonly meter: LeaseMeter;
  readonly #options: LeasesOptions;
  readonly #turns = new Turns();
  /** Ids of mounts and namespaces that are being emptied, and how often. */
  readonly #closing = new Map<string, number>();
  readonly #end = new AbortController();

  constructor(options: LeasesOptions) {
    this.#options = options;
    this.meter = options.meter;
  }

  /** What engines are at is cut off, and written down as such while that can still be. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#turns.settled();
  }

  keyOf(namespace: string, id: string): string {
    return leaseKey(this.#options.key, namespace, id);
  }

  /** Whether it can be read: in a namespace that is sealed nothing is done. */
  isReadable(key: string): boolean {
    return this.#options.tokens.isReadable(key);
  }

  /** Whether an engine is at it right now. */
  busy(key: string): boolean {
    return this.#turns.taken(key);
  }

  /** How many leases a mount has, of whatever standing: exact at this moment, and one read. */
  count(namespace: string, mount: string): LeaseCount {
    return countOf(this.#options.store, namespace, mount);
  }

  /** Of that namespace alone (design rule 31). One that is still being made is nobody's yet. */
  find(namespace: string, id: string): LeaseRecord | undefined {
    const start = performance.now();
    const record = readLease(this.#options.store, this.keyOf(namespace, id));
    this.meter.lookup.record(start, performance.now());
    return record?.state.kind === 'pending' ? undefined : record;
  }

  /** A mount or a namespace takes no new leases until this is disposed. */
  close(id: string): Disposable {
    this.#closing.set(id, (this.#closing.get(id) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        const left = (this.#closing.get(id) ?? 1) - 1;
        if (left === 0) this.#closing.delete(id);
        else this.#closing.set(id, left);
      },
    };
  }

  /**
   * Writes down what is to be undone, lets the engine act, and makes the lease live. When this rejects there is no secret: what
   * was made of it is being undone.
   */
  async grant(asking: Asking, grant: LeaseGrant): Promise<Granted> {
    const start = performance.now();
    const { record, warnings } = this.#newRecord(asking, grant);
    const key = this.keyOf(record.namespace, record.id);
    const granted = await ('data' in grant
      ? this.#grantAtOnce(asking, key, record, grant.data)
      : this.#turns.take(key, () => this.#grantActing(asking, key, record, grant.act)));
    this.meter.created.add();
    this.meter.register.record(start, performance.now());
    return { ...granted, warnings };
  }

  #newRecord({ mounted, call, token }: Asking, grant: LeaseGrant) {
    const { record } = mounted;
    const owner = ownerOf(token);
    // What nobody can revoke ends with its time: a lease of it has no other end.
    const batch = token.record.type === 'batch';
    const left = batch ? Math.max(1, secondsLeft(token.record, this.#options.now())) : 0;
    const bounds = { ttl: grant.ttl, maxTtl: grant.maxTtl, period: 0, explicitMaxTtl: left };
    const { ttl, warnings } = boundTtl(bounds, this.#options.ttl(record.config));
    const path = `${call.mountPath}${call.path}`.replace(/\/$/, '');
    const made: Omit<LeaseRecord, 'state'> = {
      id: newLeaseId(path, mounted.namespace),
      ...{ namespace: mounted.namespace, mount: record.uuid, mountAccessor: record.accessor },
      ...{ path, rest: path.slice(call.mountPath.length), issuedAt: this.#options.now() },
      ...{ ttl, maxTtl: grant.maxTtl, renewable: grant.renewable && !batch, internal: grant.internal },
      ...(owner === undefined ? {} : { token: owner }),
    };
    return { record: made, warnings };
  }

  async #grantAtOnce(asking: Asking, key: string, record: Omit<LeaseRecord, 'state'>, data: JsonObject) {
    const expiresAt = record.issuedAt + record.ttl * 1000;
    await this.#options.store.transact((tx) => {
      this.#assertMay(tx, asking);
      insertLease(tx, key, record, { kind: 'made', expiresAt });
    });
    return { id: record.id, duration: record.ttl, renewable: record.renewable, data };
  }

  async #grantActing(
    asking: Asking,
    key: string,
    record: Omit<LeaseRecord, 'state'>,
    act: Extract<LeaseGrant, { act: unknown }>['act'],
  ) {
    const { store, now } = this.#options;
    await store.transact((tx) => {
      this.#assertMay(tx, asking);
      insertLease(tx, key, record, { kind: 'intended', deadline: now() + DEADLINE_MS });
    });
    failpoint('lease.intended');
    const expiresAt = record.issuedAt + record.ttl * 1000;
    const acted = await this.#act(asking, act, expiresAt).catch(async (error: unknown) => {
      await store.transact((tx) => stepLease(tx, key, { kind: 'cutOff', now: now() }));
      throw error;
    });
    failpoint('lease.acted');
    const ttl = acted.ttl === undefined ? record.ttl : Math.max(1, Math.min(record.ttl, Math.floor(acted.ttl)));
    const { value: stepped } = await store.transact((tx) => {
      const input = { kind: 'made', expiresAt: record.issuedAt + ttl * 1000 } as const;
      return stepLease(tx, key, input, { ttl, ...(acted.internal === undefined ? {} : { internal: acted.internal }) });
    });
    failpoint('lease.live');
    // Ended in the middle of it: by its token, or by an operator.
    if (stepped === undefined || stepped.output === 'refused') {
      throw fail('conflict', 'the lease was revoked while its secret was made: ask again');
    }
    return { id: record.id, duration: ttl, renewable: record.renewable, data: acted.data };
  }

  async #act({ call }: Asking, act: Extract<LeaseGrant, { act: unknown }>['act'], expiresAt: number): Promise<Acted> {
    const waiting = call.signal();
    const acted = await within(ACT_MS, [waiting, this.#end.signal], (signal) =>
      act({ signal, now: this.#options.now(), expiresAt }),
    );
    // A secret that nobody was given would stay until its time is over.
    if (waiting.aborted) throw fail('timeout', 'nobody waited for the secret any more: it is taken back');
    return acted;
  }

  /** What a lease belongs to is there, and stays so until the transaction is written. */
  #assertMay(tx: Transaction, { mounted, token }: Asking): void {
    const { namespace, record } = mounted;
    const owner = ownerOf(token);
    if (owner !== undefined && !tx.has(keys.token(namespaceOfToken(owner), owner))) throw fail('invalidToken');
    if (!tx.has(keys.mount('s', namespace, record.uuid))) throw fail('noHandler', 'the mount was disabled meanwhile');
    if (this.#closing.has(record.uuid) || this.#closing.has(namespace)) {
      throw fail('conflict', `the leases of "${mounted.fullPath}" are being revoked: no new ones are made meanwhile`);
    }
  }

  /** `increment` in seconds, 0 for the usual. Throws `badRequest` for what cannot be renewed. */
  async renew(namespace: string, id: string, increment: number, call: Call): Promise<Omit<Granted, 'data'>> {
    const start = performance.now();
    const key = this.keyOf(namespace, id);
    const renewed = await this.#turns.take(key, () => this.#renew(key, increment, call));
    this.meter.renew.record(start, performance.now());
    return renewed;
  }

  async #renew(key: string, increment: number, call: Call): Promise<Omit<Granted, 'data'>> {
    const { store, now } = this.#options;
    const record = this.#renewable(readLease(store, key));
    const mounted = this.#options.mounts.byUuid(record.mount);
    if (mounted === undefined) throw fail('badRequest', 'the mount of this lease is gone: it cannot be renewed');
    const { leases: handlers } = mounted.plugin;
    const lease = leaseOf(record);
    const { ttl, warnings } = this.#renewal(record, mounted, handlers?.terms?.(mounted.instance, lease), increment);
    const expiresAt = now() + ttl * 1000;
    const internal = await within(ACT_MS, [call.signal(), this.#end.signal], async (signal) =>
      handlers?.renew?.(mounted.instance, lease, { signal, now: now(), expiresAt }),
    );
    failpoint('lease.renewed');
    const { value: stepped } = await store.transact((tx) =>
      stepLease(
        tx,
        key,
        { kind: 'renewed', now: now(), expiresAt },
        {
          lastRenewal: now(),
          ...(internal === undefined ? {} : { internal }),
        },
      ),
    );
    if (stepped === undefined || stepped.output === 'refused') throw fail('badRequest', 'lease expired');
    return { id: record.id, duration: ttl, renewable: record.renewable, warnings };
  }

  #renewable(record: LeaseRecord | undefined): LeaseRecord {
    if (record === undefined || record.state.kind === 'pending') throw fail('badRequest', 'lease not found');
    const { state } = record;
    if (state.kind === 'irrevocable') {
      throw fail('badRequest', 'lease is expired and has failed previous revocation attempts');
    }
    const over = state.kind !== 'live' || state.expiresAt <= this.#options.now();
    // A token that ended takes its leases with it, also before they are swept up.
    const owned = record.token === undefined || this.#options.tokens.byKey(record.token) !== undefined;
    if (over || !owned) throw fail('badRequest', 'lease expired');
    if (!record.renewable) throw fail('badRequest', 'lease is not renewable');
    return record;
  }

  /** By the terms of today, and never beyond the longest time from its issue on. */
  #renewal(record: LeaseRecord, mounted: Mounted, today: LeaseTerms | undefined, increment: number) {
    const mount = this.#options.ttl(mounted.record.config);
    const { ttl: usual, maxTtl } = today ?? record;
    const asked = { ttl: increment > 0 ? increment : usual, maxTtl, period: 0, explicitMaxTtl: 0 };
    const { ttl: wanted, warnings } = boundTtl(asked, mount);
    const most = maxTtl === 0 ? mount.max : Math.min(maxTtl, mount.max);
    const left = Math.floor((record.issuedAt + most * 1000 - this.#options.now()) / 1000);
    if (left <= 0) throw fail('badRequest', 'past the max TTL, cannot renew: ask for a new secret');
    const capped =
      wanted > left
        ? [
            `TTL of "${String(wanted)}s" exceeded the effective max_ttl of "${String(left)}s"; TTL value is capped accordingly`,
          ]
        : [];
    return { ttl: Math.min(wanted, left), warnings: [...warnings, ...capped] };
  }

  /** Over from now on: the engine takes it back in the background. False when there is no such lease, or it ends already. */
  async end(key: string): Promise<boolean> {
    const { store, now } = this.#options;
    const { value: stepped } = await store.transact((tx) => stepLease(tx, key, { kind: 'ended', now: now() }));
    return stepped !== undefined && stepped.output !== 'refused';
  }

  /** Tries to revoke it now, if it is due or `kind` says at once. Answers why that failed; undefined when it did not. */
  async attempt(key: string, kind: 'due' | 'tried'): Promise<string | undefined> {
    return this.#turns.take(key, () => this.#attempt(key, kind));
  }

  async #attempt(key: string, kind: 'due' | 'tried'): Promise<string | undefined> {
    const { store, now, random, log } = this.#options;
    const start = performance.now();
    const from = now();
    const { value: claimed } = await store.transact((tx) =>
      stepLease(tx, key, { kind, now: from, guard: from + GUARD_MS }),
    );
    if (claimed?.output !== 'revoke') return undefined;
    failpoint('lease.claimed');
    const error = await this.#undo(claimed.record);
    failpoint('lease.undone');
    // Sealed in the middle: that says nothing about the engine.
    if (error !== undefined && this.#end.signal.aborted) return error;
    const input =
      error === undefined
        ? ({ kind: 'revoked', now: now() } as const)
        : ({ kind: 'failed', now: now(), error, random: random() } as const);
    const { value: stepped } = await store.transact((tx) => stepLease(tx, key, input));
    if (error !== undefined) {
      const { path, namespace } = claimed.record;
      const { kind: standing } = stepped?.record.state ?? { kind: 'none' };
      log.error('a lease could not be revoked', { path, namespace, standing, error });
    }
    this.meter.revoke.record(start, performance.now());
    return error;
  }

  async #undo(record: LeaseRecord): Promise<string | undefined> {
    const mounted = this.#options.mounts.byUuid(record.mount);
    // Never read as done (design rule 6): the mount may come back, and what was made is still out there.
    if (mounted === undefined) return 'its mount is gone';
    const handlers = mounted.plugin.leases;
    if (handlers === undefined) return 'its engine takes back no leases';
    const { now } = this.#options;
    try {
      await within(ACT_MS, [this.#end.signal], (signal) =>
        handlers.revoke(mounted.instance, leaseOf(record), { signal, now: now(), expiresAt: now() }),
      );
      return undefined;
    } catch (error) {
      return reasonOf(error);
    }
  }

  /** Forgets it, whatever is left of it outside. For operators, after a try that failed. False when it is still being made. */
  async forget(key: string): Promise<boolean> {
    const { value } = await this.#options.store.transact((tx) => stepLease(tx, key, { kind: 'forgotten' }));
    return value === undefined || value.output !== 'refused';
  }

  /** What was being made when the process ended is undone: now, and again when nothing of it can arrive any more. */
  async resume(): Promise<void> {
    const { store, now } = this.#options;
    for (const key of this.#intents()) {
      // By this opening: it sees to itself.
      if (this.busy(key) || !this.isReadable(key)) continue;
      await store.transact((tx) => stepLease(tx, key, { kind: 'cutOff', now: now() }));
    }
  }

  /** What its tokens left behind while the namespace was sealed ends now. */
  async wake(namespace: string): Promise<void> {
    const prefix = keys.waitingLeases(namespace);
    for (const entry of this.#listed(prefix)) {
      await this.#options.store.transact((tx) => {
        stepLease(tx, entry.slice(prefix.length), { kind: 'ended', now: this.#options.now() });
        tx.delete(entry);
      });
    }
  }

  #listed(prefix: string): readonly string[] {
    using snapshot = this.#options.store.snapshot();
    return snapshot.list(prefix, { limit: Number.MAX_SAFE_INTEGER });
  }

  #intents(): readonly string[] {
    return this.#listed(keys.leaseIntents).map((entry) => entry.slice(keys.leaseIntents.length));
  }
}
