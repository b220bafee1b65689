import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openEnvironment, type Environment } from './environment.ts';
import { currentEnvironment } from './generation.ts';
import { openLmdbStore, type LmdbStoreOptions } from './open.ts';
import type { LocalStore } from '../local/local-store.ts';

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
