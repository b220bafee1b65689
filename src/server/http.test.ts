import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Handler } from '../framework/request.ts';
import type { Serving } from './http.ts';
import { dataOf, outcomeOf, RawClient, serveOn } from './server.testing.ts';

describe('replies', () => {
  let serving: Serving;
  let next: Handler['handle'] = (request) => outcomeOf(request);
  before(async () => {
    serving = await serveOn({}, { handle: (request) => next(request) });
  });
  after(() => serving.close());

  const get = (path = '/v1/a', init?: RequestInit): Promise<Response> =>
    fetch(`${serving.addresses[0] ?? ''}${path}`, init);

  test('the envelope has the keys of Vault, in its order', async () => {
    next = (request) => outcomeOf(request, { reply: { status: 200, data: { b: 1, a: [true, null] } } });
    const response = await get();
    const text = await response.text();
    assert.match(
      text,
      /^\{"request_id":"[0-9a-f-]{36}","lease_id":"","renewable":false,"lease_duration":0,"data":\{"b":1,"a":\[true,null\]\},"wrap_info":null,"warnings":null,"auth":null,"mount_type":"test"\}\n$/,
    );
    assert.equal(response.headers.get('content-type'), 'application/json');
    assert.equal(response.headers.get('cache-control'), 'no-store');
    assert.equal(response.headers.get('strict-transport-security'), null);
  });

  test('flat replies carry their keys twice, and never one of the envelope', async () => {
    const data = { 'secret/': { type: 'kv' }, auth: 1 };
    next = (request) => outcomeOf(request, { reply: { status: 200, data, flat: true } });
    const body = (await (await get()).json()) as Record<string, unknown>;
    assert.deepEqual(body['secret/'], { type: 'kv' });
    assert.deepEqual(body['data'], data);
    assert.equal(body['auth'], null);
  });

  test('204, 404, bare, raw and errors', async () => {
    next = (request) => outcomeOf(request, { status: 204 });
    const empty = await get();
    assert.equal(empty.status, 204);
    assert.equal(await empty.text(), '');
    next = (request) => outcomeOf(request, { status: 404, reply: { status: 404 } });
    assert.equal(await (await get()).text(), '{"errors":[]}\n');
    next = (request) => outcomeOf(request, { status: 404, reply: { status: 404, data: { deleted: true } } });
    assert.deepEqual(((await (await get()).json()) as { data: unknown }).data, { deleted: true });
    next = (request) => outcomeOf(request, { status: 503, reply: { status: 503, bare: { sealed: true } } });
    assert.equal(await (await get()).text(), '{"sealed":true}\n');
    next = (request) => outcomeOf(request, { reply: { status: 200, raw: { contentType: 'text/plain', body: 'é' } } });
    const raw = await get();
    assert.equal(raw.headers.get('content-type'), 'text/plain');
    assert.equal(await raw.text(), 'é');
    next = (request) =>
      outcomeOf(request, { status: 403, errors: ['permission denied'], headers: { 'X-Vault-Index': 'i' } });
    const denied = await get();
    assert.equal(await denied.text(), '{"errors":["permission denied"]}\n');
    assert.equal(denied.headers.get('x-vault-index'), 'i');
    next = (request) => outcomeOf(request, { status: 503, errors: ['Vault is sealed'] });
    assert.equal((await get()).headers.get('retry-after'), '1');
  });

  test('a handler that throws, rejects, or answers what cannot be written is a 500 that tells nothing', async () => {
    const canary = 'canary-4711';
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const faults: readonly Handler['handle'][] = [
      () => {
        throw new Error(canary);
      },
      () => Promise.reject(new Error(canary)),
      (request) => outcomeOf(request, { reply: { status: 200, data: circular } }),
      (request) => outcomeOf(request, { reply: { status: 200, data: { n: 1n } } }),
    ];
    for (const fault of faults) {
      next = fault;
      const response = await get();
      assert.equal(response.status, 500);
      const text = await response.text();
      assert.match(text, /^\{"errors":\["internal error \(request [0-9a-f-]{36}\)"\]\}\n$/);
      assert.doesNotMatch(text, /canary/);
    }
    next = (request) => outcomeOf(request, { headers: { 'X-Bad': 'a\r\nb' } });
    assert.equal((await get()).status, 500);
    next = (request) => outcomeOf(request);
    assert.equal((await get()).status, 200);
  });

  test('HEAD is answered on sys/health alone, without a body', async () => {
    next = (request) => outcomeOf(request, { status: 473, reply: { status: 473, bare: { standby: true } } });
    const response = await get('/v1/sys/health', { method: 'HEAD' });
    assert.equal(response.status, 473);
    assert.equal(await response.text(), '');
    assert.equal((await get('/v1/a', { method: 'HEAD' })).status, 405);
  });
});

