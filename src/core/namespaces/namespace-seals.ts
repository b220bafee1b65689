/**
 * The seals of namespaces that have their own: shares are counted here, the keys are taken up and dropped on all threads.
 * One thing at a time for all of them, so that nothing is opened that was just sealed.
 */
import type { KeyObject } from 'node:crypto';
import { fail } from '../../errors.ts';
import { failpoint } from '../../lib/failpoint.ts';
import type { KeyStatus } from '../../seal/session.ts';
import { ownHolders } from '../../seal/own-holders.ts';
import { OwnKeysUnseal, type OwnKeysStatus } from '../../seal/own-keys.ts';
import type { Session } from '../../seal/session.ts';
import { KeyHolders } from '../key-holders.ts';
import { keys } from '../keys.ts';
import type { ReadingThreads } from '../threads.ts';
import type { TokenStore } from '../tokens/token-store.ts';
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
  readonly threads: Pick<ReadingThreads, 'unsealNamespace' | 'sealNamespaces' | 'expectNamespaceRoot'> | undefined;
  readonly tokens: () => TokenStore;
  /** What the namespaces of a domain have waited for: done before anything is served from them. */
  readonly wake: (namespaces: readonly string[]) => Promise<void>;
  /** What goes on in the background once they are open. Never rejects. */
  readonly goOn: (namespaces: readonly string[]) => Promise<void>;
}

export class NamespaceSeals implements Disposable {
  readonly #options: NamespaceSealsOptions;
  readonly #unseals = new Map<string, OwnKeysUnseal>();
  readonly #holders = new Map<string, KeyHolders>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: NamespaceSealsOptions) {
    this.#options = options;
  }

  /** Forgets what was given and begun. */
  [Symbol.dispose](): void {
    this.forget([...this.#unseals.keys()]);
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
        this.#holders.get(id)?.forget();
        store.seal(id);
      }
      failpoint('namespace.sealing');
      await threads?.sealNamespaces(ids);
    });
  }

  /** Who has its shares. Throws `badRequest` where it has no seal of its own. */
  holders(record: NamespaceRecord): KeyHolders {
    this.#unsealOf(record);
    const { id } = record;
    const known = this.#holders.get(id);
    if (known !== undefined) return known;
    const { store, threads, tokens } = this.#options;
    const held = ownHolders({
      read: () => store.snapshot(),
      at: keys.namespaceSeal(id),
      session: () => this.#sessionOf(id),
      announce: async (root) => threads?.expectNamespaceRoot({ id, root }),
      inTurn: (work) => this.#next(work),
    });
    const made = new KeyHolders({ keys: held, namespace: id, tokens });
    this.#holders.set(id, made);
    return made;
  }

  /** Of one that is gone nothing is kept. */
  forget(ids: readonly string[]): void {
    for (const id of ids) {
      this.#unseals.get(id)?.forget();
      this.#unseals.delete(id);
      this.#holders.get(id)?.forget();
      this.#holders.delete(id);
    }
  }

  #sessionOf(id: string): Session {
    const session = this.#options.store.domains.session(id);
    if (session === undefined) throw fail('noNamespace');
    return session;
  }

  async #open(domain: string, root: KeyObject): Promise<void> {
    const { store, threads, wake, goOn } = this.#options;
    const { domains } = store;
    try {
      domains.open(domain, [root]);
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
