/** Killed in the middle of a rekey, a node is opened by its old shares or by its new ones, and has lost nothing. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ServerProcess } from '../support/server-process.ts';

interface Stage {
  readonly config: string;
  readonly shares: readonly string[];
  readonly token: string;
}

async function unseal(server: ServerProcess, shares: readonly string[]): Promise<number> {
  let status = 0;
  for (const key of shares) status = (await server.ask('PUT', '/v1/sys/unseal', { body: { key } })).status;
  return status;
}

/** Initialised, with one secret, and ended. */
async function stage(t: TestContext): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-rekey-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const file = join(folder, 'server.hcl');
  writeFileSync(
    file,
    `storage "lmdb" { path = "${join(folder, 'data')}" }
     listener "tcp" { address = "127.0.0.1:0", tls_disable = true }
     workers = 0`,
  );
  const config = `-config=${file}`;
  await using server = new ServerProcess([config]);
  const { json } = await server.ask('PUT', '/v1/sys/init', { body: { secret_shares: 2, secret_threshold: 2 } });
  const { keys: shares, root_token: token } = json as { keys: string[]; root_token: string };
  await unseal(server, shares);
  const wrote = await server.ask('POST', '/v1/cubbyhole/a', { token, body: { value: 'kept' } });
  assert.equal(wrote.status, 204);
  return { config, shares, token };
}

/** The new shares, once they were shown; the last step of their verification ends the process. */
async function rekeyed({ config, shares, token }: Stage, failpoint: string): Promise<readonly string[]> {
  // Of commits the first one is the note of the unsealing.
  const hit = failpoint.startsWith('storage.') ? 2 : 1;
  await using server = new ServerProcess([config], { failpoints: `${failpoint}=kill@${String(hit)}` });
  await unseal(server, shares);
  const ask = async (path: string, body: object): Promise<Readonly<Record<string, unknown>>> =>
    (await server.ask('POST', `/v1/sys/rekey/${path}`, { token, body })).json;
  const split = { secret_shares: 3, secret_threshold: 2, require_verification: true };
  const { nonce } = await ask('init', split);
  await ask('update', { key: shares[0], nonce });
  const made = await ask('update', { key: shares[1], nonce });
  const fresh = made['keys'] as string[];
  assert.equal(fresh.length, 3);
  const proof = { nonce: made['verification_nonce'] };
  assert.equal((await ask('verify', { ...proof, key: fresh[0] }))['progress'], 1);
  await assert.rejects(ask('verify', { ...proof, key: fresh[1] }), 'the process has ended');
  assert.equal(await server.exit, null);
  return fresh.slice(0, 2);
}

async function opens({ config, token }: Stage, shares: readonly string[]): Promise<boolean> {
  await using server = new ServerProcess([config]);
  if ((await unseal(server, shares)) !== 200) return false;
  const found = await server.ask('GET', '/v1/cubbyhole/a', { token });
  assert.deepEqual(found.json['data'], { value: 'kept' });
  return true;
}

const cases: Readonly<Record<string, 'old' | 'new' | 'either'>> = {
  'seal.before-replace': 'old',
  'seal.in-replace': 'old',
  'storage.before-commit': 'old',
  'storage.in-commit': 'either',
  'seal.after-replace': 'new',
};

for (const [failpoint, expected] of Object.entries(cases)) {
  test(`killed at ${failpoint}: ${expected === 'either' ? 'the old or the new' : `the ${expected}`} shares open`, async (t) => {
    const staged = await stage(t);
    const fresh = await rekeyed(staged, failpoint);
    const found = { old: await opens(staged, staged.shares), new: await opens(staged, fresh) };
    assert.notEqual(found.old, found.new, 'one of the two');
    if (expected !== 'either') assert.equal(found[expected], true);
  });
}
