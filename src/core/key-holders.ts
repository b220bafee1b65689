/** What the holders of shares do together on an unsealed node: new shares, a new root token. Ends with the seal. */
import { fail } from '../errors.ts';
import type { SealLifecycle } from '../seal/lifecycle.ts';
import { Rekey, type Shareholders } from '../seal/rekey.ts';
import type { ShareBackup, ShareKind } from '../seal/share-backup.ts';
import { RootGeneration } from './root-generation.ts';
import type { ReadingThreads } from './threads.ts';
import { noteSealChange, type SealChange } from './seal-changes.ts';
import type { Services } from './services.ts';

export interface KeyHoldersOptions {
  readonly lifecycle: SealLifecycle;
  readonly threads: Pick<ReadingThreads, 'expectRoot'> | undefined;
  /** Throws `sealed`. */
  readonly services: () => Pick<Services, 'tokens' | 'store' | 'now'>;
}

export class KeyHolders {
  readonly rekey: Readonly<Record<ShareKind, Rekey>>;
  readonly rootGeneration: RootGeneration;
  readonly #lifecycle: SealLifecycle;
  readonly #replaceKeys: Shareholders['replaceKeys'];

  constructor({ lifecycle, threads, services }: KeyHoldersOptions) {
    const note = async (what: SealChange): Promise<void> => {
      const { store, now } = services();
      await noteSealChange(store, what, now());
    };
    const seal: Shareholders = {
      get shareholders() {
        return lifecycle.shareholders;
      },
      authorise: (shares) => lifecycle.authorise(shares),
      replaceKeys: async (change) => {
        await lifecycle.replaceKeys(change, async (root) => threads?.expectRoot(root));
        await note('rekey');
      },
    };
    this.#replaceKeys = seal.replaceKeys;
    this.#lifecycle = lifecycle;
    this.rekey = { root: new Rekey('root', seal), recovery: new Rekey('recovery', seal) };
    this.rootGeneration = new RootGeneration({
      seal,
      tokens: () => services().tokens,
      made: () => note('generate-root'),
    });
  }

  backup(kind: ShareKind): ShareBackup | undefined {
    return this.#lifecycle.shareBackup(kind);
  }

  deleteBackup(kind: ShareKind): Promise<void> {
    return this.#lifecycle.deleteShareBackup(kind);
  }

  /** Throws `badRequest` where people hold the unseal key. */
  async rotateRoot(): Promise<void> {
    const { auto, split, type } = this.#lifecycle.shareholders;
    if (!auto) {
      throw fail(
        'badRequest',
        `the seal "${type}" needs its shares for a new root key: start with sys/rotate/root/init`,
      );
    }
    await this.#replaceKeys({ split });
  }

  /** Drops all attempts: with the seal. */
  forget(): void {
    this.rekey.root.cancel();
    this.rekey.recovery.cancel();
    this.rootGeneration.cancel();
  }
}
