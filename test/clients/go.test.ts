/** The official client of Vault in Go; test/clients/go holds the scenarios, each of which is a test here. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { has, run } from './support/run.ts';
import { devServer, newServer } from './support/server.ts';

const skip = (await has('go', ['version'])) ? false : 'there is no Go';

test('the Go client', { skip }, async (t) => {
  await using server = await devServer();
  await using fresh = await newServer();
  const env = {
    ...process.env,
    VAULT_ADDR: server.address,
    VAULT_TOKEN: 'root',
    NEW_ADDR: fresh.address,
    AUDIT_LOG: join(fresh.folder, 'audit.log'),
  };
  const args = ['test', '-mod=readonly', '-count=1', '-v', './...'];
  const { code, stdout, stderr } = await run('go', args, { cwd: join(import.meta.dirname, 'go'), env });
  const all = `${stdout}${stderr}`;
  const results = [...stdout.matchAll(/^--- (PASS|FAIL|SKIP): (\w+)/gm)];
  for (const [, result, name = ''] of results) {
    await t.test(name, () => {
      assert.equal(result, 'PASS', all);
    });
  }
  await t.test('all of it ran', () => {
    assert.ok(code === 0 && results.length >= 10, all);
  });
});
