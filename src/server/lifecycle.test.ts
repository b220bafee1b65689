import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { Handler, Request } from '../framework/request.ts';
import { CertificateDirectory, issue } from './certificates.testing.ts';
import { limitsOf, type TlsSettings } from './listener.ts';
import { Gate, get, outcomeOf, portOf, quiet, RawClient, serveOn } from './server.testing.ts';

const { NGHTTP2_CANCEL } = constants;

const aborted = async (request: Request | undefined): Promise<unknown> => {
  assert.ok(request !== undefined);
  const signal = request.signal();
  if (!signal.aborted) await once(signal, 'abort');
  return signal.reason;
};

describe('closing', () => {
  test('ends idle connections, lets what is in work end, and takes no new connection', async () => {
    const gate = new Gate();
    const serving = await serveOn({}, gate);
    const idle = await RawClient.to(serving);
    await idle.send(get('a'));
    await idle.reply();
    const busy = await RawClient.to(serving);
    await busy.send(get('held'));
    await gate.holds(1);
    const closed = serving.close();
    await idle.closed();
    const late = connect(portOf(serving), '127.0.0.1');
    await assert.rejects(once(late, 'connect'), { code: 'ECONNREFUSED' });
    gate.letGo();
    const reply = await busy.reply();
    assert.equal(reply?.status, 200);
    assert.equal(reply.headers['connection'], 'close');
    await busy.closed();
    await closed;
    await serving.close();
  });

  test('is bounded: what does not end is cut off', async () => {
    const gate = new Gate();
    const serving = await serveOn({}, gate, { grace: 50 });
    const client = await RawClient.to(serving);
    await client.send(get('held'));
    await gate.holds(1);
    await serving.close();
    assert.equal(await client.reply(), undefined);
    assert.match(String(await aborted(gate.requests[0])), /closed the connection/);
    gate.letGo();
  });
});

describe('a request', () => {
  test('that takes too long is told so, and its signal aborts', async () => {
    const gate = new Gate();
    const serving = await serveOn({ limits: { maxDuration: 30 } }, gate);
    const client = await RawClient.to(serving);
    await client.send(get('held'));
    const reply = await client.reply();
    assert.equal(reply?.status, 503);
    assert.equal(reply.headers['retry-after'], '1');
    assert.deepEqual(JSON.parse(reply.body), { errors: ['the request took too long'] });
    assert.match(String(await aborted(gate.requests[0])), /took too long/);
    gate.letGo();
    await client.send(get('a'));
    assert.equal((await client.reply())?.status, 200, 'the late outcome is dropped, the connection goes on');
    client.end();
    await serving.close();
  });

  test('whose client goes away is aborted', async () => {
    const gate = new Gate();
    const serving = await serveOn({}, gate);
    const client = await RawClient.to(serving);
    await client.send(get('held'));
    await gate.holds(1);
    const reason = aborted(gate.requests[0]);
    client.end();
    assert.match(String(await reason), /closed the connection/);
    gate.letGo();
    await serving.close();
  });

  test('beyond the number in work is 429, and health is answered all the same', async () => {
    const gate = new Gate();
    const serving = await serveOn({ limits: { maxInFlight: 2 } }, gate);
    const clients = await Promise.all([RawClient.to(serving), RawClient.to(serving)]);
    for (const client of clients) await client.send(get('held'));
    await gate.holds(2);
    const third = await RawClient.to(serving);
    await third.send(get('a') + get('sys/health'));
    const refused = await third.reply();
    assert.equal(refused?.status, 429);
    assert.equal(refused.headers['retry-after'], '1');
    assert.equal((await third.reply())?.status, 200);
    gate.letGo();
    for (const client of clients) assert.equal((await client.reply())?.status, 200);
    await third.send(get('a'));
    assert.equal((await third.reply())?.status, 200);
    for (const client of [...clients, third]) client.end();
    await serving.close();
  });

  test('behind which rubbish comes is answered first', async () => {
    const gate = new Gate();
    const serving = await serveOn({}, gate);
    const client = await RawClient.to(serving);
    await client.send(`${get('held')}RUBBISH\r\n\r\n`);
    await gate.holds(1);
    gate.letGo();
    assert.equal((await client.reply())?.status, 200);
    assert.equal(await client.reply(), undefined);
    await serving.close();
  });
});

test('connections beyond the limit are dropped, and room is made by those that end', async () => {
  const warnings: string[] = [];
  const log = { ...quiet, warn: (message: string) => warnings.push(message) };
  const serving = await serveOn({ limits: { maxConnections: 2 } }, undefined, { log });
  const first = await RawClient.to(serving);
  const second = await RawClient.to(serving);
  const third = await RawClient.to(serving);
  await third.closed();
  await (await RawClient.to(serving)).closed();
  assert.deepEqual(warnings, ['connections are refused: the listener has as many as it may']);
  await first.send(get('a'));
  assert.equal((await first.reply())?.status, 200);
  first.end();
  second.end();
  for (;;) {
    const next = await RawClient.to(serving);
    await next.send(get('a'));
    const reply = await next.reply();
    next.end();
    if (reply?.status === 200) break;
  }
  await serving.close();
});

