/** Requests that mean harm or are broken: each gets its status or a closed connection, and the server goes on as before. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { promisify } from 'node:util';
import type { Serving } from '../../src/server/http.ts';
import type { Limits } from '../../src/server/listener.ts';
import { dataOf, portOf, RawClient, serveOn, type RawReply } from '../../src/server/server.testing.ts';

let serving: Serving;
/** Short where a test is about them: on a busy machine an ordinary client may take a while, too. */
let times: Partial<Limits> = {};
beforeEach(async () => {
  serving = await serveOn({ limits: { maxBody: 100_000, maxHeaderBytes: 8_192, maxHeaders: 50, ...times } });
});
/** After whatever a test did, an ordinary client is served on a new connection, with a body and without. */
afterEach(async () => {
  const [get, put] = await exchange('GET /v1/after HTTP/1.1\r\nHost: x\r\n\r\n', post('{"a":1}'));
  assert.equal(dataOf(get)['path'], 'after');
  assert.deepEqual(dataOf(put)['body'], { a: 1 });
  await serving.close();
});

const get = (target: string, ...fields: readonly string[]): string =>
  [`GET ${target} HTTP/1.1`, 'Host: x', ...fields, '', ''].join('\r\n');

const post = (body: string, ...fields: readonly string[]): string =>
  ['POST /v1/a HTTP/1.1', 'Host: x', `Content-Length: ${String(Buffer.byteLength(body))}`, ...fields, '', body].join(
    '\r\n',
  );

/** Sends all, then reads a reply for each; undefined once the connection ended. */
async function exchange(...messages: readonly string[]): Promise<readonly (RawReply | undefined)[]> {
  const client = await RawClient.to(serving);
  await client.send(...messages);
  const replies: (RawReply | undefined)[] = [];
  for (const _message of messages) replies.push(await client.reply());
  client.end();
  return replies;
}

async function statusOf(...pieces: readonly string[]): Promise<number | undefined> {
  const client = await RawClient.to(serving);
  await client.send(...pieces);
  const reply = await client.reply();
  client.end();
  if (reply !== undefined) assert.doesNotThrow(() => JSON.parse(reply.body), 'every refusal is JSON');
  return reply?.status;
}

describe('paths', () => {
  const cases: readonly (readonly [target: string, status: number])[] = [
    ['/v1/secret/../sys/raw', 400],
    ['/v1/secret/%2e%2e/sys/raw', 400],
    ['/v1/secret/%252e%252e/sys/raw', 200],
    ['/v1/secret%2fa', 400],
    ['/v1/secret//a', 400],
    ['/v1//secret', 400],
    ['/v1/secret/%00', 400],
    ['/v1/secret/%c0%ae%c0%ae/a', 400],
    ['/v1/secret\\a', 400],
    ['/v1/secret/\u00e9', 400],
    ['/v1/secret/a#b', 400],
    ['/v1/secret/a?list=perhaps', 400],
    ['/v1/secret/a?x=%ff', 400],
    ['/v1/secret/a?help=2', 400],
    ['/v2/secret/a', 404],
    ['/', 404],
    ['/v1', 404],
    ['/V1/secret/a', 404],
    ['/../v1/secret', 404],
    ['//v1/secret/a', 404],
    ['*', 404],
    ['http://other.example/v1/secret/a', 200],
    ['http://other.example/v1/secret/../a', 400],
    ['ftp://other.example/v1/a', 404],
    [`/v1/${'a/'.repeat(2_000)}a`, 200],
    [`/v1/${'a'.repeat(9_000)}`, 431],
  ];
  for (const [target, status] of cases) {
    test(`${target.slice(0, 40)} is ${String(status)}`, async () => {
      const client = await RawClient.to(serving);
      await client.send(Buffer.from(get(target), 'latin1'));
      assert.equal((await client.reply())?.status, status);
      client.end();
    });
  }
});

