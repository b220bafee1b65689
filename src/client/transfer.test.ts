import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { test } from 'node:test';
import { ApiError } from './api-error.ts';
import { Client } from './client.ts';
import { ConnectionError } from './connection-error.ts';
import { cut, cutInBody, json, misbehave, type Answer } from './misbehaving.testing.ts';

const MIB = 1024 * 1024;

function client(address: string, timeoutMs = 60_000): Client & Disposable {
  const made = new Client({ address, token: 'hvs.test', timeoutMs });
  return Object.assign(made, { [Symbol.dispose]: () => made.close() });
}

/** Keeps what it was given; takes each piece a turn later. */
function slowSink(taken: (bytes: number) => void = () => undefined): { sink: () => Writable; text: () => string } {
  const pieces: Buffer[] = [];
  const sink = new Writable({
    highWaterMark: 1,
    write: (chunk: Buffer, _encoding, done) => {
      setImmediate(() => {
        pieces.push(chunk);
        taken(chunk.length);
        done();
      });
    },
  });
  return { sink: () => sink, text: () => Buffer.concat(pieces).toString('latin1') };
}

const large: Answer = (response) => {
  response.writeHead(200);
  response.end(Buffer.alloc(16 * MIB, 'a'));
};
const endless: Answer = (response) => {
  response.writeHead(200);
  response.write('begun');
};
const options = { contentType: 'application/gzip', length: 6 };

test('a download arrives whole and never runs far ahead of its sink', async () => {
  await using server = await misbehave(large);
  using it = client(server.address);
  let taken = 0;
  let ahead = 0;
  const { sink, text } = slowSink((bytes) => (taken += bytes));
  await it.download('sys/large', sink, { progress: (passed) => (ahead = Math.max(ahead, passed - taken)) });
  assert.equal(taken, 16 * MIB);
  assert.equal(text(), 'a'.repeat(16 * MIB));
  assert.ok(ahead < MIB, String(ahead));
  assert.equal(server.seen[0]?.headers['x-vault-token'], 'hvs.test');
});

test('a refusal is an error of the API, and no sink is made', async () => {
  await using server = await misbehave(json(403, { errors: ['permission denied'] }));
  using it = client(server.address);
  const sink = (): Writable => assert.fail('no sink may be made');
  await assert.rejects(it.download('sys/a', sink), (error) => error instanceof ApiError && error.status === 403);
  const content = (): Readable => Readable.from([Buffer.from('abcdef')]);
  await assert.rejects(it.upload('sys/a', content, options), { name: 'ApiError', errors: ['permission denied'] });
});

test('a connection that is cut or silent ends the download by name', async () => {
  await using server = await misbehave(cut, cutInBody, endless);
  using it = client(server.address, 50);
  for (const code of ['ECONNRESET', 'ECONNRESET', 'TIMEOUT']) {
    await assert.rejects(
      it.download('sys/a', slowSink().sink),
      (error) => error instanceof ConnectionError && error.code === code,
      code,
    );
  }
  assert.equal(server.seen.length, 3, 'nothing is asked twice');
});

test('an upload sends what it was given, with its length', async () => {
  await using server = await misbehave((response) => response.writeHead(204).end());
  using it = client(server.address);
  const passed: number[] = [];
  const content = (): Readable => Readable.from([Buffer.from('abc'), Buffer.from('def')]);
  const query = { keep: 'true' };
  await it.upload('sys/a', content, { ...options, query, progress: (bytes) => passed.push(bytes) });
  const [seen] = server.seen;
  assert.deepEqual([seen?.method, seen?.url, seen?.body], ['POST', '/v1/sys/a?keep=true', 'abcdef']);
  assert.deepEqual([seen?.headers['content-length'], seen?.headers['content-type']], ['6', 'application/gzip']);
  assert.deepEqual(passed, [3, 6]);
});

test('content that fails or stops ends the upload with its own error, or as silence', async () => {
  await using server = await misbehave((response) => response.writeHead(204).end());
  using it = client(server.address, 50);
  const broken = (): Readable =>
    new Readable({
      read() {
        this.destroy(new Error('the disk is gone'));
      },
    });
  await assert.rejects(it.upload('sys/a', broken, options), /the disk is gone/);
  const stuck = new Readable({ read: () => undefined });
  const closed = once(stuck, 'close');
  await assert.rejects(
    it.upload('sys/a', () => stuck, options),
    { code: 'TIMEOUT' },
  );
  await closed;
});
