/** Brings `seal/wrapped` in line with the configured seals: each healthy one holds the unseal key, nobody else does. */
import type { KeyObject } from 'node:crypto';

import { failpoint } from '../lib/failpoint.ts';
import type { Store } from '../storage/store.ts';
import type { AutoSeal, Opened, Seals } from './seals.ts';
import { standingOf } from './standing.ts';
import { CONFIG_KEY, encodeConfig, encryptRoot, readStored, ROOT_KEY, type Stored } from './stored.ts';
import { encodeWrapped, WRAPPED_KEY, type WrappedKey } from './wrapped.ts';

/** Whether every configured seal could open the node by itself, under its present wrapping key. */
export function isFullyWrapped(seals: Seals, stored: Stored): boolean {
  return seals.enabled.every((seal) => current(seals, seal, stored) !== undefined);
}

/** What a seal wrapped, as far as it can stay. */
function current(seals: Seals, seal: AutoSeal, { wrapped }: Stored): WrappedKey | undefined {
  const key = seals.wrappedBy(seal, wrapped);
  if (key === undefined || seal.health.broken) return undefined;
  try {
    // One that cannot be asked keeps what it has.
    return seal.wrapper === undefined || seal.wrapper.isCurrent(key.wrapped) ? key : undefined;
  } catch {
    return undefined;
  }
}

/** Who is to wrap now; undefined when all is as it should be. */
function due(seals: Seals, stored: Stored): readonly AutoSeal[] | undefined {
  const stale = seals.enabled.filter((seal) => current(seals, seal, stored) === undefined);
  const able = stale.filter(({ wrapper, health }) => wrapper !== undefined && (health.healthy || health.broken));
  const names = new Set(seals.enabled.map(({ name }) => name));
  const strange = stored.wrapped.some(({ name }) => !names.has(name));
  return able.length > 0 || strange || stored.old || stored.config.type !== seals.type ? able : undefined;
}

/**
 * Does nothing where people hold the unseal key, where it is yet to be migrated, and where nothing is to do. Resolves
 * with whether something was stored. `opened`: at an unseal, which waits for no other seal than the one that opened it;
 * otherwise all are asked. Rejects as `Seals.open`.
 */
export async function rewrap(
  { raw, seals }: { readonly raw: Store; readonly seals: Seals },
  signal: AbortSignal,
  opened?: Opened,
): Promise<boolean> {
  const stored = storedIn(raw);
  if (stored === undefined || !seals.auto || standingOf(seals, stored).migrates) return false;
  const wanted = due(seals, stored);
  if (wanted === undefined) return false;
  const wrapping = wanted.filter((seal) => opened === undefined || seal === opened.by);
  const { unsealKey, root } = opened ?? (await seals.open(stored, seals.enabled, signal));
  const tried = await Promise.allSettled(wrapping.map((seal) => seals.wrapBy(seal, unsealKey, signal)));
  const fresh = tried.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const wrapped = seals.enabled.flatMap((seal): WrappedKey[] => {
    const made = fresh.find(({ name }) => name === seal.name);
    const kept = seals.wrappedBy(seal, stored.wrapped);
    return made === undefined ? (kept === undefined ? [] : [{ ...kept, name: seal.name }]) : [made];
  });
  const same = fresh.length === 0 && isSame(wrapped, stored.wrapped);
  if (same && !stored.old && stored.config.type === seals.type) return false;
  return await store(raw, stored, { wrapped, ...rootUnder(seals, stored, { unsealKey, root }) });
}

interface Renewed {
  readonly wrapped: readonly WrappedKey[];
  readonly config: Uint8Array;
  readonly root: Uint8Array;
}

function rootUnder(
  seals: Seals,
  { config, configBytes, root, old }: Stored,
  keys: { readonly unsealKey: KeyObject; readonly root: KeyObject },
): Omit<Renewed, 'wrapped'> {
  if (!old && config.type === seals.type) return { config: configBytes, root };
  const renewed = encodeConfig(seals.type, config, config.nonce);
  return { config: renewed, root: encryptRoot(keys.root, { unsealKey: keys.unsealKey, config: renewed }) };
}

/** In one transaction, and only over what was read: another node, a rekey or a restore may have been faster. */
async function store(raw: Store, stored: Stored, { wrapped, config, root }: Renewed): Promise<boolean> {
  const { value } = await raw.transact((tx) => {
    const now = readStored(tx);
    if (now === undefined || Buffer.compare(now.root, stored.root) !== 0) return false;
    if (!isSame(now.wrapped, stored.wrapped)) return false;
    tx.put(CONFIG_KEY, config);
    tx.put(ROOT_KEY, root);
    tx.put(WRAPPED_KEY, encodeWrapped(wrapped));
    failpoint('seal.in-rewrap');
    return true;
  });
  failpoint('seal.after-rewrap');
  return value;
}

export function storedIn(raw: Store): Stored | undefined {
  using snapshot = raw.snapshot();
  return readStored(snapshot);
}

const isSame = (one: readonly WrappedKey[], other: readonly WrappedKey[]): boolean =>
  Buffer.compare(encodeWrapped(one), encodeWrapped(other)) === 0;
