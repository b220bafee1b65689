import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ask, runningNode } from '../../../test/support/node.ts';
import { fail } from '../../errors.ts';
import { LogSource } from '../../lib/log-source.ts';
import { directoryTarget, type DirectoryTargetOptions } from '../../lib/snapshot/directory-target.ts';
import { readSnapshot } from '../../lib/snapshot/reader.ts';
import type { SnapshotTarget } from '../../lib/snapshot/target.ts';
import { openMemoryStore } from '../../storage/memory/open.ts';

const HOUR = 3_600_000;

interface Options extends Partial<DirectoryTargetOptions> {
  readonly retain?: number;
  readonly target?: SnapshotTarget;
  readonly folder?: string;
}

/** A node with one schedule, and the time in the test's hand. */
async function scheduled(t: TestContext, { retain = 2, target, ...options }: Options = {}) {
  const base = mkdtempSync(join(tmpdir(), 'lockstep-scheduled-'));
  t.after(() => {
    rmSync(base, { recursive: true, force: true });
  });
  const folder = options.folder ?? join(base, 'kept');
  const lines: string[] = [];
  let time = Date.UTC(2026, 10, 28, 8);
  const now = () => time;
  const log = new LogSource({ level: 'info', format: 'standard', write: (line) => lines.push(line), now }).log;
  const store = openMemoryStore();
  const place = directoryTarget({ folder, maxSpace: 0, ...options });
  const schedules = [
    {
      name: 'hourly',
      interval: HOUR,
      retain,
      filePrefix: 'p',
      target: async () => target ?? place,
      shown: { interval: 3_600, storage_type: 'local' },
    },
  ];
  const running = await runningNode({ store, now, log, snapshots: { store, folder: join(base, 'spool'), schedules } });
  const { node, root: token } = running;
  const status = async () =>
    (await ask(node, 'GET', 'sys/storage/raft/snapshot-auto/status/hourly', { token })).reply?.data ?? {};
  return {
    ...running,
    ...{ folder, lines, status, place, spool: join(base, 'spool') },
    names: () => readdirSync(folder).sort(),
    /** Lets so much time go by, and waits for what is due. */
    pass: async (milliseconds: number) => {
      time += milliseconds;
      await node.unsealedSnapshots.scheduler.tick();
    },
  };
}

const bytesOf = (path: string) =>
  readSnapshot(
    (async function* () {
      yield readFileSync(path);
    })(),
    {},
  );

test('one is taken at the start and after each interval, whole and for this user alone, and as many stay as were asked for', async (t) => {
  const { node, pass, names, folder, spool, status } = await scheduled(t);
  await using _ = node;
  await pass(60_000);
  const [first = ''] = names();
  assert.equal((statSync(join(folder, first)).mode & 0o777).toString(8), '600');
  assert.equal((await bytesOf(join(folder, first))).meta.epoch, `1.${node.services.store.epoch.id}`);
  await pass(HOUR / 2);
  assert.deepEqual(names(), [first]);
  // Five were missed: one is made up.
  await pass(5 * HOUR);
  assert.equal(names().length, 2);
  await pass(0);
  assert.equal(names().length, 2);
  await pass(2 * HOUR);
  assert.equal(names().length, 2);
  assert.ok(!names().includes(first));
  assert.deepEqual(readdirSync(spool), []);
  const { consecutive_errors: errors, last_snapshot_url: url, last_snapshot_error: error } = await status();
  assert.deepEqual([errors, error, url], [0, '', `file://${join(folder, names()[1] ?? '')}`]);
});

test('a node that opens again goes on from what lies there', async (t) => {
  const { node, pass, names, share } = await scheduled(t);
  await using _ = node;
  await pass(60_000);
  await node.seal();
  await node.unseal(Buffer.from(share, 'hex'));
  await pass(60_000);
  assert.equal(names().length, 1);
  await pass(HOUR);
  assert.equal(names().length, 2);
});

test('a failure is told everywhere, tried again, and touches no older snapshot', async (t) => {
  let room = 1024 ** 3;
  const { node, pass, names, status, lines, root: token } = await scheduled(t, { retain: 1, room: async () => room });
  await using _ = node;
  await pass(60_000);
  const before = names();
  room = 0;
  await pass(HOUR + 60_000);
  await pass(60_000);
  assert.deepEqual(names(), before);
  const failed = await status();
  assert.equal(failed['consecutive_errors'], 2);
  assert.match(String(failed['last_snapshot_error']), /no room/);
  assert.equal(lines.filter((line) => line.includes('a scheduled snapshot failed')).length, 2);
  const { reply } = await ask(node, 'GET', 'sys/metrics', { token, query: { format: 'prometheus' } });
  assert.match(String(reply?.raw?.body), /vault_autosnapshots_save_errors\{name="hourly"\} 2/);
  assert.match(String(reply?.raw?.body), /lockstep_snapshot_consecutive_errors\{name="hourly"\} 2/);
  room = 1024 ** 3;
  await pass(120_000);
  assert.equal((await status())['consecutive_errors'], 0);
  assert.equal(names().length, 1);
  assert.notDeepEqual(names(), before);
});

