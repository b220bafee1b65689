/** An observer that throws ends the process, whichever the store: what it says then. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-observer-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

const CANARY = 'CANARY-c03f';
const here = (name: string): string => JSON.stringify(fileURLToPath(new URL(name, import.meta.url)));

/** How a program opens each store. */
const stores: Readonly<Record<string, string>> = {
  lmdb: `import { openLmdbStore } from ${here('../lmdb/open.ts')};
    const store = await openLmdbStore({ path: ${JSON.stringify(join(folder, 'store-'))} + process.pid });`,
  memory: `import { openMemoryStore } from ${here('../memory/open.ts')};
    const store = openMemoryStore();`,
};

/** Puts a damaged record where an observer reads with `read`; what the process says as it ends. */
function said(opening: string, read: string): string {
  const program = `
    ${opening}
    import { decodeRecord } from ${here('../../lib/record.ts')};
    store.observe(({ writes }) => { for (const { key, value } of writes) ${read}; });
    await store.transact((tx) => tx.put('s/root/namespaces/a', Buffer.from(${JSON.stringify(CANARY)})));
    console.error('an answer');
  `;
  const { signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  assert.equal(signal, 'SIGKILL', stderr);
  return stderr;
}

for (const [name, opening] of Object.entries(stores)) {
  describe(name, () => {
    test('a process whose observer meets a damaged record ends with one line, which holds nothing of it', () => {
      const line = said(opening, 'decodeRecord(value, key)');
      assert.match(
        line,
        /^lockstep: the storage failed, the process ends: the record s\/root\/namespaces\/a is damaged.*\n$/,
      );
      assert.ok(!line.includes(CANARY));
    });

    test('what an observer threw that nobody foresaw is told without its message', () => {
      const text = said(opening, 'JSON.parse(Buffer.from(value).toString())');
      assert.match(text, /the process ends: a fault inside the program, SyntaxError\n/);
      assert.doesNotMatch(text, new RegExp(`${CANARY}|an answer`));
    });
  });
}
