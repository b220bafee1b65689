import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { storeConformance } from '../store.conformance.ts';
import { openLmdbStore } from './open.ts';

const root = mkdtempSync(join(tmpdir(), 'lockstep-lmdb-'));
after(() => rmSync(root, { recursive: true, force: true }));
let made = 0;

storeConformance('lmdb', async (options) => {
  made += 1;
  const path = join(root, `store-${made}`);
  const store = await openLmdbStore({ path, ...options });
  return { store, flushes: () => store.flushes, reopen: () => openLmdbStore({ path }) };
});
