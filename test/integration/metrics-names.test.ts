/** docs/metrics.md names each metric of Vault's once, as served or not here, and a server serves what it says. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { prometheusName } from '../../src/lib/metrics/metrics.ts';
import { ServerProcess } from '../support/server-process.ts';

const text = readFileSync(join(import.meta.dirname, '../../docs/metrics.md'), 'utf8');

/** The names in a section of the page; in `Served`, those of OpenBao's list and those beside it. */
function namesIn(section: string): readonly string[] {
  const body = text.split(/^## /m).find((part) => part.startsWith(section)) ?? '';
  return [...body.matchAll(/`(vault\.[^`]+)`/g)].map(([, name = '']) => name);
}

/** As a server of this test shows them. */
const shown = (name: string): string =>
  prometheusName(name.replace('{DEVICE}', 'file').replace('{MOUNTPOINT}', 'cubbyhole-'));

/** With everything done once that is counted when it happens. */
async function scraped(t: TestContext): Promise<ReadonlySet<string>> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-metrics-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const config = join(folder, 'server.hcl');
  writeFileSync(
    config,
    `storage "lmdb" { path = "${join(folder, 'data')}" }
     listener "tcp" { address = "127.0.0.1:0", tls_disable = true }
     audit "file" "file" { options { file_path = "${join(folder, 'audit.log')}" } }
     workers = 0`,
  );
  await using server = new ServerProcess([`-config=${config}`]);
  const init = { body: { secret_shares: 1, secret_threshold: 1 } };
  const made = (await server.ask('PUT', '/v1/sys/init', init)).json as { keys: string[]; root_token: string };
  const token = made.root_token;
  const ask = (method: string, path: string, body?: object) =>
    server.ask(method, `/v1/${path}`, { token, ...(body && { body }) });
  const open = () => ask('PUT', 'sys/unseal', { key: made.keys[0] });
  await open();
  await ask('PUT', 'cubbyhole/a', { word: 'a' });
  await ask('GET', 'cubbyhole/a');
  await ask('LIST', 'cubbyhole/');
  await ask('DELETE', 'cubbyhole/a');
  await ask('PUT', 'sys/quotas/lease-count/few', { path: 'auth/token', max_leases: 1 });
  await ask('PUT', 'auth/token/create', { policies: ['default'] });
  assert.equal((await ask('PUT', 'auth/token/create', { policies: ['default'] })).status, 429);
  await ask('PUT', 'sys/seal');
  await open();
  const page = await ask('GET', 'sys/metrics?format=prometheus');
  assert.equal(page.status, 200);
  return new Set([...page.text.matchAll(/^# TYPE (\S+) /gm)].map(([, name = '']) => name));
}

test('each of the 204 names stands on the page once', () => {
  const all = [...namesIn('Served'), ...namesIn('Not here')].filter(
    (name) => !/^vault\.(?:seal|autosnapshots)\./.test(name),
  );
  assert.equal(new Set(all).size, all.length, 'none twice');
  assert.equal(all.length, 204);
});

test('a server serves the names that the page says, and no other of Vault’s', async (t) => {
  const served = await scraped(t);
  const missing = namesIn('Served').filter(
    (name) => !name.startsWith('vault.autosnapshots.') && !served.has(shown(name)),
  );
  assert.deepEqual(missing, ['vault.seal.unreachable.time']);
  const known = new Set(namesIn('Served').map(shown));
  const besides = [...served].filter(
    (name) => name.startsWith('vault_') && !known.has(name) && !/^vault_(?:seal|autosnapshots|route)_/.test(name),
  );
  assert.deepEqual(besides, []);
  const denied = namesIn('Not here').filter((name) => served.has(prometheusName(name)));
  assert.deepEqual(denied, []);
});
