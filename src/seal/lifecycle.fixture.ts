/** What the tests of the lifecycle start from. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import { randomBytes } from '../lib/crypto/random.ts';
import { openMemoryStore } from '../storage/memory/open.ts';
import type { Store } from '../storage/store.ts';
import type { InitOptions } from './initialise.ts';
import { SealLifecycle } from './lifecycle.ts';
import type { Seal } from './seal.ts';
import { Seals, type ConfiguredSeal } from './seals.ts';
import { shamirSeal } from './shamir/seal.ts';
import { openStaticSeal } from './static/seal.ts';

export const about = { version: '1.0.0', buildDate: '2026-01-01T00:00:00Z', storageType: 'inmem' };
export const nothing = (): undefined => undefined;
export const { signal } = new AbortController();

export function memory(t: TestContext): Store {
  const raw = openMemoryStore();
  t.after(() => raw[Symbol.asyncDispose]());
  return raw;
}

/** Nobody waits in a test: what is away says so at once. */
export const patience = { headStart: 0, grace: 30_000 };

export function sealsOf(configured: readonly ConfiguredSeal[], warnings: unknown[] = []): Seals {
  const log = { info: nothing, warn: (message: string, details?: unknown) => warnings.push([message, details]) };
  return new Seals(configured, { log, patience });
}

/** By its kind and, if given, a name of its own. */
export function configured(seal: Seal, more: Partial<ConfiguredSeal> = {}): ConfiguredSeal {
  return { name: seal.type, type: seal.type, priority: 1, disabled: false, seal, ...more };
}

export function lifecycleOn(raw: Store, seal: Seal | Seals = shamirSeal(), warnings: unknown[] = []): SealLifecycle {
  const seals = seal instanceof Seals ? seal : sealsOf([configured(seal)], warnings);
  return new SealLifecycle({ raw, seals, about });
}

export async function initialised(t: TestContext, options: InitOptions = {}) {
  const raw = memory(t);
  const lifecycle = lifecycleOn(raw);
  const { unsealShares } = await lifecycle.init(options, nothing);
  const shares = unsealShares.expose().hex.map((share) => Buffer.from(share, 'hex'));
  return { raw, lifecycle, shares, share: (at: number) => shares[at] ?? assert.fail() };
}

export async function unseal(lifecycle: SealLifecycle, shares: readonly Uint8Array[]): Promise<void> {
  for (const share of shares) await lifecycle.unseal(share);
}

export async function staticSeal(): Promise<Seal> {
  return await openStaticSeal({ current_key_id: 'k', current_key: randomBytes(32).toString('hex') }, { env: nothing });
}

export function rawValue(raw: Store, name: string): Uint8Array {
  using snapshot = raw.snapshot();
  return snapshot.get(name) ?? assert.fail(`${name} is absent`);
}

export function* damages(good: Buffer): Generator<readonly [string, Buffer]> {
  for (let at = 0; at < good.length; at++) {
    const damaged = Buffer.from(good);
    damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at);
    yield [String(at), damaged];
  }
  yield ['cut', good.subarray(0, good.length - 1)];
  yield ['grown', Buffer.concat([good, Buffer.from(' ')])];
  yield ['empty', Buffer.alloc(0)];
}
