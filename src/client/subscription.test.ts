import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { WebSocketServer, type WebSocket } from 'ws';
import { ApiError } from './api-error.ts';
import { ConnectionError } from './connection-error.ts';
import { closed, listen } from './misbehaving.testing.ts';
import { Subscription, type SubscribeOptions } from './subscription.ts';

const welcome = { kind: 'welcome', nonce: 'n1', index: 'i1', resumed: true, heartbeat: 30 };
type Upgrade = (request: IncomingMessage, socket: Duplex, accept: () => Promise<WebSocket>) => void;

/** A real WebSocket server; `upgrade` decides what becomes of each request. */
async function serve(upgrade: Upgrade, at?: { path: string }): Promise<AsyncDisposable & { readonly address: string }> {
  const sockets = new WebSocketServer({ noServer: true });
  const server = createServer();
  server.on('upgrade', (request, socket, head) => {
    upgrade(request, socket, () => new Promise((resolve) => sockets.handleUpgrade(request, socket, head, resolve)));
  });
  await listen(server, at ?? { port: 0, host: '127.0.0.1' });
  const address = at === undefined ? `http://127.0.0.1:${(server.address() as AddressInfo).port}` : `unix://${at.path}`;
  return {
    address,
    [Symbol.asyncDispose]: async () => {
      for (const client of sockets.clients) client.terminate();
      await closed(server);
    },
  };
}

const sending =
  (...frames: readonly (object | string)[]): Upgrade =>
  (_request, _socket, accept) => {
    void accept().then((socket) => {
      for (const frame of frames) socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
      return socket;
    });
  };

function open(address: string, options: Partial<SubscribeOptions> = {}, signal?: AbortSignal): Promise<Subscription> {
  const settings = { address, token: 'hvs.test', namespace: 'prod/eu' };
  return Subscription.open(settings, { paths: ['secret/data/a'], ...options }, signal ?? new AbortController().signal);
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => assert.fail('must fail'),
    (error: unknown) => error,
  );
}

test('asks as the protocol wants it, with the token in a header', async () => {
  let seen: IncomingMessage | undefined;
  await using server = await serve((request, socket, accept) => {
    seen = request;
    sending(welcome)(request, socket, accept);
  });
  const stream = await open(server.address, { paths: ['secret/data/a b', 'kv/*'], index: 'i=1&', consumer: 'web-1' });
  assert.deepEqual(stream.welcome, { nonce: 'n1', index: 'i1', resumed: true, heartbeat: 30 });
  stream.close();
  const url = new URL(seen?.url ?? '', 'http://x');
  assert.equal(url.pathname, '/v1/sys/events/subscribe/*');
  assert.deepEqual(
    [...url.searchParams],
    [
      ...[
        ['path', 'secret/data/a b'],
        ['path', 'kv/*'],
      ],
      ...[
        ['index', 'i=1&'],
        ['consumer', 'web-1'],
      ],
    ],
  );
  assert.equal(seen?.headers['sec-websocket-protocol'], 'lockstep.changes.v1');
  assert.deepEqual([seen?.headers['x-vault-token'], seen?.headers['x-vault-namespace']], ['hvs.test', 'prod/eu']);
  assert.ok(!seen?.url?.includes('hvs.test'));
});

test('gives every frame once and in order, also those that came with the welcome; unknown ones are left out', async () => {
  const event = { kind: 'event', index: 'i2', path: 'secret/data/a', operation: 'write', version: 3 };
  const rest = [event, { kind: 'news' }, 'no JSON', '[1]', { kind: 'event', path: 'x' }, { kind: 'mark', index: 'i3' }];
  await using server = await serve(sending(welcome, ...rest, { kind: 'closing', reason: 'slow', resume: 'i3' }));
  const stream = await open(server.address);
  const taken = [];
  while (taken.length < 3) taken.push(...(await stream.take()));
  assert.deepEqual(taken, [event, { kind: 'mark', index: 'i3' }, { kind: 'closing', reason: 'slow', resume: 'i3' }]);
  stream.close();
  assert.deepEqual(await stream.take(), []);
});

