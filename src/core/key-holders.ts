/**
 * What the holders of shares do together while their seal is open, of a node or of a namespace with a seal of its own: new
 * shares, a new root token. Ends with the seal.
 */
import { fail } from '../errors.ts';
import type { SealLifecycle } from '../seal/lifecycle.ts';
import { Rekey, type HeldKeys } from '../seal/rekey.ts';
import type { ShareBackup, ShareKind } from '../seal/share-backup.ts';
import { ROOT_NAMESPACE } from './keys.ts';
import { RootGeneration } from './root-generation.ts';
import { noteSealChange, type SealChange } from './seal-changes.ts';
import { ROOT_TOKEN } from './seed.ts';
import type { Services } from './services.ts';
import type { ReadingThreads } from './threads.ts';
import { newTokenId } from './tokens/token.ts';
import type { TokenStore } from './tokens/token-store.ts';

export interface KeyHoldersOptions {
  readonly keys: HeldKeys;
  /** That root tokens are of. */
  readonly namespace: string;
  /** Throws `sealed`. */
  readonly tokens: () => TokenStore;
  /** Called once there is a root token. */
  readonly made?: () => Promise<void>;
}

export class KeyHolders {
  readonly rekey: Readonly<Record<ShareKind, Rekey>>;
  readonly rootGeneration: RootGeneration;
  readonly #keys: HeldKeys;

  constructor({ keys: held, namespace, tokens, made }: KeyHoldersOptions) {
    this.#keys = held;
    this.rekey = { root: new Rekey('root', held), recovery: new Rekey('recovery', held) };
    this.rootGeneration = new RootGeneration({
      seal: held,
      newId: () => newTokenId(namespace),
      keep: async (id) => {
        await tokens().create({ ...ROOT_TOKEN, id, namespace });
        await made?.();
      },
    });
  }

  backup(kind: ShareKind): ShareBackup | undefined {
    return this.#keys.backup(kind);
  }

  deleteBackup(kind: ShareKind): Promise<void> {
    return this.#keys.deleteBackup(kind);
  }

  /** Throws `badRequest` where people hold the unseal key. */
  async rotateRoot(): Promise<void> {
    const { auto, split, type } = this.#keys.shareholders;
    if (!auto) {
      throw fail(
        'badRequest',
        `the seal "${type}" needs its shares for a new root key: start with sys/rotate/root/init`,
      );
    }
    await this.#keys.replaceKeys({ split });
  }

  /** Drops all attempts: with the seal. */
  forget(): void {
    this.rekey.root.cancel();
    this.rekey.recovery.cancel();
    this.rootGeneration.cancel();
  }
}

export interface NodeHoldersOptions {
  readonly lifecycle: SealLifecycle;
  readonly threads: Pick<ReadingThreads, 'expectRoot'> | undefined;
  /** Throws `sealed`. */
  readonly services: () => Pick<Services, 'tokens' | 'store' | 'now'>;
}

/** Of the node's own seal. */
export function nodeHolders({ lifecycle, threads, services }: NodeHoldersOptions): KeyHolders {
  const note = async (what: SealChange): Promise<void> => {
    const { store, now } = services();
    await noteSealChange(store, what, now());
  };
  const held: HeldKeys = {
    get shareholders() {
      return lifecycle.shareholders;
    },
    authorise: (shares) => lifecycle.authorise(shares),
    replaceKeys: async (change) => {
      await lifecycle.replaceKeys(change, async (root) => threads?.expectRoot(root));
      await note('rekey');
    },
    backup: (kind) => lifecycle.shareBackup(kind),
    deleteBackup: (kind) => lifecycle.deleteShareBackup(kind),
  };
  const namespace = ROOT_NAMESPACE;
  return new KeyHolders({ keys: held, namespace, tokens: () => services().tokens, made: () => note('generate-root') });
}