test('letters of more than one byte come back as they were written, beside those of one', async () => {
  const serving = await serveOn({});
  const client = await RawClient.to(serving);
  for (const path of ['plain', 'ä€', '\u{1f511}']) {
    await client.send(`GET /v1/${encodeURIComponent(path)} HTTP/1.1\r\nHost: x\r\n\r\n`);
    assert.equal(dataOf(await client.reply())['path'], path);
  }
  client.end();
  await serving.close();
});

test('what may have a body, and has none, is served at once, and the connection goes on', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-http-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const serving = await serveOn(
    {},
    {
      handle: async (request) => {
        await request.upload?.(join(folder, 'uploaded'));
        return outcomeOf(request, { reply: { status: 200, data: { path: request.path, body: request.body ?? null } } });
      },
    },
  );
  const client = await RawClient.to(serving);
  for (const [path, ...fields] of [
    ['none'],
    ['expected', 'Expect: 100-continue', 'Content-Length: 0'],
    ['empty', 'Content-Length: 0'],
    ['chunked', 'Transfer-Encoding: chunked'],
    ['sys/storage/raft/snapshot'],
  ] as const) {
    const end = path === 'chunked' ? '0\r\n\r\n' : '';
    await client.send(`${[`POST /v1/${path} HTTP/1.1`, 'Host: x', ...fields].join('\r\n')}\r\n\r\n${end}`);
    const reply = await client.reply();
    assert.deepEqual(dataOf(reply?.status === 100 ? await client.reply() : reply), { path, body: null });
  }
  assert.equal(readFileSync(join(folder, 'uploaded'), 'utf8'), '');
  client.end();
  await serving.close();
});

test('an upload that is refused, and has no body, leaves its connection to the next request', async () => {
  const serving = await serveOn({}, { handle: (request) => outcomeOf(request, { status: 403, errors: ['no'] }) });
  const client = await RawClient.to(serving);
  for (let n = 0; n < 2; n += 1) {
    await client.send('POST /v1/sys/storage/raft/snapshot HTTP/1.1\r\nHost: x\r\n\r\n');
    const reply = await client.reply();
    assert.equal(reply?.status, 403);
    assert.equal(reply.headers['connection'], 'keep-alive');
  }
  client.end();
  await serving.close();
});

test('a reply that is ready at once goes out in the order of the requests', async () => {
  const serving = await serveOn(
    {},
    {
      handle: (request) =>
        request.path === 'slow'
          ? new Promise((resolve) => setImmediate(() => resolve(outcomeOf(request, { mountType: 'slow' }))))
          : outcomeOf(request),
    },
  );
  const client = await RawClient.to(serving);
  await client.send('GET /v1/slow HTTP/1.1\r\nHost: x\r\n\r\nLIST /v1/fast HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.match((await client.reply())?.body ?? '', /"mount_type":"slow"/);
  assert.match((await client.reply())?.body ?? '', /"mount_type":"test"/);
  client.end();
  await serving.close();
});
