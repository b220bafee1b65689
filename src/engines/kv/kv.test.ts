import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../../../test/support/node.ts';
import { keys, ROOT_NAMESPACE } from '../../core/keys.ts';
import { decodeRecord, encodeRecord } from '../../lib/record.ts';
import { decodeMetadata, keptMetadata, newMetadata, type KvV2 } from './v2/records.ts';

async function mounted(version: '1' | '2') {
  let now = Date.UTC(2026, 0, 1);
  const { node, root: token } = await runningNode({ now: () => now });
  const body = { type: 'kv', options: { version } };
  assert.equal((await ask(node, 'POST', 'sys/mounts/secret', { token, body })).status, 204);
  const at = (method: string, path: string, body?: Record<string, unknown>, more: object = {}) =>
    ask(node, method, `secret/${path}`, { token, ...(body === undefined ? {} : { body }), ...more });
  const { store, mounts } = node.services;
  const found = mounts.at(ROOT_NAMESPACE, 'secret/');
  assert.ok(found !== undefined);
  return {
    ...{ at, store, mounted: found, data: keys.data('s', ROOT_NAMESPACE, found.record.uuid) },
    later: (seconds: number) => {
      now += seconds * 1000;
    },
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  };
}

test('version 1 reads what was written, lists by folders and pages', async () => {
  await using kv = await mounted('1');
  for (const path of ['a', 'b/c', 'b/d', 'e']) assert.equal((await kv.at('PUT', path, { k: path })).status, 204);
  const read = await kv.at('GET', 'b/c');
  assert.deepEqual(read.reply?.data, { k: 'b/c' });
  assert.equal(read.leaseDuration, 2_764_800);
  assert.deepEqual((await kv.at('LIST', '')).reply?.data, { keys: ['a', 'b/', 'e'] });
  assert.deepEqual((await kv.at('LIST', 'b')).reply?.data, { keys: ['c', 'd'] });
  assert.deepEqual((await kv.at('LIST', '', undefined, { query: { after: 'a', limit: '1' } })).reply?.data, {
    keys: ['b/'],
  });
  assert.deepEqual((await kv.at('SCAN', '')).reply?.data, { keys: ['a', 'b/c', 'b/d', 'e'] });
  assert.equal((await kv.at('DELETE', 'a')).status, 204);
  assert.equal((await kv.at('GET', 'a')).status, 404);
  assert.equal((await kv.at('PUT', 'x', {})).status, 400);
});

test('a secret may have names that the paths take for pages', async () => {
  await using kv = await mounted('1');
  const data = { limit: 'high', after: { hours: 3 } };
  assert.equal((await kv.at('PUT', 'a', data)).status, 204);
  assert.deepEqual((await kv.at('GET', 'a')).reply?.data, data);
});

test('a record says of a version what is not so of most; one that says all of each reads the same', async () => {
  await using kv = await mounted('2');
  for (const k of ['first', 'second']) await kv.at('POST', 'data/a', { data: { k } });
  await kv.at('POST', 'destroy/a', { versions: [1] });
  const shown = async () =>
    [await kv.at('GET', 'metadata/a'), await kv.at('GET', 'data/a')].map(({ reply }) => reply?.data);
  const before = await shown();
  const key = `${kv.data}metadata/a`;
  const bytes = kv.store.get(key) ?? encodeRecord(null);
  const stored = decodeRecord<{ readonly versions: readonly (string | object)[] }>(bytes);
  const shapes = stored.versions.map((version) => (typeof version === 'string' ? 'time' : Object.keys(version)));
  assert.deepEqual(shapes, [['version', 'createdTime', 'destroyed'], 'time']);
  const record = decodeMetadata(bytes);
  const all = record.versions.map((version) => ({ deletionTime: '', destroyed: false, ...version }));
  // The other way of before: by number.
  const byNumber = Object.fromEntries(all.map(({ version, ...rest }) => [version, rest]));
  for (const versions of [record.versions, all, byNumber]) {
    await kv.store.transact((tx) => {
      tx.put(key, encodeRecord({ ...record, versions }));
    });
    assert.deepEqual(await shown(), before);
  }
  await kv.at('POST', 'data/a', { data: { k: 'third' } });
  assert.equal((await kv.at('GET', 'data/a')).status, 200);
  const versions = (await kv.at('GET', 'metadata/a')).reply?.data?.['versions'];
  assert.deepEqual(Object.keys(versions as object), ['1', '2', '3']);
});

