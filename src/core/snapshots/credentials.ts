/** What a snapshot brings back to life: tokens, wrapped responses and secret-ids of then, also those revoked since. */
import { isLockstepError } from '../../errors.ts';
import { recordAt } from '../../lib/record.ts';
import { nextTurn } from '../../lib/next-turn.ts';
import { everyKey } from '../../storage/every-key.ts';
import type { Store } from '../../storage/store.ts';
import { keys, type KeyClass } from '../keys.ts';
import type { MountRecord } from '../mounts/mount.ts';
import type { PluginRegistry } from '../registry-contract.ts';
import { endBatchTokens } from '../tokens/batch-tokens.ts';

const PAGE = 500;

export interface Ending {
  /** With plaintext values; nothing else works on it meanwhile. */
  readonly store: Store;
  readonly registry: PluginRegistry;
  /** At a region the shared records are the hub's. */
  readonly region: boolean;
}

/** Ends all of them, in short transactions. Cut off in the middle it is done again: what is gone stays gone. */
export async function endCredentials({ store, registry, region }: Ending): Promise<void> {
  await store.transact(endBatchTokens);
  for (const namespace of namespacesOf(store)) {
    for (const prefix of [
      keys.tokens(namespace),
      keys.accessors(namespace),
      keys.tokenGroups(namespace),
      keys.allChildren(namespace),
      keys.expiries(namespace),
      keys.revocations(namespace),
      keys.data('l', namespace, 'cubbyhole'),
    ]) {
      await drop(store, prefix);
    }
    await endIssuedOrWait({ store, registry, region }, namespace);
  }
}

/** What mounts of one namespace have issued. Throws `namespaceSealed`. */
export async function endIssued({ store, registry, region }: Ending, namespace: string): Promise<void> {
  const classes: readonly KeyClass[] = region ? ['l'] : ['l', 's'];
  for (const { uuid, type, table } of mountsOf(store, namespace)) {
    const plugins = table === 'auth' ? registry.auth : registry.engines;
    const issued = Object.hasOwn(plugins, type) ? (plugins[type]?.issued ?? []) : [];
    for (const prefix of issued) for (const cls of classes) await drop(store, keys.data(cls, namespace, uuid) + prefix);
  }
}

/** Which mounts there are in a namespace with a seal of its own is known once that is unsealed. */
async function endIssuedOrWait(ending: Ending, namespace: string): Promise<void> {
  try {
    await endIssued(ending, namespace);
  } catch (error) {
    if (!isLockstepError(error, 'namespaceSealed')) throw error;
    await ending.store.transact((tx) => {
      tx.put(keys.waitingCredentials(namespace), new Uint8Array());
    });
  }
}

function namespacesOf(store: Store): readonly string[] {
  using snapshot = store.snapshot();
  const named = ['l/', 's/'].flatMap((cls) => [...snapshot.children(cls, { limit: Number.MAX_SAFE_INTEGER })]);
  return [...new Set(named.filter((child) => child.endsWith('/')).map((child) => child.slice(0, -1)))];
}

function mountsOf(store: Store, namespace: string): readonly MountRecord[] {
  using snapshot = store.snapshot();
  const found = (['l', 's'] as const).flatMap((cls) => [...everyKey(snapshot, keys.mounts(cls, namespace))]);
  return found.flatMap((key) => recordAt<MountRecord>(snapshot, key) ?? []);
}

async function drop(store: Store, prefix: string): Promise<void> {
  for (;;) {
    const { value: count } = await store.transact((tx) => {
      const page = tx.list(prefix, { limit: PAGE });
      for (const key of page) tx.delete(key);
      return page.length;
    });
    if (count < PAGE) return;
    await nextTurn();
  }
}