describe('headers', () => {
  const cases: readonly (readonly [name: string, message: string, status: number])[] = [
    ['no Host', 'GET /v1/a HTTP/1.1\r\n\r\n', 400],
    ['two Hosts', get('/v1/a', 'Host: y'), 400],
    ['two tokens', get('/v1/a', 'X-Vault-Token: a', 'X-Vault-Token: b'), 400],
    ['two tokens that differ', get('/v1/a', 'X-Vault-Token: a', 'Authorization: Bearer b'), 400],
    ['two tokens that agree', get('/v1/a', 'X-Vault-Token: a', 'Authorization: Bearer a'), 200],
    ['basic credentials', get('/v1/a', 'Authorization: Basic YTpi'), 200],
    ['a token without end', get('/v1/a', `X-Vault-Token: ${'a'.repeat(8_300)}`), 431],
    ['a namespace with dots', get('/v1/a', 'X-Vault-Namespace: a/../b'), 400],
    ['a namespace with an empty segment', get('/v1/a', 'X-Vault-Namespace: a//b'), 400],
    ['a wrap TTL that is none', get('/v1/a', 'X-Vault-Wrap-TTL: soon'), 400],
    ['a negative wrap TTL', get('/v1/a', 'X-Vault-Wrap-TTL: -1'), 400],
    ['too many', get('/v1/a', ...Array.from({ length: 60 }, (_, n) => `X-${String(n)}: 1`)), 431],
    ['too large', get('/v1/a', `X-Large: ${'x'.repeat(9_000)}`), 431],
    ['a NUL', get('/v1/a', 'X-A: \0'), 400],
    ['a bare CR', get('/v1/a', 'X-A: a\rb'), 400],
    ['a folded line', get('/v1/a', 'X-A: a', ' b'), 400],
    ['a blank before the colon', get('/v1/a', 'X-A : a'), 400],
    ['names of the prototype', get('/v1/a', '__proto__: a', 'constructor: b'), 200],
    ['HTTP/0.9', 'GET /v1/a\r\n\r\n', 400],
    ['HTTP/3.0', 'GET /v1/a HTTP/3.0\r\nHost: x\r\n\r\n', 400],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['an unknown expectation', get('/v1/a', 'Expect: wonders'), 417],
    ['nothing but line ends, then rubbish', '\r\n\r\n\r\n\u0001', 400],
  ];
  for (const [name, message, status] of cases) {
    test(`${name}: ${String(status)}`, async () => assert.equal(await statusOf(message), status));
  }
});

describe('methods', () => {
  for (const method of ['LINK', 'COPY', 'TRACE', 'OPTIONS', 'PROPFIND', 'QUERY', 'CONNECT']) {
    test(`${method}: 405`, async () => {
      const target = method === 'CONNECT' ? 'x:1' : '/v1/a';
      const [reply] = await exchange(get(target).replace('GET', method));
      assert.equal(reply?.status, 405);
    });
  }
  for (const method of ['FOO', 'get', 'GETS', 'LIST\t', '\u0000', 'A'.repeat(10_000)]) {
    test(`${JSON.stringify(method.slice(0, 8))}: 400`, async () => {
      assert.equal(await statusOf(get('/v1/a').replace('GET', method)), 400);
    });
  }
  test('PATCH without its content type: 415', async () => {
    assert.equal(await statusOf(post('{}').replace('POST', 'PATCH')), 415);
    assert.equal(
      await statusOf(post('{}', 'Content-Type: application/merge-patch+json; charset=utf-8').replace('POST', 'PATCH')),
      200,
    );
  });
});

