import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { ask, runningNode, testNode, type Asking, type TestNodeOptions } from '../../../test/support/node.ts';
import { openMemoryStore } from '../../storage/memory/open.ts';
import { LOADED_MS } from './loaded.ts';

const LOAD = 'sys/storage/raft/snapshot-load';

/** A node with KV mounts of both versions, where a snapshot can be loaded. */
async function loadable(t: TestContext, options: TestNodeOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-loaded-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const store = openMemoryStore();
  let [opened, dropped] = [0, 0];
  const beside = {
    open: async () => {
      opened += 1;
      return openMemoryStore();
    },
    drop: () => {
      dropped += 1;
    },
  };
  const place = { store, folder: join(folder, 'spool'), beside };
  const running = await runningNode({ ...options, store, snapshots: place });
  const { node, root: token } = running;
  const asked = async (method: string, path: string, asking: Asking = {}) => {
    const { status, reply, errors } = await ask(node, method, path, { token, ...asking });
    return { status, data: reply?.data, error: errors?.join() ?? '' };
  };
  let files = 0;
  /** A snapshot of now, in a file as clients have it. */
  const saved = async (): Promise<string> => {
    const { reply } = await ask(node, 'GET', 'sys/storage/raft/snapshot', { token });
    const tar = reply?.file?.path ?? assert.fail();
    const path = join(folder, `${String((files += 1))}.snap`);
    writeFileSync(path, gzipSync(readFileSync(tar)));
    rmSync(tar);
    return path;
  };
  return {
    ...running,
    ...{ token, asked, saved, store, place },
    opened: () => opened,
    dropped: () => dropped,
    load: async () => (await node.unsealedSnapshots.loaded.load(await saved())).id,
    read: (path: string, id: string, asking: Asking = {}) =>
      asked('GET', path, { ...asking, query: { ...asking.query, read_snapshot_id: id } }),
    recover: (path: string, id: string, asking: Asking = {}) =>
      asked('POST', path, { ...asking, query: { ...asking.query, recover_snapshot_id: id } }),
  };
}

async function withMounts(t: TestContext, options: TestNodeOptions = {}) {
  const found = await loadable(t, options);
  for (const version of ['1', '2']) {
    await found.asked('POST', `sys/mounts/kv${version}`, { body: { type: 'kv', options: { version } } });
  }
  const put = (name: string, value: string) => found.asked('POST', `kv2/data/${name}`, { body: { data: { value } } });
  const value = async (name: string) =>
    ((await found.asked('GET', `kv2/data/${name}`)).data?.['data'] as { value?: string } | undefined)?.value;
  return { ...found, put, value };
}

test('version 1: what stood there is read and listed, and comes back where it was overwritten or deleted', async (t) => {
  const { node, asked, load, read, recover } = await withMounts(t);
  await using _ = node;
  await asked('POST', 'kv1/a', { body: { value: 'then' } });
  await asked('POST', 'kv1/b', { body: { value: 'then' } });
  const id = await load();
  await asked('POST', 'kv1/a', { body: { value: 'since' } });
  await asked('DELETE', 'kv1/b');
  await asked('POST', 'kv1/c', { body: { value: 'since' } });
  assert.deepEqual((await read('kv1/a', id)).data, { value: 'then' });
  assert.deepEqual((await asked('GET', 'kv1/a')).data, { value: 'since' });
  assert.deepEqual((await asked('LIST', 'kv1', { query: { read_snapshot_id: id } })).data, { keys: ['a', 'b'] });
  assert.equal((await read('kv1/c', id)).status, 404);
  for (const name of ['a', 'b']) {
    assert.equal((await recover(`kv1/${name}`, id)).status, 204);
    assert.deepEqual((await asked('GET', `kv1/${name}`)).data, { value: 'then' });
  }
  const nothing = await recover('kv1/c', id);
  assert.deepEqual([nothing.status, /holds nothing there/.test(nothing.error)], [400, true]);
  assert.deepEqual((await asked('GET', 'kv1/c')).data, { value: 'since' });
});

