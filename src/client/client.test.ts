import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSocketServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ApiError } from './api-error.ts';
import { Client } from './client.ts';
import { ConnectionError } from './connection-error.ts';
import { ExactNumber } from './json.ts';
import { closed, cut, cutInBody, json, listen, misbehave, silent } from './misbehaving.testing.ts';
import type { ClientSettings } from './settings.ts';

const ok = json(200, { request_id: 'r', data: { a: '1' } });
/** No pause between tries. */
const eager = { random: () => 0 };

function client(address: string, settings: Partial<ClientSettings> = {}): Client & Disposable {
  const made = new Client({ address, token: 'hvs.test', ...settings }, eager);
  return Object.assign(made, { [Symbol.dispose]: () => made.close() });
}

async function failure(work: Promise<unknown>): Promise<ConnectionError> {
  const error = await work.then(
    () => assert.fail('must fail'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ConnectionError, String(error));
  return error;
}

test('sends the headers of the API and keeps the connection', async () => {
  await using server = await misbehave(ok);
  using it = client(server.address, { namespace: 'prod/eu', wrapTtl: '60s', headers: { 'x-extra': 'yes' } });
  assert.deepEqual((await it.read('secret/data/a b/ü?', { query: { version: '2' } }))?.data, { a: '1' });
  await it.list('secret/metadata');
  await it.write('secret/data/x', { data: { k: 'v' } });
  await it.patch('secret/data/x', { data: { k: null } });
  await it.delete('secret/data/x');
  const [read, list, write, patch] = server.seen;
  assert.ok(read !== undefined);
  assert.equal(read.url, '/v1/secret/data/a%20b/%C3%BC%3F?version=2');
  assert.equal(read.headers['x-vault-request'], 'true');
  assert.equal(read.headers['x-vault-token'], 'hvs.test');
  assert.equal(read.headers['x-vault-namespace'], 'prod/eu');
  assert.equal(read.headers['x-vault-wrap-ttl'], '60s');
  assert.equal(read.headers['x-extra'], 'yes');
  assert.deepEqual([list?.method, list?.url], ['GET', '/v1/secret/metadata?list=true']);
  assert.deepEqual([write?.method, write?.body], ['PUT', '{"data":{"k":"v"}}']);
  assert.equal(patch?.headers['content-type'], 'application/merge-patch+json');
  assert.deepEqual(new Set(server.seen.map(({ connection }) => connection)), new Set([0]));
});

test('refuses to set headers of the API by hand', () => {
  assert.throws(() => new Client({ address: 'http://a', headers: { 'X-Vault-Token': 'x' } }), /X-Vault-Token/);
});

test('speaks over a Unix socket', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'lockstep-')), 'api.sock');
  const server = createServer((_request, response) => response.end('{"data":{"via":"socket"}}'));
  await listen(server, { path });
  using it = client(`unix://${path}`);
  assert.deepEqual((await it.read('sys/health'))?.data, { via: 'socket' });
  await closed(server);
  const gone = await failure(it.with({}).read('sys/health'));
  assert.match(gone.message, /socket/);
});

test('absent is undefined, a deleted version still shows its metadata, a foreign 404 is an error', async () => {
  const metadata = { data: { data: null, metadata: { version: 3 } } };
  const page: typeof ok = (response) => response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>no</h1>');
  const unknown = json(404, { errors: ['no handler for route "a"'] });
  await using server = await misbehave(json(404, { errors: [] }), json(404, metadata), page, unknown, unknown);
  using it = client(server.address);
  assert.equal(await it.read('a'), undefined);
  assert.deepEqual((await it.read('a'))?.data, metadata.data);
  assert.equal((await failure(it.read('a'))).code, 'NOT_JSON');
  assert.equal(await it.read('a'), undefined);
  await assert.rejects(it.read('a', { reasons: true }), /no handler for route "a"/);
});

test('an error of the API carries status, errors and warnings', async () => {
  await using server = await misbehave(json(403, { errors: ['permission denied'], warnings: ['w'] }));
  using it = client(server.address);
  const error: unknown = await it.read('secret/a').catch((reason: unknown) => reason);
  assert.ok(error instanceof ApiError);
  assert.deepEqual([error.status, error.errors, error.warnings], [403, ['permission denied'], ['w']]);
  assert.equal(
    error.message,
    `Error making API request.\n\nURL: GET ${server.address}/v1/secret/a\nCode: 403. Errors:\n\n* permission denied`,
  );
  assert.equal(server.seen.length, 1, 'a refusal is not tried again');
});

test('reads are tried again after a cut, writes are not: their outcome is unknown', async () => {
  await using server = await misbehave(cut, cutInBody, ok);
  using it = client(server.address);
  assert.deepEqual((await it.read('a'))?.data, { a: '1' });
  assert.equal(server.seen.length, 3);
  await using other = await misbehave(cut, ok);
  using writer = client(other.address);
  const error = await failure(writer.write('a', { b: 'c' }));
  assert.deepEqual([error.code, error.sent, other.seen.length], ['ECONNRESET', true, 1]);
  assert.equal((await writer.write('a', { b: 'c' }, { replay: 'safe' }))?.request_id, 'r');
});

test('a node that lags (412) or is busy (429) did nothing, so writes are tried again too', async () => {
  await using server = await misbehave(json(412, { errors: ['behind'] }), json(429, {}, { 'retry-after': '0' }), ok);
  using it = client(server.address);
  await it.write('a', { b: 'c' });
  assert.equal(server.seen.length, 3);
});

