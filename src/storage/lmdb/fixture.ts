import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { put } from '../conformance/subject.ts';
import type { LocalStore } from '../local/local-store.ts';
import { openEnvironment, type Environment } from './environment.ts';
import { currentEnvironment } from './generation.ts';
import type { CheckpointLimits } from './journal/checkpoints.ts';
import { openLmdbStore, type LmdbStoreOptions } from './open.ts';

/** A directory for one test, with nothing in it. */
export function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'lockstep-lmdb-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A store that is closed with the test. */
export async function opened(t: TestContext, options: LmdbStoreOptions): Promise<LocalStore> {
  const store = await openLmdbStore(options);
  t.after(() => store[Symbol.asyncDispose]());
  return store;
}

/** Changes the tables of a closed store behind its back. */
export async function tamper(path: string, change: (environment: Environment) => void): Promise<void> {
  const environment = openEnvironment(currentEnvironment(path));
  await environment.root.childTransaction(() => change(environment));
  await environment.root.close();
}

/** No checkpoint but the first. */
export const NEVER: CheckpointLimits = { bytes: 2 ** 40, commits: 2 ** 40, milliseconds: 2 ** 30 };
/** What a process that is killed now would leave, in a directory of its own. */
export function killed(t: TestContext, path: string): string {
  const copy = directory(t);
  cpSync(path, copy, { recursive: true });
  for (const name of ['lock.mdb', 'holder.mdb-lock']) rmSync(join(copy, name));
  return copy;
}

/** A store that is in use, with values `k1` to `k<count>`, each in a frame of its own. */
export async function inUse(
  t: TestContext,
  count: number,
  checkpoint = NEVER,
): Promise<{ path: string; store: LocalStore }> {
  const path = directory(t);
  const store = await opened(t, { path, checkpoint });
  for (let at = 1; at <= count; at++) await put(store, `k${String(at)}`, String(at));
  return { path, store };
}