test('sends acknowledgements with the nonce, and proofs that only this stream understands', async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  await using server = await serve((_request, _socket, accept) => {
    void accept().then((socket) => {
      socket.on('message', (data: Buffer) => {
        resolve(data.toString());
      });
      socket.send(JSON.stringify(welcome));
      return socket;
    });
  });
  const stream = await open(server.address);
  const digest = stream.digest('{"a":"1"}');
  // printf '{"a":"1"}' | openssl dgst -sha256 -hmac n1
  assert.equal(digest, '4663ac4a66dc6f085b6b06342c2b74e493fc756d4f370a0d6d67717d117381e6');
  stream.acknowledge('i1', { 'secret/data/a': { version: 3, digest } });
  assert.deepEqual(JSON.parse(await promise), {
    ...{ kind: 'ack', index: 'i1', nonce: 'n1' },
    files: { 'secret/data/a': { version: 3, digest } },
  });
  stream.close();
  stream.acknowledge('i1', {});
});

test('tells a refusal, a server that pushes otherwise, and no server apart', async () => {
  const refusing = await serve((_request, socket) => {
    const body = '{"errors":["permission denied"]}';
    socket.end(`HTTP/1.1 403 Forbidden\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  });
  const refused = await failure(open(refusing.address));
  assert.ok(refused instanceof ApiError && refused.status === 403);
  assert.deepEqual(refused.errors, ['permission denied']);
  assert.doesNotMatch(refused.message, /secret\/data/);
  await refusing[Symbol.asyncDispose]();

  const gone = await failure(open(refusing.address));
  assert.ok(gone instanceof ConnectionError && gone.code === 'ECONNREFUSED' && gone.transient);

  await using foreign = await serve((request, socket, accept) => {
    delete request.headers['sec-websocket-protocol'];
    sending({ specversion: '1.0' })(request, socket, accept);
  });
  const other = await failure(open(foreign.address));
  assert.ok(other instanceof ConnectionError && other.code === 'UNSUPPORTED', String(other));

  await using talking = await serve(sending({ kind: 'mark', index: 'i' }));
  const strange = await failure(open(talking.address));
  assert.ok(strange instanceof ConnectionError && strange.code === 'UNSUPPORTED');

  await using sealed = await serve(sending({ kind: 'closing', reason: 'sealed', resume: 'i' }));
  const closing = await failure(open(sealed.address));
  assert.ok(closing instanceof ConnectionError && /sealed/.test(closing.message) && closing.transient);

  await using cutting = await serve((_request, socket) => socket.destroy());
  const cut = await failure(open(cutting.address));
  assert.ok(cut instanceof ConnectionError && cut.transient, String(cut));
});

test('ends when the server does, when it is told to, and when nothing is heard for too long', async () => {
  await using server = await serve((_request, _socket, accept) => {
    void accept().then((socket) => {
      socket.send(JSON.stringify(welcome));
      socket.close();
      return socket;
    });
  });
  assert.deepEqual(await (await open(server.address)).take(), []);

  const abort = new AbortController();
  await using quiet = await serve(sending(welcome));
  const stream = await open(quiet.address, {}, abort.signal);
  const taking = stream.take();
  abort.abort();
  assert.deepEqual(await taking, []);
  await assert.rejects(open(quiet.address, {}, abort.signal), { name: 'AbortError' });

  // A half-open connection: the peer is there no more, and nothing says so.
  await using dead = await serve((request, socket, accept) => {
    sending({ ...welcome, heartbeat: 0.2 })(request, socket, accept);
  });
  const silent = await open(dead.address);
  assert.deepEqual(await silent.take(), []);
});

test('a frame beyond the bound ends the stream instead of filling memory', async () => {
  await using server = await serve(sending(welcome, { kind: 'event', index: 'i', path: 'x'.repeat(2 ** 21) }));
  assert.deepEqual(await (await open(server.address)).take(), []);
});

test('reads no further than it is asked for', async () => {
  const marks = Array.from({ length: 5_000 }, (_, n) => ({ kind: 'mark', index: `i${n}` }));
  await using server = await serve(sending(welcome, ...marks));
  const stream = await open(server.address);
  let count = 0;
  let most = 0;
  while (count < marks.length) {
    const frames = await stream.take();
    for (const frame of frames) assert.equal(frame.kind === 'mark' && frame.index, `i${count++}`);
    most = Math.max(most, frames.length);
  }
  assert.ok(most < 3_000, `${most} frames waited at once`);
  stream.close();
});

test('goes over a Unix socket', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'lockstep-')), 'api.sock');
  await using server = await serve(sending(welcome), { path });
  (await open(server.address)).close();
});
