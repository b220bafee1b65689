import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import type { Incoming } from './body.ts';
import { dropBody, receive, sendFile } from './uploads.ts';

const MIB = 1024 * 1024;

/** So many MiB, as a request would bring them. */
function body(mebibytes: number, headers: Readonly<Record<string, string>> = {}) {
  let taken = 0;
  const stream = Readable.from(
    (function* () {
      for (; taken < mebibytes; taken += 1) yield Buffer.alloc(MIB, 1);
    })(),
  );
  const incoming = Object.assign(stream, { headers, socket: {}, setTimeout: () => incoming });
  return { incoming: incoming as unknown as Incoming, taken: () => taken };
}

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'lockstep-uploads-'));
  t.after(() => {
    rmSync(made, { recursive: true, force: true });
  });
  return made;
}

test('an upload stops where the disk has no more room, long before its end', async (t) => {
  const path = join(folder(t), 'a');
  const { incoming, taken } = body(1_000);
  let free = 30 * MIB;
  const room = (): Promise<number> => Promise.resolve((free -= 8 * MIB));
  await assert.rejects(receive(incoming, path, { quiet: 0, room }), /no room for the upload/);
  assert.ok(taken() < 64, String(taken()));
});

test('an upload that says that it is larger than the disk is refused before it is read', async (t) => {
  const { incoming, taken } = body(10, { 'content-length': String(10 * MIB) });
  const room = (): Promise<number> => Promise.resolve(9 * MIB);
  await assert.rejects(receive(incoming, join(folder(t), 'a'), { quiet: 0, room }), /no room for the upload/);
  assert.equal(taken(), 0);
});

test('an upload that there is room for is written as it came', async (t) => {
  const path = join(folder(t), 'a');
  await receive(body(20).incoming, path, { quiet: 0, room: () => Promise.resolve(100 * MIB) });
  assert.equal(readFileSync(path).equals(Buffer.alloc(20 * MIB, 1)), true);
});

test('the source of a stream that nobody takes is told to end', async () => {
  let ended = false;
  const source: AsyncIterableIterator<string> = {
    [Symbol.asyncIterator]: () => source,
    next: () => Promise.resolve({ done: false, value: '' }),
    return: () => {
      ended = true;
      return Promise.resolve({ done: true, value: undefined });
    },
  };
  await dropBody({ stream: source });
  assert.equal(ended, true);
});

test('a reader that takes nothing is cut off, and the file goes', async (t) => {
  const path = join(folder(t), 'a');
  writeFileSync(path, Buffer.alloc(64 * MIB, 1));
  const sending = new Promise<void>((resolve, reject) => {
    const server = createServer((_request, response) => {
      sendFile(path, response, 50).then(resolve, reject);
    }).listen(0, '127.0.0.1', () => {
      const address = server.address();
      const client = connect(typeof address === 'object' ? (address?.port ?? 0) : 0, '127.0.0.1');
      client.on('error', () => undefined).pause();
      client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      t.after(async () => {
        client.destroy();
        server.close();
        await once(server, 'close');
      });
    });
  });
  await assert.rejects(sending, { code: 'ERR_STREAM_PREMATURE_CLOSE' });
  assert.equal(existsSync(path), false);
});