test('whatever is done to a secret whose versions are stored by number comes out as for one that has a list of them', async () => {
  await using kv = await mounted('2');
  /** One as stores had it before, the other as it is stored: what is written without its object is decoded when it is next read. */
  const restore = async (): Promise<void> => {
    const [old, list] = ['old', 'new'].map((name) => `${kv.data}metadata/${name}`) as [string, string];
    const [bytes, same] = [kv.store.get(old), kv.store.get(list)];
    if (bytes === undefined || same === undefined) return;
    const record = decodeMetadata(bytes);
    const versions = Object.fromEntries(record.versions.map(({ version, ...rest }) => [version, rest]));
    await kv.store.transact((tx) => {
      tx.put(old, encodeRecord({ ...record, versions }));
      tx.put(list, same);
    });
  };
  const writes = Array.from({ length: 11 }, () => ['POST', 'data', { data: { k: 'v' } }] as const);
  const steps = [
    ...writes,
    ['POST', 'delete', { versions: [9, 10] }],
    ['POST', 'undelete', { versions: [10] }],
    ['POST', 'destroy', { versions: [3] }],
    ['DELETE', 'data', undefined],
    ['POST', 'metadata', { max_versions: 4 }],
    ...writes.slice(0, 2),
    ['PATCH', 'data', { data: { other: 'w' } }],
    ['GET', 'subkeys', undefined],
  ] as const;
  const untimed = (value: unknown): string => JSON.stringify(value).replaceAll(/"\d{4}-[^"]+Z"/g, '"time"');
  for (const [verb, folder, body] of steps) {
    await restore();
    const options = verb === 'PATCH' ? { contentType: 'application/merge-patch+json' } : {};
    const [old, list] = [
      await kv.at(verb, `${folder}/old`, body, options),
      await kv.at(verb, `${folder}/new`, body, options),
    ];
    assert.equal(list.status < 300, true, `${verb} ${folder}`);
    await restore();
    assert.deepEqual([old.status, untimed(old.reply)], [list.status, untimed(list.reply)]);
    const [before, after] = [await kv.at('GET', 'metadata/old'), await kv.at('GET', 'metadata/new')];
    assert.equal(untimed(before.reply?.data), untimed(after.reply?.data));
  }
  await restore();
  assert.equal((await kv.at('DELETE', 'metadata/old')).status, 204);
  assert.deepEqual(
    kv.store
      .snapshot()
      .list(`${kv.data}data/`, { limit: 100 })
      .filter((key) => key.endsWith('/old')),
    [],
  );
});

test('a folder with more names than a reply with details holds is refused, and comes in pages', async () => {
  await using kv = await mounted('2');
  const names = Array.from({ length: 10_001 }, (_, at) => String(at).padStart(5, '0'));
  await kv.store.transact((tx) => {
    for (const name of names) tx.put(`${kv.data}metadata/big/${name}`, encodeRecord(newMetadata('')));
  });
  const refused = await kv.at('LIST', 'detailed-metadata/big');
  assert.equal(refused.status, 400);
  assert.match(String(refused.errors?.[0]), /limit=.*after=/);
  const query = { limit: '10000' };
  const page = await kv.at('LIST', 'detailed-metadata/big', undefined, { query });
  assert.deepEqual(page.reply?.data?.['keys'], names.slice(0, 10_000));
  const info = page.reply?.data?.['key_info'] as Record<string, { current_version: number }>;
  assert.equal(info['09999']?.current_version, 0);
  const rest = await kv.at('LIST', 'detailed-metadata/big', undefined, { query: { ...query, after: '09999' } });
  assert.deepEqual(rest.reply?.data?.['keys'], ['10000']);
  assert.deepEqual((await kv.at('LIST', 'metadata/big')).reply?.data?.['keys'], names);
});