test('limits that are infinite, or longer than timers hold, are none', async () => {
  const limits = {
    headerTimeout: Infinity,
    readTimeout: Infinity,
    idleTimeout: Infinity,
    maxDuration: Infinity,
    maxBody: Infinity,
    maxJsonMemory: Infinity,
  };
  const { headerTimeout, readTimeout, idleTimeout, maxDuration, maxBody } = limitsOf({
    kind: 'unix',
    path: '',
    limits,
  });
  assert.deepEqual(
    { headerTimeout, readTimeout, idleTimeout, maxDuration },
    { headerTimeout: 0, readTimeout: 0, idleTimeout: 0, maxDuration: 0 },
  );
  assert.ok(maxBody < 2 ** 29);
  assert.ok(limitsOf({ kind: 'unix', path: '', limits: { maxDuration: 1e12 } }).maxDuration < 2 ** 31);
  for (const some of [limits, { ...limits, headerTimeout: 1e12, readTimeout: 1e12, maxDuration: 1e12 }]) {
    const gate = new Gate();
    const serving = await serveOn({ limits: some }, gate);
    const client = await RawClient.to(serving);
    await client.send('POST /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n{"a":1}');
    assert.equal((await client.reply())?.status, 200);
    await client.send(get('held'));
    await gate.holds(1);
    gate.letGo();
    assert.equal((await client.reply())?.status, 200);
    client.end();
    await serving.close();
  }
});