describe('bodies', () => {
  const cases: readonly (readonly [name: string, body: string, status: number])[] = [
    ['none', '', 200],
    ['blank', ' \r\n', 200],
    ['a list', '[1]', 400],
    ['a string', '"x"', 400],
    ['null, as the Go client sends an empty one', 'null', 200],
    ['cut off', '{"a":', 400],
    ['something behind it', '{"a":1} x', 400],
    ['deep', `{"a":${'['.repeat(5_000)}`, 400],
    ['deep and whole', `{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}`, 400],
    ['a key twice', '{"a":1,"a":2}', 400],
    ['a key twice, spelt differently', '{"a":1,"\\u0061":2}', 400],
    ['a byte order mark', '\ufeff{}', 400],
    ['NaN', '{"a":NaN}', 400],
    ['a number without end', `{"a":${'9'.repeat(5_000)}}`, 400],
    ['a number that would come back as another', '{"a":12345678901234567890}', 400],
    ['a number that is none here', '{"a":[1e400]}', 400],
    ['a long text of digits', '{"a":"12345678901234567890","b":9007199254740991,"c":0.1234567890123456}', 200],
    ['many keys', `{${Array.from({ length: 11_000 }, (_, n) => `"${String(n)}":1`).join()}}`, 400],
    ['wrong types', '{"a":{"b":[{"c":null}]},"d":true}', 200],
    ['the prototype', '{"__proto__":{"x":1},"constructor":{"prototype":{}}}', 200],
  ];
  for (const [name, body, status] of cases) {
    test(`${name}: ${String(status)}`, async () => assert.equal(await statusOf(post(body)), status));
  }

  test('that are not UTF-8: 400', async () => {
    const client = await RawClient.to(serving);
    await client.send(
      'POST /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n',
      Buffer.from('{"a":"\xff"}', 'latin1'),
    );
    assert.equal((await client.reply())?.status, 400);
    client.end();
  });

  test('forms and opaque bytes are told from JSON as Vault does', async () => {
    const form = 'Content-Type: application/x-www-form-urlencoded';
    const [fields] = await exchange(post('a=1&b=x+y&b=%26', form));
    assert.deepEqual(dataOf(fields)['body'], { a: '1', b: ['x y', '&'] });
    const [curl] = await exchange(post(' {"a":1}', form));
    assert.deepEqual(dataOf(curl)['body'], { a: 1 });
    const [opaque] = await exchange(post('{"a', 'Content-Type: application/octet-stream'));
    assert.equal(dataOf(opaque)['raw'], '{"a');
    assert.equal(await statusOf(post('a=%ff', form)), 400);
    assert.equal(await statusOf(post('a=1', 'Content-Type: text/plain')), 400);
  });

  test('declared too large: 413 before they come, and the client sees it while it goes on sending', async () => {
    const client = await RawClient.to(serving);
    await client.send('POST /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n');
    assert.equal((await client.reply())?.status, 413);
    await client.send('x'.repeat(50_000));
    client.end();
    const whole = await RawClient.to(serving);
    await whole.send(post(`{"a":"${'x'.repeat(150_000)}"}`));
    assert.equal((await whole.reply())?.status, 413);
    await whole.closed();
  });

  test('declared too large beyond what a number holds', async () => {
    assert.equal(await statusOf('POST /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n'), 400);
  });

  test('that turn out too large: 413', async () => {
    const client = await RawClient.to(serving);
    const chunk = `${(10_000).toString(16)}\r\n${'x'.repeat(10_000)}\r\n`;
    await client.send('POST /v1/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n', chunk.repeat(11));
    assert.equal((await client.reply())?.status, 413);
    client.end();
  });

  test('with 100-continue are asked for only if they may come', async () => {
    const client = await RawClient.to(serving);
    await client.send('POST /v1/a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 7\r\n\r\n');
    assert.equal((await client.reply())?.status, 100);
    await client.send('{"a":1}');
    assert.deepEqual(dataOf(await client.reply())['body'], { a: 1 });
    await client.send('POST /v1/a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 200000\r\n\r\n');
    assert.equal((await client.reply())?.status, 413);
    await client.closed();
  });

  test('of a GET are read over, large ones end the connection', async () => {
    const body = 'LIST /v1/x HTTP/1.1\r\nHost: x\r\n\r\n';
    const [first, second] = await exchange(
      `${get('/v1/a', `Content-Length: ${String(body.length)}`)}${body}`,
      get('/v1/b'),
    );
    assert.equal(dataOf(first)['path'], 'a');
    assert.equal(dataOf(second)['path'], 'b');
    const client = await RawClient.to(serving);
    await client.send(get('/v1/a', 'Content-Length: 70000'));
    assert.equal((await client.reply())?.headers['connection'], 'close');
    await client.closed();
  });
});

