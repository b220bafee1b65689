/**
 * The official clients of Vault and of OpenBao in Go. test/clients/go holds the scenarios, each of which is a test here: as
 * they stand with Vault's package, and with OpenBao's once the name of the package is changed. What only one of them can
 * do lies in files named `vault_…` and in the folder `openbao`.
 */
import assert from 'node:assert/strict';
import { copyFileSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { serveOn } from '../../src/server/server.testing.ts';
import { LeaseWorld } from '../support/lease-world.ts';
import { has, run } from './support/run.ts';
import { devServer, executable, newServer } from './support/server.ts';

const skip = (await has('go', ['version'])) ? false : 'there is no Go';
const scenarios = join(import.meta.dirname, 'go');
/** Scenarios that need a server of their own. */
const OWN_SERVERS = 6;

async function runScenarios(t: TestContext, folder: string): Promise<void> {
  await using server = await devServer();
  await using own = new AsyncDisposableStack();
  const fresh = await Promise.all(Array.from({ length: OWN_SERVERS }, () => newServer()));
  for (const each of fresh) own.use(each);
  const world = await LeaseWorld.open(t, { now: Date.now });
  const leases = await serveOn({}, world.node);
  own.defer(() => leases.close());
  // As a server does: leases that are over are taken back.
  const ticking = setInterval(() => void world.settle(), 1_000);
  own.defer(() => {
    clearInterval(ticking);
  });
  const env = {
    ...process.env,
    VAULT_ADDR: server.address,
    VAULT_TOKEN: 'root',
    NEW_SERVERS: fresh.map(({ address, folder: writable }) => `${address}|${writable}`).join(','),
    LOCKSTEP: executable,
    LEASES_ADDR: leases.addresses[0],
    LEASES_TOKEN: world.root,
  };
  const args = ['test', '-mod=readonly', '-count=1', '-v', './...'];
  const { code, stdout, stderr } = await run('go', args, { cwd: folder, env });
  const all = `${stdout}${stderr}`;
  const results = [...stdout.matchAll(/^--- (PASS|FAIL|SKIP): (\w+)/gm)];
  for (const [, result, name = ''] of results) {
    await t.test(name, () => {
      assert.equal(result, 'PASS', all);
    });
  }
  await t.test('all of it ran', () => {
    assert.ok(code === 0 && results.length >= 53, all);
  });
}

test('the Go client of Vault', { skip }, async (t) => {
  await runScenarios(t, scenarios);
});

test('the Go client of OpenBao', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-go-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const files = globSync('*_test.go', { cwd: scenarios }).filter((name) => !name.startsWith('vault_'));
  for (const name of files) {
    const text = readFileSync(join(scenarios, name), 'utf8');
    const renamed = text
      .replaceAll('"github.com/hashicorp/vault/api"', '"github.com/openbao/openbao/api/v2"')
      .replaceAll('"github.com/hashicorp/vault/api/auth/approle"', '"github.com/openbao/openbao/api/auth/approle/v2"');
    writeFileSync(join(folder, name), renamed);
  }
  const own = join(scenarios, 'openbao');
  for (const name of globSync('*', { cwd: own })) copyFileSync(join(own, name), join(folder, name));
  await runScenarios(t, folder);
});
