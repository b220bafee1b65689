/**
 * User lockout: who fails to log in several times in a row is refused for a while, the right credentials too. Failures are
 * counted in the memory of the thread that writes, where all logins are served; a lock is written to the local log, so that
 * a restart opens none. Names that nobody has are counted and refused alike, or the answers would tell who exists: those in
 * memory alone, and apart, so that a flood of made-up names pushes out no count of a user.
 */
import { fail, isLockstepError } from '../../errors.ts';
import type { LoginAlias } from '../../framework/path.ts';
import { hmacSha256Base64Url, type KeyObject } from '../../lib/crypto/hash.ts';
import type { Logger } from '../../lib/log.ts';
import { encodeRecord, recordAt } from '../../lib/record.ts';
import { everyKey } from '../../storage/every-key.ts';
import type { Store } from '../../storage/store.ts';
import { keys } from '../keys.ts';
import type { Mounted, MountTable } from '../mounts/mount-table.ts';
import { lockoutOf, type LockoutConfig, type LockoutSettings } from './lockout-config.ts';
import { Recent } from './recent.ts';

export interface LockoutOptions {
  readonly store: Store;
  readonly mounts: MountTable;
  /** Names lie in storage keys as its HMACs: a role-id is half of a credential (design rule 27). */
  readonly key: KeyObject;
  readonly settings: LockoutSettings;
  readonly now: () => number;
  readonly log: Logger;
  /** Names that are counted at once, of users and of nobody each. */
  readonly most?: number;
}

/** As stored. */
interface LockRecord {
  readonly name: string;
  /** The mount's uuid. */
  readonly mount: string;
  /** When, in milliseconds. */
  readonly at: number;
}

interface Failures {
  readonly count: number;
  /** The last one, in milliseconds. */
  readonly at: number;
}

/** A user who is locked out now. */
export interface LockedUser {
  readonly mounted: Mounted;
  readonly name: string;
}

/** One login that was let through. Both answer as its handler did, or throw `permissionDenied`. */
export interface Attempt {
  readonly succeeded: <T>(reply: T) => T;
  readonly failed: (error: unknown) => never;
}

const MOST = 65_536;
const TIDY_MS = 60_000;
const NAME_AT = keys.lockedUsers.length;

export class Lockout implements AsyncDisposable {
  readonly #options: LockoutOptions;
  /** By storage key below `keys.lockedUsers`: `<mount>/<HMAC of the name>`. */
  readonly #locked = new Map<string, LockRecord>();
  readonly #failing: Recent<Failures>;
  /** Of names that nobody has; those beyond the threshold are as good as locked. */
  readonly #nobody: Recent<Failures>;
  #writing: Promise<void> = Promise.resolve();
  #tidied = 0;

  constructor(options: LockoutOptions) {
    this.#options = options;
    const { store, most = MOST } = options;
    this.#failing = new Recent(most);
    this.#nobody = new Recent(most);
    using snapshot = store.snapshot();
    for (const key of everyKey(snapshot, keys.lockedUsers)) {
      const record = recordAt<LockRecord>(snapshot, key);
      if (record !== undefined) this.#locked.set(key.slice(NAME_AT), record);
    }
  }