test('a path without data/ in version 2 is told where values lie', async () => {
  await using kv = await mounted('2');
  const { status, errors } = await kv.at('GET', 'app/db');
  assert.equal(status, 404);
  assert.match(String(errors?.[0]), /^unsupported path: .*data\//);
});

test('version 2 keeps versions, deletes, undeletes and destroys them', async () => {
  await using kv = await mounted('2');
  for (const n of [1, 2, 3]) {
    const written = await kv.at('POST', 'data/app/db', { data: { n } });
    assert.equal(written.reply?.data?.['version'], n);
  }
  const first = await kv.at('GET', 'data/app/db', undefined, { query: { version: '1' } });
  assert.deepEqual(first.reply?.data?.['data'], { n: 1 });
  assert.equal((await kv.at('DELETE', 'data/app/db')).status, 204);
  const deleted = await kv.at('GET', 'data/app/db');
  assert.equal(deleted.status, 404);
  assert.equal(deleted.reply?.data?.['data'], null);
  assert.equal((await kv.at('POST', 'undelete/app/db', { versions: [3] })).status, 204);
  assert.deepEqual((await kv.at('GET', 'data/app/db')).reply?.data?.['data'], { n: 3 });
  assert.equal((await kv.at('POST', 'destroy/app/db', { versions: [3] })).status, 204);
  assert.equal((await kv.at('POST', 'undelete/app/db', { versions: [3] })).status, 204);
  assert.equal((await kv.at('GET', 'data/app/db')).status, 404);
  assert.equal((await kv.at('DELETE', 'metadata/app/db')).status, 204);
  assert.equal((await kv.at('GET', 'metadata/app/db')).status, 404);
  assert.equal((await kv.at('LIST', 'metadata/')).status, 404);
});

test('what a read tells of a version has one identity until any of it changes', async () => {
  await using kv = await mounted('2');
  const read = async (query: Record<string, string> = {}) => (await kv.at('GET', 'data/a', undefined, { query })).reply;
  const seen = new Set<unknown>();
  const changed = async () => {
    const found = await read();
    const identity = found?.identity;
    assert.ok(identity !== undefined && !seen.has(identity), 'another than before');
    seen.add(identity);
    assert.equal((await read())?.identity, identity);
    return found?.data;
  };
  await kv.at('POST', 'data/a', { data: { k: 'one' } });
  assert.deepEqual((await changed())?.['data'], { k: 'one' });
  await kv.at('POST', 'data/a', { data: { k: 'two' } });
  assert.deepEqual((await changed())?.['data'], { k: 'two' });
  assert.notEqual((await read({ version: '1' }))?.identity, (await read())?.identity);
  await kv.at('POST', 'metadata/a', { custom_metadata: { owner: 'x' } });
  const { metadata } = (await changed()) as { metadata: Record<string, unknown> };
  assert.deepEqual(metadata['custom_metadata'], { owner: 'x' });
  await kv.at('DELETE', 'data/a');
  assert.equal((await read())?.identity, undefined);
  await kv.at('DELETE', 'metadata/a');
  await kv.at('POST', 'data/a', { data: { k: 'three' } });
  assert.deepEqual((await changed())?.['data'], { k: 'three' });
  assert.equal((await kv.at('GET', 'subkeys/a')).reply?.identity, undefined);
});

test('check-and-set lets one of two writers through', async () => {
  await using kv = await mounted('2');
  const write = (cas: number) => kv.at('POST', 'data/x', { data: { a: 'b' }, options: { cas } });
  assert.equal((await write(1)).status, 400);
  assert.equal((await write(0)).status, 200);
  assert.equal((await write(0)).status, 400);
  assert.deepEqual((await Promise.all([write(1), write(1)])).map(({ status }) => status).sort(), [200, 400]);
  assert.equal((await kv.at('POST', 'config', { cas_required: true })).status, 204);
  assert.equal((await kv.at('POST', 'data/x', { data: { a: 'c' } })).status, 400);
});

test('settings are written by who knew them as they are', async () => {
  await using kv = await mounted('2');
  const write = async (path: string, body: Record<string, unknown>) => {
    const { status, errors } = await kv.at('POST', `metadata/${path}`, body);
    return errors?.[0] ?? status;
  };
  const patch = async (body: Record<string, unknown>) =>
    (await kv.at('PATCH', 'metadata/a', body, { contentType: 'application/merge-patch+json' })).errors?.[0];
  const [other, required] = [
    'metadata check-and-set parameter does not match the current version',
    'metadata check-and-set parameter required for this call',
  ];
  assert.equal(await write('a', { metadata_cas: 1 }), 'metadata_cas must be 0 when creating new metadata');
  const tries = await Promise.all([1, 2].map((max) => write('a', { max_versions: max, metadata_cas: 0 })));
  assert.deepEqual(tries.sort(), [204, other]);
  assert.equal(await write('a', { metadata_cas_required: true, metadata_cas: 1 }), 204);
  assert.deepEqual([await write('a', { max_versions: 9 }), await patch({ max_versions: 9 })], [required, required]);
  assert.deepEqual(
    [await patch({ max_versions: 9, metadata_cas: 1 }), await patch({ max_versions: 9, metadata_cas: 2 })],
    [other, undefined],
  );
  const read = async (path: string) => (await kv.at('GET', path)).reply?.data;
  assert.partialDeepStrictEqual(await read('metadata/a'), {
    ...{ current_metadata_version: 3, max_versions: 9, metadata_cas_required: true },
  });
  assert.equal((await kv.at('POST', 'config', { metadata_cas_required: true })).status, 204);
  assert.partialDeepStrictEqual(await read('config'), { metadata_cas_required: true, cas_required: false });
  assert.equal(await write('b', { max_versions: 1 }), required);
  assert.equal((await kv.at('POST', 'data/b', { data: { a: '1' } })).status, 200, 'data is written without');
  assert.partialDeepStrictEqual(await read('metadata/b'), {
    current_metadata_version: 0,
    metadata_cas_required: false,
  });
});

test('the oldest versions go when there are more than are kept', async () => {
  await using kv = await mounted('2');
  await kv.at('POST', 'metadata/x', { max_versions: 2 });
  for (const n of [1, 2, 3, 4]) await kv.at('POST', 'data/x', { data: { n } });
  const { reply } = await kv.at('GET', 'metadata/x');
  assert.deepEqual(Object.keys(reply?.data?.['versions'] as object), ['3', '4']);
  assert.equal(reply?.data?.['oldest_version'], 3);
  assert.equal((await kv.at('GET', 'data/x', undefined, { query: { version: '2' } })).status, 404);
});

test('a patch merges, and needs its content type and a version to merge into', async () => {
  await using kv = await mounted('2');
  const patch = { contentType: 'application/merge-patch+json' };
  assert.equal((await kv.at('PATCH', 'data/x', { data: { a: 1 } }, patch)).status, 404);
  await kv.at('POST', 'data/x', { data: { a: 1, b: { c: 2, d: 3 } } });
  assert.equal((await kv.at('PATCH', 'data/x', { data: { a: 2 } })).status, 415);
  assert.equal((await kv.at('PATCH', 'data/x', { data: { a: null, b: { c: 9 } } }, patch)).status, 200);
  assert.deepEqual((await kv.at('GET', 'data/x')).reply?.data?.['data'], { b: { c: 9, d: 3 } });
  const keys = await kv.at('GET', 'subkeys/x');
  assert.deepEqual(keys.reply?.data?.['subkeys'], { b: { c: null, d: null } });
  const shallow = await kv.at('GET', 'subkeys/x', undefined, { query: { depth: '1' } });
  assert.deepEqual(shallow.reply?.data?.['subkeys'], { b: null });
});

test('versions are deleted when their time has come', async () => {
  await using kv = await mounted('2');
  await kv.at('POST', 'metadata/x', { delete_version_after: '30s', custom_metadata: { team: 'a' } });
  await kv.at('POST', 'data/x', { data: { a: 1 } });
  assert.equal((await kv.at('GET', 'data/x')).status, 200);
  kv.later(31);
  assert.equal((await kv.at('GET', 'data/x')).status, 404);
  assert.equal((await kv.at('GET', 'metadata/x')).reply?.data?.['delete_version_after'], '30s');
});

test('the shorter of the time of the mount and that of the secret holds, and a mount can say never', async () => {
  await using kv = await mounted('2');
  /** After how many seconds a version that is written now will be deleted; undefined: never. */
  const lifetime = async (mount: string, secret: string): Promise<number | undefined> => {
    await kv.at('POST', 'config', { delete_version_after: mount });
    await kv.at('POST', 'metadata/x', { delete_version_after: secret });
    const { reply } = await kv.at('POST', 'data/x', { data: { a: 1 } });
    const { created_time: created, deletion_time: deletion } = reply?.data ?? {};
    return deletion === '' ? undefined : (Date.parse(String(deletion)) - Date.parse(String(created))) / 1000;
  };
  assert.equal(await lifetime('1h', '2h'), 3_600);
  assert.equal(await lifetime('2h', '1h'), 3_600);
  assert.equal(await lifetime('2h', '0s'), 7_200);
  assert.equal(await lifetime('0s', '1h'), 3_600);
  assert.equal(await lifetime('-5s', '1h'), undefined);
  assert.equal((await kv.at('GET', 'config')).reply?.data?.['delete_version_after'], '-1s');
  assert.equal((await kv.at('POST', 'metadata/x', { delete_version_after: '-1s' })).status, 400);
});

test('a version that comes back ends again: it does not live for ever', async () => {
  await using kv = await mounted('2');
  await kv.at('POST', 'metadata/a', { delete_version_after: '1h' });
  await kv.at('POST', 'data/a', { data: { v: '1' } });
  kv.later(600);
  await kv.at('DELETE', 'data/a');
  kv.later(600);
  assert.equal((await kv.at('POST', 'undelete/a', { versions: [1] })).status, 204);
  const { reply } = await kv.at('GET', 'data/a');
  assert.partialDeepStrictEqual(reply?.data?.['metadata'], { deletion_time: '2026-01-01T01:20:00.000Z' });
  kv.later(3_601);
  assert.equal((await kv.at('GET', 'data/a')).status, 404);
});

test('of the limits of mount and secret the larger one holds, so that nothing is dropped that Vault keeps', async () => {
  await using kv = await mounted('2');
  await kv.at('POST', 'config', { max_versions: 3 });
  await kv.at('POST', 'metadata/a', { max_versions: 1 });
  for (const v of ['1', '2', '3', '4']) await kv.at('POST', 'data/a', { data: { v } });
  const { reply } = await kv.at('GET', 'metadata/a');
  assert.deepEqual(Object.keys(reply?.data?.['versions'] ?? {}), ['2', '3', '4']);
});

test('a change of metadata that asks for nothing is none; a patch says first that it lacks cas', async () => {
  await using kv = await mounted('2');
  const merge = { contentType: 'application/merge-patch+json' };
  assert.equal((await kv.at('PATCH', 'metadata/a', {}, merge)).status, 204);
  assert.equal((await kv.at('POST', 'metadata/a', {})).status, 204);
  assert.equal((await kv.at('GET', 'metadata/a')).status, 404);
  await kv.at('POST', 'metadata/a', { cas_required: true });
  await kv.at('POST', 'metadata/a', {});
  await kv.at('PATCH', 'metadata/a', {}, merge);
  const { reply } = await kv.at('GET', 'metadata/a');
  assert.equal(reply?.data?.['current_metadata_version'], 1);
  const patch = async (options: object) =>
    (await kv.at('PATCH', 'data/a', { data: { v: '1' }, options }, merge)).status;
  assert.deepEqual([await patch({}), await patch({ cas: 4 }), await patch({ cas: 0 })], [400, 400, 404]);
});

test('what is kept of a secret in memory is what is stored, whatever was done to it', async () => {
  await using kv = await mounted('2');
  const { instance } = kv.mounted;
  const steps: readonly (readonly [string, string, Record<string, unknown>?, object?])[] = [
    ['POST', 'data/a', { data: { n: 1 } }],
    ['GET', 'data/a'],
    ['POST', 'metadata/a', { max_versions: 3, custom_metadata: { owner: 'one' } }],
    ['POST', 'data/a', { data: { n: 2 } }],
    ['PATCH', 'data/a', { data: { m: 1 } }, { contentType: 'application/merge-patch+json' }],
    ['POST', 'delete/a', { versions: [2] }],
    ['POST', 'undelete/a', { versions: [2] }],
    ['POST', 'destroy/a', { versions: [1] }],
    ['POST', 'data/a', { data: { n: 4 } }],
    ['PATCH', 'metadata/a', { custom_metadata: { owner: null } }, { contentType: 'application/merge-patch+json' }],
    ['DELETE', 'data/a'],
    ['POST', 'data/a', { data: { n: 5 } }],
    ['DELETE', 'metadata/a'],
    ['POST', 'data/a', { data: { n: 1 } }],
  ];
  for (const [method, path, body, more] of steps) {
    assert.ok((await kv.at(method, path, body, more)).status < 300, path);
    const { shared } = (instance as KvV2).view;
    const stored = shared.get('metadata/a');
    assert.deepEqual(keptMetadata(shared, 'a'), stored && decodeMetadata(stored), `${method} ${path}`);
    const inside = await shared.transact((tx) => keptMetadata(tx, 'a'));
    assert.equal(inside, keptMetadata(shared, 'a'));
  }
});

test('what the audit has made of a version is made anew when what is told of it changes', async () => {
  await using kv = await mounted('2');
  await kv.at('POST', 'data/a', { data: { n: 1 } });
  const identity = async () => (await kv.at('GET', 'data/a')).reply?.identity;
  const first = await identity();
  assert.equal(await identity(), first);
  await kv.at('POST', 'metadata/a', { custom_metadata: { owner: 'one' } });
  assert.notEqual(await identity(), first);
});
