/** Leases through the API of a node whose engine makes files. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { files, usersIn } from '../../../test/support/file-engine.ts';
import { ask, runningNode, type Asking, type TestNodeOptions } from '../../../test/support/node.ts';

const DAY = 24 * 3_600_000;

async function world(t: TestContext, options: TestNodeOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-leases-'));
  const clock = { now: Date.parse('2026-01-01T00:00:00Z') };
  const running = await runningNode({ engines: { files }, now: () => clock.now, ...options });
  const { node, root } = running;
  t.after(async () => {
    await node[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  const asked = async (method: string, path: string, asking: Asking = {}) =>
    ask(node, method, path, { token: root, ...asking });
  const must = async (method: string, path: string, asking: Asking = {}) => {
    const outcome = await asked(method, path, asking);
    assert.ok(outcome.status < 300, `${method} ${path}: ${(outcome.errors ?? []).join()}`);
    return outcome;
  };
  await must('POST', 'sys/mounts/db', { body: { type: 'files', options: { folder } } });
  return {
    ...{ folder, clock, asked, must, ...running },
    users: () => usersIn(folder),
    behave: (name: string, on: boolean, text: string = '') => {
      if (on) writeFileSync(join(folder, name), text);
      else rmSync(join(folder, name), { force: true });
    },
    /** What is due is worked off. */
    settle: async () => {
      await node.tick();
      await node.services.leaseExpiry.idle();
    },
    look: (id: string) => asked('POST', 'sys/leases/lookup', { body: { lease_id: id } }),
  };
}

test('a secret comes with a lease, which is looked up, renewed and revoked', async (t) => {
  const { must, users, look, clock } = await world(t);
  const made = await must('GET', 'db/creds/app', { query: { ttl: '10m' } });
  assert.match(made.leaseId, /^db\/creds\/app\/[0-9A-Za-z]{24}$/);
  assert.deepEqual([made.leaseDuration, made.renewable], [600, true]);
  assert.deepEqual(users(), [made.reply?.data?.['user']]);
  assert.deepEqual((await look(made.leaseId)).reply?.data, {
    id: made.leaseId,
    path: 'db/creds/app',
    issue_time: '2026-01-01T00:00:00.000Z',
    expire_time: '2026-01-01T00:10:00.000Z',
    last_renewal: null,
    renewable: true,
    ttl: 600,
  });
  clock.now += 60_000;
  const body = { lease_id: made.leaseId, increment: '20m' };
  const renewed = await must('POST', 'sys/leases/renew', { body });
  assert.deepEqual([renewed.leaseId, renewed.leaseDuration, renewed.renewable], [made.leaseId, 1_200, true]);
  assert.equal((await look(made.leaseId)).reply?.data?.['expire_time'], '2026-01-01T00:21:00.000Z');
  await must('POST', 'sys/leases/revoke', { body: { lease_id: made.leaseId, sync: true } });
  assert.deepEqual(users(), []);
  const gone = await look(made.leaseId);
  assert.deepEqual([gone.status, gone.errors], [400, ['invalid lease']]);
});

test('a lease that is over is revoked in the background, and no other', async (t) => {
  const { must, users, settle, clock, node } = await world(t);
  const short = await must('GET', 'db/creds/short', { query: { ttl: '1m' } });
  const long = await must('GET', 'db/creds/long', { query: { ttl: '1h' } });
  await settle();
  assert.equal(users().length, 2);
  clock.now += 60_000;
  await settle();
  assert.deepEqual(users(), [long.reply?.data?.['user']]);
  assert.notEqual(short.leaseId, long.leaseId);
  const mount = node.services.mounts.at('root', 'db/')?.record.uuid ?? '';
  assert.deepEqual(node.services.leases.count('root', mount), { all: 1, irrevocable: 0 });
  clock.now += DAY;
  await settle();
  assert.deepEqual(users(), []);
});