  /** Locks that are being written are on disk then. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
  }

  /** Throws `permissionDenied` for who is locked out. undefined: this mount locks nobody out. */
  attempt(mounted: Mounted, alias: LoginAlias): Attempt | undefined {
    const { settings } = this.#options;
    const { uuid, type, config } = mounted.record;
    const lockout = lockoutOf(settings, type, config.userLockout);
    if (lockout.disable) return undefined;
    let made: string | undefined;
    const key = (): string => (made ??= this.#keyOf(uuid, alias.name));
    // Also when it ends: else those that were let through together could all guess.
    const assertOpen = (): void => {
      if (!this.#isCalm && this.#isLocked(key(), lockout)) throw fail('permissionDenied');
    };
    assertOpen();
    return {
      succeeded: (reply) => {
        assertOpen();
        if (!this.#isCalm) this.#forgive(key());
        return reply;
      },
      failed: (error) => {
        assertOpen();
        if (isLockstepError(error, 'invalidCredentials')) this.#count(key(), lockout, { mounted, alias });
        throw error;
      },
    };
  }

  /** Nobody fails and nobody is locked out: no login needs to be looked up. */
  get #isCalm(): boolean {
    return this.#locked.size + this.#failing.size + this.#nobody.size === 0;
  }

  #forgive(key: string): void {
    this.#failing.delete(key);
    this.#nobody.delete(key);
  }

  /** Of the given mounts, in their order. */
  *in(mounts: Iterable<Mounted>): Generator<LockedUser> {
    const names = Map.groupBy(this.#current(), ({ mount }) => mount);
    for (const mounted of mounts) {
      const here = (names.get(mounted.record.uuid) ?? []).map(({ name }) => name);
      for (const name of here.sort()) yield { mounted, name };
    }
  }

  /** How many users are locked out now. */
  get size(): number {
    return this.#current().length;
  }

  /** Nothing happens to who is not locked out, but that the count of failures begins anew. */
  async unlock(mounted: Mounted, name: string): Promise<void> {
    const key = this.#keyOf(mounted.record.uuid, name);
    await this.#forget([key]);
    this.#forgive(key);
  }

  /** Forgets locks that are over. */
  async tidy(): Promise<void> {
    const { now } = this.#options;
    if (Math.abs(now() - this.#tidied) < TIDY_MS) return;
    this.#tidied = now();
    const over = [...this.#locked].filter(([, record]) => !this.#holds(record)).map(([key]) => key);
    if (over.length > 0) await this.#forget(over);
  }

  #keyOf(mount: string, name: string): string {
    return `${mount}/${hmacSha256Base64Url(this.#options.key, `${mount}\0${name}`)}`;
  }

  #isLocked(key: string, { threshold, duration }: LockoutConfig): boolean {
    const lasts = (at: number): boolean => this.#options.now() - at < duration * 1_000;
    const record = this.#locked.get(key);
    if (record !== undefined && lasts(record.at)) return true;
    const failures = this.#failing.get(key) ?? this.#nobody.get(key);
    return failures !== undefined && failures.count >= threshold && lasts(failures.at);
  }

  #count(key: string, lockout: LockoutConfig, { mounted, alias }: { mounted: Mounted; alias: LoginAlias }): void {
    const { now, log } = this.#options;
    const exists = alias.exists();
    const counts = exists ? this.#failing : this.#nobody;
    const before = counts.get(key);
    // What is beyond the threshold was a lock, which is over: nobody gets here while one holds.
    const goesOn =
      before !== undefined && before.count < lockout.threshold && now() - before.at < lockout.counterReset * 1_000;
    const failures = { count: goesOn ? before.count + 1 : 1, at: now() };
    if (!exists || failures.count < lockout.threshold) {
      counts.set(key, failures);
      return;
    }
    counts.delete(key);
    const record = { name: alias.name, mount: mounted.record.uuid, at: now() };
    this.#locked.set(key, record);
    log.warn('a user is locked out', { mount: mounted.fullPath, seconds: lockout.duration });
    // Not waited for: it holds already, and the time of an answer must not tell who exists.
    void this.#write(() =>
      this.#options.store.transact((tx) => {
        tx.put(keys.lockedUsers + key, encodeRecord(record));
      }),
    ).catch((error: unknown) => {
      log.error('a lock of a user is not on disk: it ends with this process', {
        reason: error instanceof Error ? error.name : 'unknown',
      });
    });
  }

  async #forget(names: readonly string[]): Promise<void> {
    for (const key of names) this.#locked.delete(key);
    await this.#write(() =>
      this.#options.store.transact((tx) => {
        for (const key of names) tx.delete(keys.lockedUsers + key);
      }),
    );
  }

  /** One after the other, so that what is forgotten is not written afterwards. */
  #write(work: () => Promise<unknown>): Promise<unknown> {
    const written = this.#writing.then(work);
    this.#writing = written.then(
      () => undefined,
      () => undefined,
    );
    return written;
  }

  #current(): readonly LockRecord[] {
    return [...this.#locked.values()].filter((record) => this.#holds(record));
  }

  #holds({ mount, at }: LockRecord): boolean {
    const { mounts, settings, now } = this.#options;
    const mounted = mounts.byUuid(mount);
    if (mounted === undefined) return false;
    const { duration, disable } = lockoutOf(settings, mounted.record.type, mounted.record.config.userLockout);
    return !disable && now() - at < duration * 1_000;
  }
}