test('server errors are tried again for reads, up to the limit', async () => {
  await using server = await misbehave(json(503, { errors: ['sealed'] }));
  using it = client(server.address, { maxRetries: 3 });
  await assert.rejects(it.read('a'), (error) => error instanceof ApiError && error.status === 503);
  assert.equal(server.seen.length, 4);
  await assert.rejects(it.write('a', {}), ApiError);
  assert.equal(server.seen.length, 5);
  await using absent = await misbehave(json(501, { errors: ['not initialised'] }));
  using reader = client(absent.address);
  await assert.rejects(reader.read('a'), ApiError);
  assert.equal(absent.seen.length, 1);
});

test('a refused connection is tried again, also for writes, then explained', async () => {
  const probe = createSocketServer();
  await new Promise<void>((resolve) => {
    probe.listen(0, '127.0.0.1', resolve);
  });
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => {
    probe.close(resolve);
  });
  let pauses = 0;
  const random = (): number => {
    pauses += 1;
    return 0;
  };
  const it = new Client({ address: `http://127.0.0.1:${port}` }, { random });
  const error = await failure(it.write('a', {}));
  assert.deepEqual([error.code, error.sent, pauses], ['ECONNREFUSED', false, 2]);
  assert.match(error.message, new RegExp(`^http://127\\.0\\.0\\.1:${port}: connection refused.*VAULT_ADDR`));
});

test('a silent server ends in a time-out, an aborted call in its reason', async () => {
  await using server = await misbehave(silent);
  using it = client(server.address, { timeoutMs: 50 });
  const error = await failure(it.read('a'));
  assert.deepEqual([error.code, error.message], ['TIMEOUT', `${server.address}: no answer within 50 ms`]);
  const controller = new AbortController();
  const call = it.read('a', { signal: controller.signal, timeoutMs: 60_000 });
  controller.abort(new Error('enough'));
  await assert.rejects(call, /enough/);
  await assert.rejects(it.read('a', { signal: controller.signal }), /enough/);
});

test('a longer answer than allowed is refused, whatever length it announced', async () => {
  const endless: typeof ok = (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(4096)));
    };
    response.on('drain', more);
    more();
  };
  await using server = await misbehave(endless);
  using it = client(server.address, { maxResponseBytes: 10_000 });
  assert.equal((await failure(it.read('a'))).code, 'TOO_LARGE');
  assert.equal(server.seen.length, 1);
});

test('an answer that is not JSON names the address and the type that came', async () => {
  const page: typeof ok = (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
  await using server = await misbehave(page, page);
  using it = client(server.address);
  for (const call of [it.read('a'), it.write('a', {})]) {
    const error = await failure(call);
    assert.equal(error.code, 'NOT_JSON');
    assert.match(error.message, /text\/html/);
  }
});

test('TLS asked of a plain server and the reverse say so', async () => {
  await using server = await misbehave(ok);
  using secure = client(server.address.replace('http:', 'https:'));
  assert.match((await failure(secure.read('a'))).message, /plain HTTP/);
  const tlsLike = createSocketServer((socket) => socket.resume().end(Buffer.from([0x15, 3, 3, 0, 2, 2, 0x46])));
  await new Promise<void>((resolve) => {
    tlsLike.listen(0, '127.0.0.1', resolve);
  });
  using plain = client(`http://127.0.0.1:${(tlsLike.address() as AddressInfo).port}`);
  assert.match((await failure(plain.read('a'))).message, /https:\/\//);
  await new Promise((resolve) => {
    tlsLike.close(resolve);
  });
});

test('addresses that are none are refused by name, without their password', () => {
  for (const address of ['', 'localhost', 'ftp://x', 'unix://relative', 'https://', 'http://u:hunter2@h']) {
    assert.throws(
      () => new Client({ address }),
      (error) => error instanceof ConnectionError && !error.message.includes('hunter2'),
      address,
    );
  }
});

test('a redirect of a standby is followed once, never from TLS to plain HTTP', async () => {
  await using active = await misbehave(ok);
  await using standby = await misbehave((response, seen) =>
    response.writeHead(307, { location: `${active.address}${seen.url}` }).end(),
  );
  using it = client(standby.address);
  await it.write('secret/a', { k: 'v' });
  assert.deepEqual([active.seen[0]?.body, active.seen[0]?.headers['x-vault-token']], ['{"k":"v"}', 'hvs.test']);
  using strict = client(standby.address, { disableRedirects: true });
  await assert.rejects(strict.write('secret/a', { k: 'v' }), /it redirects, and no redirect is to be followed/);
  assert.equal(active.seen.length, 1);
});

test('the newest index is remembered and, where asked, sent back', async () => {
  const at = (index: string) => json(200, { data: {} }, { 'x-vault-index': index });
  await using server = await misbehave(at('one'), at('two'), at('three'));
  using it = client(server.address, { readYourWrites: true });
  await it.write('a', {});
  assert.deepEqual(it.indexes, ['one']);
  await it.read('a');
  await it.with({ readYourWrites: false }).read('a');
  assert.deepEqual(
    server.seen.map(({ headers }) => headers['x-vault-index']),
    [undefined, 'one', undefined],
  );
  // The last call carried nothing, so its index may be older than the one known: both count.
  assert.deepEqual(it.indexes, ['two', 'three']);
  await it.read('a');
  assert.equal(server.seen[3]?.headers['x-vault-index'], 'two, three');
  assert.deepEqual(it.indexes, ['three']);
});

test('numbers keep all their digits', async () => {
  const text = '{"data":{"big":12345678901234567890,"small":1.5,"exponent":1e400,"text":"12345678901234567890"}}';
  await using server = await misbehave((response) => response.end(text));
  using it = client(server.address);
  const data = (await it.read('a'))?.data;
  assert.ok(data?.['big'] instanceof ExactNumber);
  assert.equal(JSON.stringify({ data }), text);
});