describe('upgrades', () => {
  const upgrade = ['Connection: Upgrade', 'Upgrade: websocket'];

  test('of WebSockets go to who serves them; h2c is an ordinary request', async () => {
    const serving = await serveOn({}, undefined, {
      upgrade: (_request, socket, head, { path }) => socket.end(`taken ${path} ${String(head.length)}\r\n\r\n`),
    });
    const client = await RawClient.to(serving);
    let text = '';
    client.socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await client.send(get('sys/events/subscribe/kv', ...upgrade));
    await client.closed();
    assert.equal(text, 'taken sys/events/subscribe/kv 0\r\n\r\n');
    const plain = await RawClient.to(serving);
    await plain.send(get('a', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'));
    assert.equal((await plain.reply())?.status, 200);
    plain.end();
    for (const [method, status] of [
      ['LIST', 200],
      ['POST', 200],
      ['LINK', 405],
    ] as const) {
      const other = await RawClient.to(serving);
      await other.send(get('a', ...upgrade).replace('GET', method));
      assert.equal((await other.reply())?.status, status, `${method} is no upgrade`);
      other.end();
    }
    const crooked = await RawClient.to(serving);
    await crooked.send(get('sys/../a', ...upgrade));
    assert.equal((await crooked.reply())?.status, 400);
    const behind = await RawClient.to(serving);
    await behind.send(get('a').replace('GET', 'LIST') + get('b', ...upgrade));
    assert.notEqual((await behind.reply())?.status, 101);
    await behind.closed();
    await serving.close();
  });

  test('without one who serves them are ordinary requests', async () => {
    const serving = await serveOn({});
    const client = await RawClient.to(serving);
    await client.send(get('a', ...upgrade) + get('b'));
    assert.equal((await client.reply())?.status, 200);
    assert.equal((await client.reply())?.status, 200);
    await client.send('CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.equal((await client.reply())?.status, 405);
    await client.closed();
    await serving.close();
  });
});

describe('over HTTP/2', () => {
  let directory: CertificateDirectory;
  let tls: TlsSettings;
  let ca: string;
  before(async () => {
    directory = await CertificateDirectory.make();
    const authority = await issue({ name: 'authority' });
    const issued = await issue({ name: 'server', issuer: authority });
    ca = authority.certPem;
    await directory.write({ 'a.crt': issued.certPem, 'a.key': issued.keyPem });
    tls = { certFile: directory.file('a.crt'), keyFile: directory.file('a.key') };
  });
  after(() => directory[Symbol.asyncDispose]());

  test('closing says so, lets streams end, and cuts off what does not', async () => {
    for (const letsGo of [true, false]) {
      const gate = new Gate();
      const serving = await serveOn({ tls }, gate, { grace: letsGo ? 5_000 : 50 });
      const session = connectHttp2(serving.addresses[0] ?? '', { ca });
      session.on('error', () => undefined);
      const stream = session.request({ ':path': '/v1/held' });
      stream.on('error', () => undefined);
      const status = new Promise<unknown>((resolve) => {
        stream.once('response', (headers) => {
          resolve(headers[':status']);
        });
        stream.once('close', () => {
          resolve(undefined);
        });
      });
      await gate.holds(1);
      const goodbye = once(session, 'goaway');
      const closed = serving.close();
      await goodbye;
      if (letsGo) gate.letGo();
      stream.resume();
      assert.equal(await status, letsGo ? 200 : undefined);
      await closed;
      gate.letGo();
      session.destroy();
    }
  });

  test('who is to come anew is told at once, and what is in work is answered', async () => {
    const gate = new Gate();
    const serving = await serveOn({ tls }, gate);
    const session = connectHttp2(serving.addresses[0] ?? '', { ca });
    const stream = session.request({ ':path': '/v1/held' });
    await gate.holds(1);
    const goodbye = once(session, 'goaway');
    serving.renew();
    await goodbye;
    const response = once(stream, 'response') as Promise<[Record<string, unknown>]>;
    gate.letGo();
    const [headers] = await response;
    assert.equal(headers[':status'], 200);
    const ended = once(session, 'close');
    stream.resume();
    await ended;
    const next = connectHttp2(serving.addresses[0] ?? '', { ca });
    const [again] = (await once(next.request({ ':path': '/v1/a' }), 'response')) as [Record<string, unknown>];
    assert.equal(again[':status'], 200);
    next.destroy();
    await serving.close();
  });

  test('a request that is refused unread has its answer before its body, and the connection goes on', async () => {
    const handler: Handler = {
      handle: (request) => outcomeOf(request),
      refusedUnread: (request) => (request.path === 'refused' ? outcomeOf(request, { status: 429 }) : undefined),
    };
    const serving = await serveOn({ tls, limits: { readTimeout: 5_000, headerTimeout: 10_000 } }, handler);
    const session = connectHttp2(serving.addresses[0] ?? '', { ca });
    const put = async (path: string, headers: Readonly<Record<string, string>>, sent: string | Buffer) => {
      const stream = session.request({ ':method': 'PUT', ':path': `/v1/${path}`, ...headers });
      stream.write(sent);
      if (path !== 'refused') stream.end();
      const [answer] = (await once(stream, 'response')) as [Record<string, unknown>];
      await once(stream.resume(), 'close');
      return answer[':status'];
    };
    // More in all than the window of a connection: what nobody reads must not use it up.
    for (let at = 0; at < 8; at += 1) {
      assert.equal(await put('refused', { 'content-length': '1000000' }, Buffer.alloc(60_000)), 429);
      assert.equal(await put('refused', {}, '{'), 429, 'it does not say how much there is');
    }
    assert.equal(await put('a', {}, '{"a":1}'), 200);
    session.destroy();
    await serving.close();
  });

  test('a request whose stream is reset is aborted', async () => {
    const gate = new Gate();
    const serving = await serveOn({ tls }, gate);
    const session = connectHttp2(serving.addresses[0] ?? '', { ca });
    const stream = session.request({ ':path': '/v1/held' });
    await gate.holds(1);
    const reason = aborted(gate.requests[0]);
    stream.close(NGHTTP2_CANCEL);
    assert.match(String(await reason), /closed the connection/);
    gate.letGo();
    session.destroy();
    await serving.close();
  });

  test('a body that does not come is 408', async () => {
    const serving = await serveOn({ tls, limits: { readTimeout: 50, headerTimeout: 5_000 } });
    const session = connectHttp2(serving.addresses[0] ?? '', { ca });
    const stream = session.request({ ':method': 'POST', ':path': '/v1/a' });
    stream.write('{');
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    assert.equal(headers[':status'], 408);
    session.destroy();
    await serving.close();
  });
});

test('what is sent behind a request that is refused with its body unread is not done', async () => {
  const done: string[] = [];
  const handler: Handler = {
    handle: (request) => {
      done.push(request.path);
      return outcomeOf(request);
    },
    refusedUnread: (request) => (request.path === 'refused' ? outcomeOf(request, { status: 429 }) : undefined),
  };
  const serving = await serveOn({ limits: { maxBody: 1_000 } }, handler);
  const put = (path: string, header: string, body: string): string =>
    `PUT /v1/${path} HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\n${body}`;
  const behind = put('behind', 'Content-Length: 2', '{}');
  const refused: readonly (readonly [number, string])[] = [
    [429, put('refused', 'Transfer-Encoding: chunked', '2\r\n{}\r\n0\r\n\r\n')],
    [429, put('refused', 'Content-Length: 70000', 'x'.repeat(70_000))],
    [413, put('large', 'Content-Length: 2000', 'x'.repeat(2_000))],
  ];
  try {
    for (const [status, first] of refused) {
      const client = await RawClient.to(serving);
      await client.send(first + behind);
      const reply = await client.reply();
      assert.deepEqual([reply?.status, reply?.headers['connection']], [status, 'close']);
      assert.equal(await client.reply(), undefined);
      assert.deepEqual(done, []);
    }
  } finally {
    await serving.close();
  }
});
