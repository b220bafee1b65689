/**
 * The seals of namespaces that have their own: shares are counted here, the keys are taken up and dropped on all threads.
 * One thing at a time for all of them, so that nothing is opened that was just sealed.
 */
import type { KeyObject } from 'node:crypto';
import { fail } from '../../errors.ts';
import { failpoint } from '../../lib/failpoint.ts';
import type { KeyStatus } from '../../seal/session.ts';
import { OwnKeysUnseal, type OwnKeysStatus } from '../../seal/own-keys.ts';
import { keys } from '../keys.ts';
import type { ReadingThreads } from '../threads.ts';
import type { SealableStore } from './sealable-store.ts';
import type { NamespaceTable } from './namespace-table.ts';
import type { NamespaceRecord } from './namespace.ts';

export interface NamespaceSealStatus extends OwnKeysStatus {
  readonly sealed: boolean;
}

export interface NamespaceSealsOptions {
  readonly store: SealableStore;
  readonly namespaces: NamespaceTable;
  /** Absent: there is no thread but this one. */
  readonly threads: Pick<ReadingThreads, 'unsealNamespace' | 'sealNamespaces'> | undefined;
  /** What the namespaces of a domain have waited for: done before anything is served from them. */
  readonly wake: (namespaces: readonly string[]) => Promise<void>;
  /** What goes on in the background once they are open. Never rejects. */
  readonly goOn: (namespaces: readonly string[]) => Promise<void>;
}

export class NamespaceSeals {
  readonly #options: NamespaceSealsOptions;
  readonly #unseals = new Map<string, OwnKeysUnseal>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: NamespaceSealsOptions) {
    this.#options = options;
  }

  /** Throws `badRequest` where the namespace has no seal of its own. */
  status(record: NamespaceRecord): NamespaceSealStatus {
    return { ...this.#unsealOf(record).status, sealed: this.#options.namespaces.isSealed(record.id) };
  }

  /** Of the key that values are encrypted under. Throws `badRequest`, or `namespaceSealed`. */
  keyStatus(record: NamespaceRecord): KeyStatus {
    this.#unsealOf(record);
    const status = this.#options.store.domains.status(record.id);
    if (status === undefined) throw fail('namespaceSealed');
    return status;
  }

  /** A new key for what is written from now on. Throws `badRequest`, or `namespaceSealed`. */
  rotate(record: NamespaceRecord): Promise<void> {
    return this.#next(async () => {
      this.#unsealOf(record);
      await this.#options.store.domains.session(record.id)?.rotate();
    });
  }

  /**
   * Takes one share, or forgets all that were given. With the last that is needed, everything in it is served when this
   * resolves, down to the next namespace with a seal of its own. The share's bytes are the caller's to wipe. Throws
   * `badRequest` where it has no seal of its own, `invalidShares`.
   */
  unseal(record: NamespaceRecord, share: Uint8Array | undefined): Promise<NamespaceSealStatus> {
    return this.#next(async () => {
      const unseal = this.#unsealOf(record);
      if (share === undefined) unseal.forget();
      else if (this.#options.namespaces.isSealed(record.id)) {
        const root = await unseal.add(share);
        if (root !== undefined) await this.#open(record.id, root);
      }
      return this.status(record);
    });
  }

  /** On all threads when it resolves, with all below it. Sealing what is sealed forgets the shares that were given. */
  seal(record: NamespaceRecord): Promise<void> {
    return this.#next(async () => {
      this.#unsealOf(record);
      const { store, namespaces, threads } = this.#options;
      const within = [record, ...namespaces.below(record, true)].filter(({ id, domain }) => id === domain);
      const ids = within.map(({ id }) => id);
      for (const id of ids) {
        this.#unseals.get(id)?.forget();
        store.seal(id);
      }
      failpoint('namespace.sealing');
      await threads?.sealNamespaces(ids);
    });
  }

  /** Of one that is gone no shares are kept. */
  forget(ids: readonly string[]): void {
    for (const id of ids) {
      this.#unseals.get(id)?.forget();
      this.#unseals.delete(id);
    }
  }

  async #open(domain: string, root: KeyObject): Promise<void> {
    const { store, threads, wake, goOn } = this.#options;
    const { domains } = store;
    try {
      domains.open(domain, root);
      const within = domains.namespacesOf(domain);
      failpoint('namespace.opening');
      await wake(within);
      domains.settle(domain);
      store.reread(domain);
      await threads?.unsealNamespace({ id: domain, root });
      void goOn(within);
    } catch (error) {
      store.seal(domain);
      await threads?.sealNamespaces([domain]);
      throw error;
    }
  }

  #unsealOf({ id, domain }: NamespaceRecord): OwnKeysUnseal {
    if (domain !== id)
      throw fail(
        'badRequest',
        'namespace is not sealable: it has no seal of its own, which it gets when it is made or never',
      );
    const known = this.#unseals.get(id);
    if (known !== undefined) return known;
    const made = new OwnKeysUnseal(() => this.#options.store.snapshot(), keys.namespaceSeal(id));
    this.#unseals.set(id, made);
    return made;
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#turn.then(work);
    this.#turn = run.catch(() => undefined);
    return run;
  }
}
