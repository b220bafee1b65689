/** Clients that mean harm, on a node whose connections are other threads': none may end the process or hold what it left. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { threadedServer } from '../support/threaded-server.ts';

const opening = (host: string, token: string): string =>
  `GET /v1/sys/events/subscribe/*?path=secret/data/* HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\n` +
  'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
  `Sec-WebSocket-Protocol: lockstep.changes.v1\r\nX-Vault-Token: ${token}\r\n\r\n`;

async function opened(address: string): Promise<Socket> {
  const { hostname, port } = new URL(address);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

async function answerOf(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  await once(socket, 'close');
  return text;
}

test('subscribers that break off, send half and send garbage end nothing but their own connections', async (t) => {
  const { server, token, connections } = await threadedServer(t);
  const address = await server.address();
  const { host } = new URL(address);
  const head = opening(host, token);
  const frames = [
    Buffer.alloc(0),
    Buffer.from([0x81]),
    Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0x81, 0xff, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 1, 2, 3, 4]),
    Buffer.alloc(1_000_000, 0x89),
  ];
  for (const frame of frames) {
    for (const end of ['reset', 'destroy', 'half'] as const) {
      for (const waits of [false, true]) {
        await Promise.all(
          Array.from({ length: 8 }, async () => {
            const socket = await opened(address);
            socket.write(head);
            // An error is followed by the end, and `once` would reject for it.
            const closed = new Promise<void>((resolve) => {
              socket.once('close', () => {
                resolve();
              });
            });
            const answered = new Promise<void>((resolve) => {
              socket.once('data', () => {
                resolve();
              });
            });
            if (waits) await Promise.race([answered, closed]);
            socket.write(frame);
            if (end === 'reset') socket.resetAndDestroy();
            else if (end === 'destroy') socket.destroy();
            else socket.resume().end();
            await closed;
          }),
        );
      }
    }
  }
  const answers = await Promise.all(connections.map((each) => each.ask('GET', 'secret/data/a', { token })));
  assert.ok(answers.every(({ status }) => status === 200));
  assert.ok(server.running);
});

test('a subscriber that is refused gets the whole reply and the end of its connection, from every thread', async (t) => {
  const { server } = await threadedServer(t);
  const address = await server.address();
  const answers = await Promise.all(
    Array.from({ length: 24 }, async () => {
      const socket = await opened(address);
      socket.write(opening(new URL(address).host, 'hvs.nobody'));
      return answerOf(socket);
    }),
  );
  for (const text of answers) {
    assert.match(text, /^HTTP\/1.1 403 /);
    assert.match(text, /\{"errors":\[.*\]\}\n$/s);
  }
});

test('bodies of every kind, addresses and query are on record alike, whichever thread they came to', async (t) => {
  const { server, folder, token, connections } = await threadedServer(t);
  const kinds = ['application/octet-stream', 'application/x-www-form-urlencoded', 'application/json'];
  for (const kind of kinds) {
    const answers = await Promise.all(
      connections.map((connection) =>
        connection.ask('POST', 'secret/data/raw?x=1', {
          token,
          body: { data: { __proto__x: '\ud800' } },
          headers: { 'Content-Type': kind, 'X-Vault-Namespace': '' },
        }),
      ),
    );
    const told = answers.map(({ status, text }) => `${String(status)} ${status === 200 ? '' : text}`);
    assert.equal(new Set(told).size, 1, JSON.stringify([kind, ...new Set(told)]));
  }
  assert.ok(server.running);
  const shown = readFileSync(join(folder, 'audit.log'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; request: Record<string, unknown> })
    .filter(({ type, request }) => type === 'request' && request['path'] === 'secret/data/raw')
    .map(({ request: { id: _id, remote_port: _port, ...rest } }) => JSON.stringify(rest));
  assert.equal(shown.length, kinds.length * connections.length);
  assert.equal(new Set(shown).size, kinds.length);
});
