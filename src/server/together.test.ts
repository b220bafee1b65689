import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Handler, Outcome, Request } from '../framework/request.ts';
import { nextTurn } from '../lib/next-turn.ts';
import type { Upgrade } from './endpoint.ts';
import { outcomeOf, RawClient, serveOn } from './server.testing.ts';
import { serveTogether } from './together.ts';

const get = (path: string): string => `GET /v1/${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const large = `PUT /v1/large HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n${'x'.repeat(2_000)}`;

test('what comes in a turn is served at its end, in its order, and what comes meanwhile in the next', async () => {
  const served: string[] = [];
  serveTogether(() => {
    served.push('first');
    serveTogether(() => served.push('third'));
  });
  serveTogether(() => served.push('second'));
  assert.deepEqual(served, []);
  await nextTurn();
  assert.deepEqual(served, ['first', 'second']);
  await nextTurn();
  assert.deepEqual(served, ['first', 'second', 'third']);
});

describe('requests that come in one packet', () => {
  test('are refused beyond the number that may be in work', async () => {
    const held = Promise.withResolvers<undefined>();
    const handle = (request: Request): Promise<Outcome> => held.promise.then(() => outcomeOf(request));
    const serving = await serveOn({ limits: { maxInFlight: 1 } }, { handle });
    const client = await RawClient.to(serving);
    await client.send(get('a') + get('b'));
    held.resolve(undefined);
    assert.deepEqual([(await client.reply())?.status, (await client.reply())?.status], [200, 429]);
    client.end();
    await serving.close();
  });

  test('are answered before the one that ends the connection, and not behind it', async () => {
    const done: string[] = [];
    const handler: Handler = {
      handle: (request) => {
        done.push(request.path);
        return outcomeOf(request);
      },
    };
    const serving = await serveOn({ limits: { maxBody: 1_000 } }, handler);
    const client = await RawClient.to(serving);
    await client.send(get('a') + large + get('b'));
    assert.deepEqual([(await client.reply())?.status, (await client.reply())?.status], [200, 413]);
    assert.equal(await client.reply(), undefined);
    assert.deepEqual(done, ['a']);
    await serving.close();
  });

  test('are answered before what asks for another protocol, which is refused by the end of the connection', async () => {
    const upgrade: Upgrade = (_request, socket) => socket.end('taken');
    const serving = await serveOn({}, undefined, { upgrade });
    for (const behind of [
      'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /v1/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    ]) {
      const client = await RawClient.to(serving);
      await client.send(get('a') + behind);
      assert.equal((await client.reply())?.status, 200);
      assert.equal(await client.reply(), undefined);
    }
    await serving.close();
  });

  test('are not done once their connection was told that it is no HTTP', async () => {
    const done: string[] = [];
    const handle = (request: Request): Outcome => {
      done.push(request.path);
      return outcomeOf(request);
    };
    const serving = await serveOn({}, { handle });
    const client = await RawClient.to(serving);
    await client.send('DELETE /v1/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n');
    assert.equal((await client.reply())?.status, 400);
    assert.equal(await client.reply(), undefined);
    assert.deepEqual(done, []);
    await serving.close();
  });

  test('are not done behind a reply that says that it is the last', async () => {
    const done: string[] = [];
    let closed: Promise<void> | undefined;
    const handler: Handler = {
      handle: (request) => {
        done.push(request.path);
        closed ??= serving.close();
        return outcomeOf(request);
      },
    };
    const serving = await serveOn({}, handler);
    const client = await RawClient.to(serving);
    await client.send(get('a') + get('b'));
    const reply = await client.reply();
    assert.deepEqual([reply?.status, reply?.headers['connection']], [200, 'close']);
    assert.equal(await client.reply(), undefined);
    assert.deepEqual(done, ['a']);
    await closed;
  });
});

test('what several connections sent in one turn is answered, also where serving the first of it closes the server', async () => {
  const done: string[] = [];
  let closed: Promise<void> | undefined;
  const handler: Handler = {
    handle: (request) => {
      done.push(request.path);
      closed ??= serving.close();
      return outcomeOf(request);
    },
  };
  const serving = await serveOn({}, handler);
  const clients = [await RawClient.to(serving), await RawClient.to(serving)];
  await Promise.all(clients.map((client, at) => client.send(get(String(at)))));
  for (const client of clients) {
    const reply = await client.reply();
    assert.deepEqual([reply?.status, reply?.headers['connection']], [200, 'close']);
    assert.equal(await client.reply(), undefined);
  }
  assert.deepEqual(done.toSorted(), ['0', '1']);
  await closed;
});
