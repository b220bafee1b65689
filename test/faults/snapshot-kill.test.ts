import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ServerProcess } from '../support/server-process.ts';
import { restoreSnapshot, takeSnapshot } from '../support/snapshots.ts';

type Json = Readonly<Record<string, unknown>>;

/** Where a restore may be cut off, and what the node holds at the next start. */
const POINTS: readonly (readonly [failpoint: string, holds: 'old' | 'new'])[] = [
  ['snapshot.in-load', 'old'],
  ['snapshot.complete', 'old'],
  ['snapshot.before-replace', 'old'],
  ['snapshot.before-switch', 'old'],
  ['snapshot.after-switch', 'new'],
];

function started(t: TestContext, folder: string, failpoint?: string): ServerProcess {
  const failpoints = failpoint === undefined ? '' : `${failpoint}=kill`;
  const server = new ServerProcess([`-config=${join(folder, 'server.hcl')}`], { failpoints });
  t.after(() => server[Symbol.asyncDispose]());
  return server;
}

const valueAt = async (server: ServerProcess, token: string): Promise<unknown> => {
  const { json, status } = await server.ask('GET', '/v1/cubbyhole/a', { token });
  return status === 200 ? (json['data'] as Json)['value'] : status;
};

for (const [failpoint, holds] of POINTS) {
  test(`killed at ${failpoint}, a restore leaves all of the ${holds} content`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-snapshot-kill-'));
    t.after(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    writeFileSync(
      join(folder, 'server.hcl'),
      `storage "lmdb" { path = "${join(folder, 'data')}" }
       listener "tcp" { address = "127.0.0.1:0", tls_disable = true }
       workers = 1`,
    );
    const first = started(t, folder, failpoint);
    const made = await first.ask('PUT', '/v1/sys/init', { body: { secret_shares: 1, secret_threshold: 1 } });
    const { keys, root_token: token } = made.json as { keys: string[]; root_token: string };
    const unseal = (server: ServerProcess) => server.ask('PUT', '/v1/sys/unseal', { body: { key: keys[0] ?? '' } });
    await unseal(first);
    await first.ask('PUT', '/v1/cubbyhole/a', { token, body: { value: 'then' } });
    const snapshot = await takeSnapshot(first, token);
    await first.ask('PUT', '/v1/cubbyhole/a', { token, body: { value: 'since' } });
    await assert.rejects(restoreSnapshot(first, snapshot, { token, keep: holds === 'old' }));
    await first.exit;

    const second = started(t, folder);
    await unseal(second);
    // The new content was restored without its credentials: what a crash cut off there is done at the next opening.
    assert.equal(await valueAt(second, token), holds === 'old' ? 'since' : 403);
    const names = readdirSync(join(folder, 'data')).filter((name) => name.startsWith('generation'));
    assert.deepEqual(names, holds === 'old' ? [] : ['generation-1']);
    assert.equal(existsSync(join(folder, 'data', 'data.mdb')), holds === 'old');
    if (holds === 'new') return;
    const again = await restoreSnapshot(second, snapshot, { token, keep: true });
    assert.equal(again.status, 204, again.text);
    assert.equal(await valueAt(second, token), 'then');
  });
}
