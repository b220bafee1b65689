/** Killed in the middle of a migration or of wrapping anew, a node is opened the old way or the new one, and has lost nothing. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  blockOf,
  giveShares,
  holdsSecret,
  initialise,
  place,
  staticBlock,
  unsealed,
  type Keys,
} from '../support/sealed-server.ts';
import { ServerProcess } from '../support/server-process.ts';

type Side = 'old' | 'new' | 'either';

const POINTS: Readonly<Record<string, Side>> = {
  'seal.before-replace': 'old',
  'seal.in-replace': 'old',
  'storage.before-commit': 'old',
  'storage.in-commit': 'either',
  'seal.after-replace': 'new',
};

/** Whether a server with these seals opens what is there, by itself or by shares, without a migration. */
async function opens(config: string, keys: Keys, auto: boolean): Promise<boolean> {
  await using server = new ServerProcess([config]);
  // A server that no configured seal can open says so and ends.
  const found = await Promise.race([server.exit, server.line(/\] (unsealed|sealed: .*)$/)]).catch(() => null);
  if (found === null || typeof found === 'number' || found[1] === undefined || found[1].includes('-migrate'))
    return false;
  if (auto) await unsealed(server);
  else if ((await giveShares(server, keys.shares, false)).status !== 200) return false;
  assert.equal(await holdsSecret(server, keys), true);
  return true;
}

for (const [failpoint, expected] of Object.entries(POINTS)) {
  test(`killed at ${failpoint}, a migration to a key file leaves ${expected === 'either' ? 'one of the two seals' : `the ${expected} seal`}`, async (t) => {
    const at = place(t);
    const one = staticBlock(at, 'one');
    const log = join(at.folder, 'audit.log');
    const audit = `audit "file" "main" { options { file_path = "${log}" } }\n`;
    await using first = new ServerProcess([at.config('')]);
    const keys = await initialise(first, false);
    await first[Symbol.asyncDispose]();
    await using killed = new ServerProcess([at.config(audit + one.block)], { failpoints: `${failpoint}=kill` });
    await assert.rejects(giveShares(killed, keys.shares, true), 'the process has ended');
    assert.equal(await killed.exit, null);

    const migrated = await opens(at.config(audit + one.block), keys, true);
    assert.notEqual(migrated, await opens(at.config(''), keys, false), 'one of the two');
    if (expected !== 'either') assert.equal(migrated, expected === 'new');
    if (!migrated) {
      await using again = new ServerProcess([at.config(audit + one.block)]);
      assert.equal((await giveShares(again, keys.shares, true)).json['sealed'], false);
      assert.equal(await holdsSecret(again, keys), true);
    }
    // By whichever start the node was opened after it.
    const told = readFileSync(log, 'utf8').match(/"type":"response".*"migrated_from":\["shamir"\]/g);
    assert.equal(told?.length, 1);
  });
}

test('killed at seal.in-replace, a migration back to shares leaves the key file in force', async (t) => {
  const at = place(t);
  const one = staticBlock(at, 'one');
  const leaving = blockOf(one.file, 'one', 'disabled = "true"');
  await using first = new ServerProcess([at.config(one.block)]);
  const keys = await initialise(first, true);
  await first[Symbol.asyncDispose]();
  await using killed = new ServerProcess([at.config(leaving)], { failpoints: 'seal.in-replace=kill' });
  await assert.rejects(giveShares(killed, keys.shares, true), 'the process has ended');
  await killed.exit;
  assert.equal(await opens(at.config(one.block), keys, true), true);
  await using again = new ServerProcess([at.config(leaving)]);
  assert.equal((await giveShares(again, keys.shares, true)).json['sealed'], false);
  await again[Symbol.asyncDispose]();
  assert.equal(await opens(at.config(''), keys, false), true);
});

for (const failpoint of ['seal.in-rewrap', 'seal.after-rewrap']) {
  test(`killed at ${failpoint}, a seal that was added is wrapped at the next start, and opens alone then`, async (t) => {
    const at = place(t);
    const [one, two] = [staticBlock(at, 'one'), staticBlock(at, 'two')];
    await using first = new ServerProcess([at.config(one.block)]);
    const keys = await initialise(first, true);
    await first[Symbol.asyncDispose]();
    await using killed = new ServerProcess([at.config(one.block + two.block)], { failpoints: `${failpoint}=kill` });
    assert.equal(await killed.exit, null);
    assert.equal(await opens(at.config(one.block), keys, true), true);
    await using again = new ServerProcess([at.config(one.block + two.block)]);
    await again.line(/the unseal key is wrapped anew.*two/);
    await again[Symbol.asyncDispose]();
    rmSync(one.file);
    assert.equal(await opens(at.config(one.block + two.block), keys, true), true);
  });
}