test('version 2: a version of then becomes the newest one, also under cas_required', async (t) => {
  const { node, asked, load, read, recover, put, value } = await withMounts(t);
  await using _ = node;
  for (const text of ['one', 'two']) await put('a', text);
  await asked('POST', 'kv2/config', { body: { cas_required: true } });
  const id = await load();
  await asked('POST', 'kv2/data/a', { body: { data: { value: 'three' }, options: { cas: 2 } } });
  await asked('DELETE', 'kv2/data/a');
  const then = await read('kv2/data/a', id);
  assert.deepEqual([then.status, then.data?.['data']], [200, { value: 'two' }]);
  assert.deepEqual((await read('kv2/data/a', id, { query: { version: '1' } })).data?.['data'], { value: 'one' });
  assert.equal((await recover('kv2/data/a', id)).data?.['version'], 4);
  assert.equal(await value('a'), 'two');
  assert.equal((await recover('kv2/data/a', id, { query: { version: '1' } })).data?.['version'], 5);
  assert.equal(await value('a'), 'one');
  for (const path of ['kv2/metadata/a', 'kv2/subkeys/a']) assert.equal((await read(path, id)).status, 400, path);
  assert.equal((await asked('LIST', 'kv2/metadata', { query: { read_snapshot_id: id } })).status, 400);
});

test('version 2: what was destroyed since is neither read nor given back', async (t) => {
  const { node, asked, load, read, recover, put } = await withMounts(t);
  await using _ = node;
  for (const name of ['destroyed', 'deleted', 'again', 'pushed', 'kept'])
    for (const at of ['1', '2', '3']) await put(name, at);
  const id = await load();
  await asked('POST', 'kv2/destroy/destroyed', { body: { versions: [2, 3] } });
  await asked('DELETE', 'kv2/metadata/deleted');
  await asked('DELETE', 'kv2/metadata/again');
  for (let at = 0; at < 3; at += 1) await put('again', 'anew');
  await asked('POST', 'kv2/destroy/pushed', { body: { versions: [2] } });
  // Ten are kept: all of then are pushed out.
  for (let at = 0; at < 12; at += 1) for (const name of ['pushed', 'kept']) await put(name, 'newer');
  await asked('POST', 'kv2/metadata/pushed', { body: { max_versions: 10 } });
  const refused = [
    ['destroyed', '2'],
    ['destroyed', '3'],
    ['destroyed', '0'],
    ['deleted', '1'],
    ['again', '1'],
    ['pushed', '1'],
    ['pushed', '2'],
  ] as const;
  for (const [name, version] of refused) {
    for (const ask of [read, recover]) {
      const { status, error, data } = await ask(`kv2/data/${name}`, id, { query: { version } });
      assert.deepEqual([status, data], [400, undefined], `${name} ${version}`);
      assert.match(error, /not given back/);
    }
  }
  const granted = [
    ['destroyed', '1'],
    ['pushed', '3'],
    ['kept', '1'],
  ] as const;
  for (const [name, version] of granted) {
    assert.deepEqual((await read(`kv2/data/${name}`, id, { query: { version } })).data?.['data'], { value: version });
    assert.equal((await recover(`kv2/data/${name}`, id, { query: { version } })).status, 200);
  }
});

test('a mount that was given versions since is said to have been, and not to have held nothing', async (t) => {
  const { node, asked, load, read, recover } = await withMounts(t);
  await using _ = node;
  await asked('POST', 'kv1/a', { body: { value: 'then' } });
  const id = await load();
  assert.equal((await asked('POST', 'sys/mounts/kv1/tune', { body: { options: { version: '2' } } })).status, 204);
  for (const each of [await read('kv1/data/a', id), await recover('kv1/data/a', id)]) {
    assert.equal(each.status, 400);
    assert.match(each.error, /has been given versions since the snapshot/);
  }
});

