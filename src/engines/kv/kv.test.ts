import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../../../test/support/node.ts';

async function mounted(version: '1' | '2') {
  let now = Date.UTC(2026, 0, 1);
  const { node, root: token } = await runningNode({ now: () => now });
  const body = { type: 'kv', options: { version } };
  assert.equal((await ask(node, 'POST', 'sys/mounts/secret', { token, body })).status, 204);
  const at = (method: string, path: string, body?: Record<string, unknown>, more: object = {}) =>
    ask(node, method, `secret/${path}`, { token, ...(body === undefined ? {} : { body }), ...more });
  return {
    at,
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