describe('smuggling', () => {
  const inner = 'GET /v1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
  const cases: readonly (readonly [name: string, ...fields: string[]])[] = [
    ['length and chunks', 'Content-Length: 5', 'Transfer-Encoding: chunked'],
    ['chunks and length', 'Transfer-Encoding: chunked', 'Content-Length: 5'],
    ['two lengths', 'Content-Length: 5', 'Content-Length: 6'],
    ['a list of lengths', 'Content-Length: 5, 6'],
    ['a signed length', 'Content-Length: +5'],
    ['a negative length', 'Content-Length: -5'],
    ['a length in hexadecimal', 'Content-Length: 0x5'],
    ['a length with a blank', 'Content-Length: 5 0'],
    ['an unknown coding', 'Transfer-Encoding: xchunked'],
    ['chunked not last', 'Transfer-Encoding: chunked, identity'],
    ['chunked twice', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
    ['a coding behind a blank', 'Transfer-Encoding : chunked'],
    ['a coding behind a tab', 'Transfer-Encoding:\u000bchunked'],
  ];
  for (const method of ['POST', 'LIST']) {
    for (const [name, ...fields] of cases) {
      test(`${method} with ${name} reaches nobody twice`, async () => {
        const message = [`${method} /v1/a HTTP/1.1`, 'Host: x', ...fields, '', `0\r\n\r\n${inner}`].join('\r\n');
        const client = await RawClient.to(serving);
        await client.send(message);
        const first = await client.reply();
        assert.equal(first?.status, 400);
        assert.equal(await client.reply(), undefined, 'the connection ends with the refusal');
        client.end();
      });
    }
  }

  test('chunk sizes that are none: 400', async () => {
    for (const size of ['-1', '0x5', 'g', ' 5', '5 5', '5;\n', 'FFFFFFFFFFFFFFFFF', '5\n']) {
      const client = await RawClient.to(serving);
      await client.send(
        `POST /v1/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${size}\r\nhello\r\n0\r\n\r\n`,
      );
      assert.equal((await client.reply())?.status, 400, size);
      assert.equal(await client.reply(), undefined);
      client.end();
    }
  });

  test('a chunk that is longer than it says ends the connection', async () => {
    const client = await RawClient.to(serving);
    await client.send(`POST /v1/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}${inner}`);
    assert.equal((await client.reply())?.status, 400);
    assert.equal(await client.reply(), undefined);
    client.end();
  });
});

describe('slow clients', () => {
  before(() => {
    times = { headerTimeout: 300, readTimeout: 600 };
  });
  after(() => {
    times = {};
  });
  test('who never finish their headers are told 408 and cut off, with LIST as with GET', async () => {
    for (const start of [
      '',
      'G',
      'L',
      'LIS',
      'GET /v1/a HTTP/1.1\r\nHost: x\r\nX-A: ',
      'LIST /v1/a HTTP/1.1\r\nHost: x\r\nX-A: ',
    ]) {
      const client = await RawClient.to(serving);
      if (start !== '') await client.send(start);
      const reply = await client.reply();
      assert.ok(reply === undefined || reply.status === 408, start);
      await client.closed();
    }
  });

  test('who drip their headers are cut off all the same', async () => {
    const client = await RawClient.to(serving);
    await client.send('LIST /v1/a HTTP/1.1\r\nHost: x\r\nX-A: ');
    const drip = setInterval(() => client.socket.write('x'), 20);
    assert.equal((await client.reply())?.status, 408);
    await client.closed();
    clearInterval(drip);
  });

  test('who never finish their body are told 408 and cut off', async () => {
    const client = await RawClient.to(serving);
    await client.send('POST /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{');
    assert.equal((await client.reply())?.status, 408);
    await client.closed();
  });
});

test('clients who never read do not hold others up', async () => {
  const socket = connect(portOf(serving), '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.pause();
  const message = get(`/v1/${'a'.repeat(1_000)}`);
  for (let n = 0; n < 5_000; n++) socket.write(message);
  assert.equal(await statusOf(get('/v1/b')), 200);
  socket.destroy();
});

test('2,000 connections, idle or broken off, leave the server well', async () => {
  const sockets: Socket[] = [];
  for (let at = 0; at < 2_000; at += 100) {
    await Promise.all(
      Array.from({ length: 100 }, async (_, n) => {
        const socket = connect(portOf(serving), '127.0.0.1');
        socket.on('error', () => undefined);
        sockets.push(socket);
        await once(socket, 'connect');
        if (n % 4 === 1) socket.write('LI');
        if (n % 4 === 2) socket.write(get('/v1/a').slice(0, -2));
        if (n % 4 === 3) socket.resetAndDestroy();
      }),
    );
  }
  assert.equal(await statusOf(get('/v1/b')), 200);
  await Promise.all(
    sockets.map(async (socket) => {
      socket.end().resume();
      if (!socket.closed) await once(socket, 'close');
    }),
  );
});

test('500 refused requests on one connection, pipelined, are answered in order', async () => {
  const client = await RawClient.to(serving);
  const kinds = [get('/v1/a/../b'), get('/v1/ok'), post('{'), get('/v1/ok').replace('GET', 'LIST'), get('/v2')];
  const expected = [400, 200, 400, 200, 404];
  for (let n = 0; n < 100; n++) client.socket.write(kinds.join(''));
  for (let n = 0; n < 500; n++) assert.equal((await client.reply())?.status, expected[n % 5]);
  client.end();
});

test('curl as it is', async (t) => {
  const run = promisify(execFile);
  const url = `${serving.addresses[0] ?? ''}/v1/a`;
  const present = await run('curl', ['--version']).then(
    () => true,
    () => false,
  );
  if (!present) {
    t.skip('curl is not installed');
    return;
  }
  const list = await run('curl', ['-sS', '-X', 'LIST', url]);
  assert.equal(dataOf({ body: list.stdout })['verb'], 'list');
  const put = await run('curl', ['-sS', '-X', 'PUT', '-d', '{"a":"b"}', '-H', 'X-Vault-Token: t', url]);
  assert.deepEqual(dataOf({ body: put.stdout })['body'], { a: 'b' });
  const squashed = await run('curl', ['-sS', '--path-as-is', `${url}/../b`]);
  assert.match(squashed.stdout, /not canonical/);
});