test('a cubbyhole is its token’s alone, then as now', async (t) => {
  const { node, asked, load, read, recover } = await withMounts(t);
  await using _ = node;
  const made = await ask(node, 'POST', 'auth/token/create', {
    token: (await asked('GET', 'auth/token/lookup-self')).data?.['id'] as string,
  });
  const other = String(made.auth?.['client_token']);
  await asked('POST', 'cubbyhole/a', { body: { value: 'then' } });
  const id = await load();
  await asked('DELETE', 'cubbyhole/a');
  assert.equal((await read('cubbyhole/a', id, { token: other })).status, 404);
  assert.deepEqual((await read('cubbyhole/a', id)).data, { value: 'then' });
  assert.equal((await recover('cubbyhole/a', id)).status, 204);
  assert.deepEqual((await asked('GET', 'cubbyhole/a')).data, { value: 'then' });
});

test('recovering takes `recover`, or `sudo` and `create`, on the path; reading takes `read`', async (t) => {
  const { node, asked, load, read, recover } = await withMounts(t);
  await using _ = node;
  await asked('POST', 'kv1/a', { body: { value: 'then' } });
  const id = await load();
  const holder = async (name: string, ...capabilities: string[]) => {
    const policy = `path "kv1/a" { capabilities = ${JSON.stringify(capabilities)} }`;
    await asked('PUT', `sys/policies/acl/${name}`, { body: { policy } });
    const { auth } = await ask(node, 'POST', 'auth/token/create', {
      token: String((await asked('GET', 'auth/token/lookup-self')).data?.['id']),
      body: { policies: [name] },
    });
    return { token: String(auth?.['client_token']) };
  };
  const may = [
    ['writer', ['create', 'update', 'read', 'delete', 'list'], 403],
    ['sudo-only', ['sudo', 'update'], 403],
    ['recoverer', ['recover'], 204],
    ['operator', ['sudo', 'create'], 204],
    ['denied', ['deny'], 403],
  ] as const;
  for (const [name, capabilities, status] of may) {
    const asking = await holder(name, ...capabilities);
    assert.equal((await recover('kv1/a', id, asking)).status, status, name);
    assert.equal((await read('kv1/a', id, asking)).status, name === 'writer' ? 200 : 403, name);
  }
  // Loading is the operator's own.
  const plain = await holder('all', 'read');
  await asked('PUT', 'sys/policies/acl/all', {
    body: { policy: `path "${LOAD}*" { capabilities = ["read", "update", "delete", "list"] }` },
  });
  for (const method of ['LIST', 'POST']) assert.equal((await asked(method, LOAD, plain)).status, 403);
  for (const method of ['GET', 'DELETE']) assert.equal((await asked(method, `${LOAD}/${id}`, plain)).status, 403);
});

