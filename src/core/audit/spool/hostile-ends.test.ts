/** Other sides of remote devices that answer what no log server answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { streamEnd } from '../../../../test/support/audit-ends.ts';
import { entry, open } from './spool.testing.ts';

const uriOf = (port: number): string => `http://127.0.0.1:${String(port)}/`;

test('an answer that is none is a failure, and never holds up the end of the device', async () => {
  const answers = [
    'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 204 No Content\r\nContent-Length: 12\r\nX: \0\r\n\r\n',
    `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(20_000)}`,
    'SSH-2.0-OpenSSH_9.9\r\n',
    '',
  ];
  for (const answer of answers) {
    await using end = await streamEnd({
      serve: (socket) => socket.once('data', () => (answer === '' ? socket.resetAndDestroy() : socket.write(answer))),
    });
    const device = await open('http', { uri: uriOf(end.port), write_timeout: '200ms' });
    await device.record(entry(1));
    await assert.rejects(Promise.resolve(device.delivered?.()), /ended|cannot be reached|answers|answer/, answer);
    await device[Symbol.asyncDispose]();
  }
});

test('an answer whose body or head never ends does not keep later entries from being delivered', async () => {
  const received: string[] = [];
  const body = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
  await using end = await streamEnd({
    serve: (socket) => {
      socket.on('data', (piece) => {
        const text = String(piece);
        const found = /\{"n":\d+\}/.exec(text);
        if (found === null) return;
        received.push(found[0]);
        socket.write(body);
        // Says something just often enough to look alive.
        const drip = setInterval(() => socket.write('1\r\nx\r\n'), 20);
        socket.once('close', () => {
          clearInterval(drip);
        });
      });
    },
  });
  await using device = await open('http', { uri: uriOf(end.port), write_timeout: '200ms' });
  await device.record(entry(1));
  await device.record(entry(2));
  await device.delivered?.();
  assert.deepEqual(received, ['{"n":1}', '{"n":2}']);
});

test('a head that comes byte by byte is no answer', async () => {
  await using end = await streamEnd({
    serve: (socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nX: ');
        const drip = setInterval(() => socket.write('x'), 20);
        socket.once('close', () => {
          clearInterval(drip);
        });
      });
    },
  });
  await using device = await open('http', { uri: uriOf(end.port), write_timeout: '200ms' });
  await device.record(entry(1));
  await assert.rejects(Promise.resolve(device.delivered?.()), /does not answer/);
});
