import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Serving } from './http.ts';
import { dataOf, RawClient, serveOn } from './server.testing.ts';

const head = (line: string, ...fields: readonly string[]): string =>
  [`${line} HTTP/1.1`, 'Host: x', ...fields, '', ''].join('\r\n');

describe('LIST and SCAN over HTTP/1.1', () => {
  let serving: Serving;
  before(async () => {
    serving = await serveOn({});
  });
  after(() => serving.close());

  async function ask(...pieces: readonly string[]): Promise<readonly (string | number)[]> {
    const client = await RawClient.to(serving);
    const all = pieces.join('');
    const expected = [...all.matchAll(/ HTTP\/1\.1/g)].length;
    await client.send(...pieces);
    const answers: (string | number)[] = [];
    for (let count = 0; count < expected; count++) {
      const reply = await client.reply();
      if (reply === undefined) break;
      const { verb, method, path } = dataOf(reply);
      answers.push(reply.status === 200 ? `${String(verb)} ${String(method)} ${String(path)}` : reply.status);
    }
    client.end();
    return answers;
  }

  test('arrive as list and scan, alone and on a connection that mixes them', async () => {
    assert.deepEqual(
      await ask(
        head('LIST /v1/secret/a'),
        head('GET /v1/secret/b'),
        head('SCAN /v1/secret/c'),
        head('LIST /v1/secret/d'),
        head('LIST /v1/secret/e'),
      ),
      ['list LIST secret/a', 'read GET secret/b', 'scan SCAN secret/c', 'list LIST secret/d', 'list LIST secret/e'],
    );
  });

  for (const method of ['LIST', 'SCAN']) {
    const message = head(`${method} /v1/secret/a`);
    for (const at of [1, 2, 3, 4, 5, 12]) {
      test(`${method} cut after ${String(at)} bytes`, async () => {
        const answers = await ask(message.slice(0, at), message.slice(at));
        assert.deepEqual(answers, [`${method.toLowerCase()} ${method} secret/a`]);
      });
    }
    test(`${method} byte by byte, twice, then a GET`, async () => {
      const all = message + message + head('GET /v1/x');
      assert.deepEqual(await ask(...all), [
        `${method.toLowerCase()} ${method} secret/a`,
        `${method.toLowerCase()} ${method} secret/a`,
        'read GET x',
      ]);
    });
  }

  test('pipelined in one packet', async () => {
    const all = head('GET /v1/a') + head('LIST /v1/b') + head('LIST /v1/c') + head('GET /v1/d') + head('SCAN /v1/e');
    assert.deepEqual(await ask(all), ['read GET a', 'list LIST b', 'list LIST c', 'read GET d', 'scan SCAN e']);
  });

  test('pipelined behind a body in one packet', async () => {
    const all = `${head('POST /v1/a', 'Content-Length: 7')}{"a":1}${head('LIST /v1/b')}`;
    assert.deepEqual(await ask(all), ['update POST a', 'list LIST b']);
    const chunked = `${head('POST /v1/a', 'Transfer-Encoding: chunked')}7\r\n{"a":1}\r\n0\r\n\r\n${head('LIST /v1/b')}`;
    assert.deepEqual(await ask(chunked), ['update POST a', 'list LIST b']);
  });

  test('pipelined and cut inside the method', async () => {
    for (const at of [1, 2, 3, 4]) {
      const first = head('GET /v1/a');
      const second = head('LIST /v1/b');
      assert.deepEqual(await ask(first + second.slice(0, at), second.slice(at)), ['read GET a', 'list LIST b']);
    }
  });

  test('a body that looks like a message is a body, whole, cut anywhere, or chunked', async () => {
    const body = JSON.stringify({ a: 'LIST /v1/x HTTP/1.1\r\nLIST /' });
    const fields = head('POST /v1/p', `Content-Length: ${String(body.length)}`);
    for (const cut of [0, 6, 7, 8, 9, 10]) {
      const client = await RawClient.to(serving);
      await client.send(fields, body.slice(0, cut), body.slice(cut), head('LIST /v1/q'));
      assert.deepEqual(dataOf(await client.reply())['body'], JSON.parse(body));
      assert.equal(dataOf(await client.reply())['path'], 'q');
      client.end();
    }
    // What begins a packet is a chunk of the body, not a message.
    const client = await RawClient.to(serving);
    const text = 'LIST /v1/x HTTP/1.1';
    await client.send(head('POST /v1/p', 'Transfer-Encoding: chunked', 'Content-Type: application/octet-stream'));
    await client.send(`${text.length.toString(16)}\r\n`, text, '\r\n', '0\r\n\r\n', head('GET /v1/q'));
    assert.equal(dataOf(await client.reply())['raw'], text);
    assert.equal(dataOf(await client.reply())['method'], 'GET');
    client.end();
  });

  test('a header that looks like a method stays as it is', async () => {
    const client = await RawClient.to(serving);
    await client.send('GET /v1/a HTTP/1.1\r\nHost: x\r\nX-Vault-Namespace: ', 'LIST x\r\n', '\r\n');
    assert.equal(dataOf(await client.reply())['namespace'], 'LIST x');
    client.end();
  });

  test('a genuine LINK, and any other method of the parser, is 405', async () => {
    for (const method of ['LINK', 'UNLINK', 'COPY', 'MOVE', 'LOCK', 'BIND', 'TRACE', 'OPTIONS', 'PROPFIND']) {
      assert.deepEqual(await ask(head(`${method} /v1/a`)), [405], method);
    }
    assert.deepEqual(await ask(head('LIST /v1/a') + head('LINK /v1/b') + head('LIST /v1/c')), [
      'list LIST a',
      405,
      'list LIST c',
    ]);
  });

  test('messages behind a refused upgrade are read where they begin', async () => {
    const upgrade = ['Connection: Upgrade', 'Upgrade: h2c'];
    const body = JSON.stringify({ a: 'GET /v1/inside HTTP/1.0\r\n\r\n' });
    const post = head('POST /v1/p', ...upgrade, `Content-Length: ${String(body.length)}`) + body;
    const answers = ['read GET a', 'update POST p', 'list LIST b', 'read GET c'];
    const all = head('GET /v1/a', ...upgrade) + post + head('LIST /v1/b', ...upgrade) + head('GET /v1/c');
    assert.deepEqual(await ask(all), answers);
    const cut = all.indexOf('GET /v1/inside');
    assert.deepEqual(await ask(all.slice(0, cut), all.slice(cut)), answers);
    for (let at = 10; at < all.length; at += 7) assert.deepEqual(await ask(all.slice(0, at), all.slice(at)), answers);
  });

  test('a rewritten message that Node refuses by itself leaves no mark on the next one', async () => {
    assert.deepEqual(await ask(`LIST /v1/a HTTP/1.1\r\n\r\n${head('LINK /v1/b')}`), [400, 405]);
    const expecting = head('LIST /v1/a', 'Expect: wonders');
    assert.deepEqual(await ask(expecting, head('LINK /v1/b')), [417]);
  });

  test('what only resembles them is 400', async () => {
    for (const method of ['LISTS', 'LIS', 'SCANS', 'UNLIST', 'M-SCAN', 'OPTIONSCAN', 'list', 'LIST\t', 'XLIST', 'L']) {
      assert.deepEqual(await ask(head(`${method} /v1/a`)), [400], method);
      for (let at = 1; at < method.length; at++) {
        const message = head(`${method} /v1/a`);
        assert.deepEqual(await ask(message.slice(0, at), message.slice(at)), [400], `${method} cut at ${String(at)}`);
      }
    }
  });
});