test('what arrived otherwise than it was sent counts for nothing, and the older ones stay', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-flipped-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const honest = directoryTarget({ folder, maxSpace: 0 });
  let flip = false;
  async function* flipped(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let at = 0;
    for await (const chunk of content) {
      const changed = Buffer.from(chunk);
      if (at < 5_000 && at + changed.length > 5_000) changed[5_000 - at] = (changed[5_000 - at] ?? 0) ^ 1;
      at += changed.length;
      yield changed;
    }
  }
  const target: SnapshotTarget = {
    ...honest,
    put: (putting, prefix, signal) =>
      honest.put(flip ? { ...putting, content: () => flipped(putting.content()) } : putting, prefix, signal),
  };
  const { node, pass, names, status } = await scheduled(t, { retain: 1, target, folder });
  await using _ = node;
  await pass(60_000);
  const before = names();
  flip = true;
  await pass(2 * HOUR);
  assert.match(String((await status())['last_snapshot_error']), /damaged/);
  assert.deepEqual(names(), before);
});

test('a byte that flips in an older one is told when it is used, and keeps no new one from being taken', async (t) => {
  const { node, pass, names, folder } = await scheduled(t, { retain: 2 });
  await using _ = node;
  await pass(60_000);
  const [old = ''] = names();
  const bytes = readFileSync(join(folder, old));
  bytes.writeUInt8(bytes.readUInt8(5_000) ^ 1, 5_000);
  writeFileSync(join(folder, old), bytes);
  await pass(2 * HOUR);
  const signal = AbortSignal.timeout(60_000);
  const { scheduler } = node.unsealedSnapshots;
  await assert.rejects(readSnapshot(await scheduler.read('hourly', old, signal), {}), { code: 'snapshotDamaged' });
  await readSnapshot(await scheduler.read('hourly', undefined, signal), {});
  for (const name of ['../spool', 'none', '']) {
    await assert.rejects(scheduler.read('hourly', name, signal), { code: 'notFound' });
  }
  await pass(2 * HOUR);
  assert.deepEqual([names().length, names().includes(old)], [2, false]);
});

test('two nodes in one directory leave each other’s snapshots, and anything else, alone', async (t) => {
  const one = await scheduled(t, { retain: 1 });
  await using _one = one.node;
  const two = await scheduled(t, { retain: 1, folder: one.folder });
  await using _two = two.node;
  mkdirSync(one.folder, { recursive: true });
  writeFileSync(join(one.folder, 'p-notes.snap'), 'mine');
  for (const { pass } of [one, two, one, two, one]) await pass(2 * HOUR);
  const own = (node: typeof one.node) =>
    one.names().filter((name) => name.includes(node.services.store.epoch.id.slice(0, 16)));
  assert.deepEqual([own(one.node).length, own(two.node).length, one.names().length], [1, 1, 3]);
});

test('what a crash left half written is no snapshot, and goes', async (t) => {
  const { node, pass, names, folder } = await scheduled(t);
  await using _ = node;
  mkdirSync(folder, { recursive: true });
  const prefix = `p-${node.services.store.epoch.id.slice(0, 16)}-`;
  writeFileSync(join(folder, `.${prefix}20200101T000000000Z.snap.partial`), 'half');
  writeFileSync(join(folder, `.p-other-20200101T000000000Z.snap.partial`), 'of another');
  await pass(60_000);
  assert.deepEqual(
    names()
      .map((name) => name.slice(0, 8))
      .sort(),
    ['.p-other', prefix.slice(0, 8)],
  );
});

test('more than local_max_space fails, by name', async (t) => {
  const { node, pass, names, status } = await scheduled(t, { maxSpace: 4_000 });
  await using _ = node;
  await pass(60_000);
  assert.match(String((await status())['last_snapshot_error']), /local_max_space/);
  assert.deepEqual(names(), []);
});

test('sealing gives up the one under way, and leaves nothing of it', async (t) => {
  let begun: (() => void) | undefined;
  const started = new Promise<void>((resolve) => (begun = resolve));
  const target: SnapshotTarget = {
    urlOf: (name) => name,
    list: async () => [],
    put: (_putting, _prefix, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(fail('sealed'));
        });
        begun?.();
      }),
    read: async () => assert.fail(),
    remove: async () => undefined,
  };
  const { node, pass, spool, lines } = await scheduled(t, { target });
  await using _ = node;
  const passing = pass(60_000);
  await started;
  await node.seal();
  await passing;
  assert.deepEqual(readdirSync(spool), []);
  assert.ok(!lines.some((line) => line.includes('failed')));
});

test('the API shows the configuration and changes nothing of it', async (t) => {
  const { node, root: token } = await scheduled(t);
  await using _ = node;
  const path = 'sys/storage/raft/snapshot-auto/config';
  assert.deepEqual((await ask(node, 'LIST', path, { token })).reply?.data, { keys: ['hourly'] });
  const shown = await ask(node, 'GET', `${path}/hourly`, { token });
  assert.deepEqual(shown.reply?.data, { interval: 3_600, storage_type: 'local' });
  for (const method of ['POST', 'DELETE']) {
    const { status, errors } = await ask(node, method, `${path}/other`, { token, body: { path_prefix: '/tmp' } });
    assert.equal(status, 400);
    assert.match(errors?.join() ?? '', /configured, not set here.*block snapshot "other"/);
  }
  const unknown = ['config', 'status'].map((kind) =>
    ask(node, 'GET', `sys/storage/raft/snapshot-auto/${kind}/no`, { token }),
  );
  assert.deepEqual(
    (await Promise.all(unknown)).map(({ status }) => status),
    [404, 404],
  );
  await ask(node, 'PUT', 'sys/policies/acl/half', {
    token,
    body: { policy: 'path "sys/storage/raft/snapshot-auto/*" { capabilities = ["read", "list"] }' },
  });
  const made = await ask(node, 'POST', 'auth/token/create', { token, body: { policies: ['half'] } });
  const half = String(made.auth?.['client_token']);
  assert.equal((await ask(node, 'GET', `${path}/hourly`, { token: half })).status, 403);
});