test('namespaces have their own, and a mount or namespace that was made anew has nothing', async (t) => {
  const { node, asked, load, read, recover } = await withMounts(t);
  await using _ = node;
  for (const namespace of ['one', 'two']) {
    await asked('POST', `sys/namespaces/${namespace}`);
    await asked('POST', 'sys/mounts/kv', { namespace, body: { type: 'kv', options: { version: '1' } } });
    await asked('POST', 'kv/a', { namespace, body: { value: namespace } });
  }
  await asked('POST', 'kv1/a', { body: { value: 'then' } });
  const id = await load();
  await asked('POST', 'kv/a', { namespace: 'one', body: { value: 'since' } });
  assert.equal((await recover('kv/a', id, { namespace: 'one' })).status, 204);
  assert.deepEqual((await asked('GET', 'kv/a', { namespace: 'one' })).data, { value: 'one' });
  assert.deepEqual((await read('two/kv/a', id)).data, { value: 'two' });
  // About the node, so of the root namespace alone.
  assert.equal((await asked('LIST', LOAD, { namespace: 'one' })).status, 400);

  await asked('DELETE', 'sys/mounts/kv1');
  await asked('POST', 'sys/mounts/kv1', { body: { type: 'kv', options: { version: '1' } } });
  for (const ask of [read, recover]) {
    const { status, error } = await ask('kv1/a', id);
    assert.deepEqual([status, /does not hold the mount kv1\//.test(error)], [400, true]);
  }
});

test('one is loaded at a time, until it is unloaded, its time is over, or the node is sealed', async (t) => {
  let time = Date.UTC(2026, 10, 28);
  const { node, asked, load, read, share } = await withMounts(t, { now: () => time });
  await using _ = node;
  assert.equal((await asked('LIST', LOAD)).status, 404);
  const first = await load();
  await assert.rejects(load(), /is loaded: unload it first/);
  assert.deepEqual((await asked('LIST', LOAD)).data, { keys: [first] });
  const shown = await asked('GET', `${LOAD}/${first}`);
  assert.deepEqual([shown.data?.['status'], shown.data?.['expires_at']], ['ready', '2026-12-01T00:00:00.000Z']);
  assert.equal((await asked('DELETE', `${LOAD}/${first}`)).status, 204);
  assert.equal((await asked('DELETE', `${LOAD}/${first}`)).status, 404);
  const gone = await read('kv1/a', first);
  assert.deepEqual([gone.status, /no snapshot .* is loaded/.test(gone.error)], [400, true]);

  await load();
  time += LOADED_MS - 1;
  await node.unsealedSnapshots.loaded.tick();
  assert.notEqual(node.unsealedSnapshots.loaded.status, undefined);
  time += 1;
  await node.unsealedSnapshots.loaded.tick();
  assert.equal(node.unsealedSnapshots.loaded.status, undefined);

  await load();
  await node.seal();
  await node.unseal(Buffer.from(share, 'hex'));
  assert.equal((await asked('LIST', LOAD)).status, 404);
});

test('what is no good, or of other keys, is refused before anything is opened for it', async (t) => {
  const { node, saved, opened } = await withMounts(t);
  await using _ = node;
  const other = await withMounts(t);
  await using _other = other.node;
  const { loaded } = node.unsealedSnapshots;
  const path = await saved();
  const flipped = gunzipSync(readFileSync(path));
  flipped.writeUInt8(flipped.readUInt8(3_700) ^ 1, 3_700);
  writeFileSync(`${path}.flipped`, gzipSync(flipped));
  await assert.rejects(loaded.load(`${path}.flipped`), { code: 'snapshotDamaged' });
  await assert.rejects(loaded.load(await other.saved()), { code: 'snapshotKeys' });
  assert.deepEqual([loaded.status, opened()], [undefined, 0]);
  await loaded.load(path);
  assert.equal(opened(), 1);
});

test('engines and operations that have nothing to do with snapshots say so', async (t) => {
  const { node, asked, load, read, recover } = await withMounts(t);
  await using _ = node;
  await asked('POST', 'kv1/a', { body: { value: 'then' } });
  const id = await load();
  assert.match((await read('sys/mounts', id)).error, /nothing of the mount sys\//);
  assert.match((await recover('auth/token/create', id)).error, /nothing of the mount auth\/token\//);
  assert.match((await asked('DELETE', 'kv1/a', { query: { read_snapshot_id: id } })).error, /only read/);
  assert.deepEqual((await asked('GET', 'kv1/a')).data, { value: 'then' });
});

test('a region gives nothing shared from a snapshot: what it may hold is the hub’s to say', async (t) => {
  const { node, asked, saved, store, share, token, place } = await withMounts(t);
  await using _ = node;
  await asked('POST', 'kv1/a', { body: { value: 'then' } });
  await asked('POST', 'cubbyhole/a', { body: { value: 'then' } });
  const path = await saved();
  await node.seal();
  await using region = testNode({ store, settings: { region: 'eu' }, snapshots: place });
  await region.unseal(Buffer.from(share, 'hex'));
  const { id } = await region.unsealedSnapshots.loaded.load(path);
  const ways = [
    ['GET', { read_snapshot_id: id }],
    ['POST', { recover_snapshot_id: id }],
  ] as const;
  for (const [method, query] of ways) {
    const { status, errors } = await ask(region, method, 'kv1/a', { token, query });
    assert.deepEqual([status, /shared: load the snapshot at the hub/.test(errors?.join() ?? '')], [400, true]);
  }
  const own = await ask(region, 'GET', 'cubbyhole/a', { token, query: { read_snapshot_id: id } });
  assert.deepEqual(own.reply?.data, { value: 'then' });
});

test('what a killed process has left of a loaded snapshot goes when the node is unsealed', async (t) => {
  const { node, dropped, opened } = await loadable(t);
  await using _ = node;
  assert.equal(opened(), 0);
  assert.ok(dropped() > 0);
});
