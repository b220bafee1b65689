/** Leases are a region's own: granted, ended and kept there, whatever its hub does. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { everyKey } from '../../src/storage/every-key.ts';
import type { Store } from '../../src/storage/store.ts';
import { testHub, testRegion, type TestHub } from '../support/cluster.ts';
import { files, usersIn } from '../support/file-engine.ts';
import { ask } from '../support/node.ts';

async function converged(hub: TestHub): Promise<void> {
  const { reply } = await ask(hub.node, 'POST', 'sys/wait', { token: hub.root, body: { latest: true, timeout: 10 } });
  assert.equal(reply?.data?.['state'], 'done');
}

function leaseKeys(store: Store): readonly string[] {
  using snapshot = store.snapshot();
  return [...everyKey(snapshot, '')].filter((key) => key.includes('lease'));
}

test('a region grants and ends its own leases, and keeps those of a mount that its hub disables', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-region-leases-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const hub = await testHub(0, { engines: { files } });
  await using _hub = hub.node;
  await ask(hub.node, 'POST', 'sys/mounts/db', { token: hub.root, body: { type: 'files', options: { folder } } });
  const eu = await testRegion(hub, 'eu', ['db/']);
  await using _eu = eu.node;
  await converged(hub);
  const token = eu.root;
  const grant = async (): Promise<string> => {
    const { status, leaseId } = await ask(eu.node, 'GET', 'db/creds/app', { token });
    assert.equal(status, 200);
    return leaseId;
  };
  const [first, second] = [await grant(), await grant()];
  const look = (at: TestHub, id: string) =>
    ask(at.node, 'POST', 'sys/leases/lookup', { token: at.root, body: { lease_id: id } });
  assert.deepEqual([(await look(eu, first)).status, (await look(hub, first)).status], [200, 400]);
  assert.deepEqual(leaseKeys(hub.store), []);
  const sync = { lease_id: first, sync: true };
  assert.equal((await ask(eu.node, 'POST', 'sys/leases/revoke', { token, body: sync })).status, 204);
  assert.equal(usersIn(folder).length, 1);
  // The hub knows of no lease, so nothing stops it; the region's stays, since nobody has taken it back.
  assert.equal((await ask(hub.node, 'DELETE', 'sys/mounts/db', { token: hub.root })).status, 204);
  await converged(hub);
  assert.equal((await ask(eu.node, 'GET', 'db/creds/app', { token })).status, 404);
  const body = { lease_id: second, sync: true };
  const failed = await ask(eu.node, 'POST', 'sys/leases/revoke', { token, body });
  assert.deepEqual([failed.status, failed.errors?.join().includes('its mount is gone')], [500, true]);
  assert.equal((await look(eu, second)).reply?.data?.['revoke_error'], 'its mount is gone');
  assert.equal(usersIn(folder).length, 1);
  assert.equal((await ask(eu.node, 'POST', 'sys/leases/revoke-force/db', { token })).status, 204);
  assert.deepEqual(leaseKeys(eu.store), []);
});
