import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { wholeBody } from './whole-body.ts';

const tooLong = (): Error => new Error('too long');

/** The message that `answer` begins. */
async function answered(t: TestContext, answer: RequestListener): Promise<IncomingMessage> {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const sent = request({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, agent: false });
  sent.on('error', () => undefined);
  sent.end();
  const [message] = (await once(sent, 'response')) as [IncomingMessage];
  return message;
}

test('all of a body, in pieces or empty', async (t) => {
  const message = await answered(t, (_request, response) => {
    response.write('one ');
    setImmediate(() => response.end('two'));
  });
  assert.equal((await wholeBody(message, 7, tooLong)).toString(), 'one two');
  const empty = await answered(t, (_request, response) => response.end());
  assert.equal((await wholeBody(empty, 0, tooLong)).length, 0);
});

test('one byte too many ends it', async (t) => {
  const message = await answered(t, (_request, response) => response.end('12345678'));
  await assert.rejects(wholeBody(message, 7, tooLong), /too long/);
  assert.ok(message.destroyed);
});

test('a body that is cut is no body, neither later nor before it is asked for', async (t) => {
  const cut: RequestListener = (_request, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('half', () => response.destroy());
  };
  await assert.rejects(wholeBody(await answered(t, cut), 100, tooLong), { code: 'ECONNRESET' });
  const gone = await answered(t, cut);
  gone.on('error', () => undefined);
  gone.resume();
  await new Promise((resolve) => gone.once('close', resolve));
  await assert.rejects(wholeBody(gone, 100, tooLong), { code: 'ECONNRESET' });
});

test('what is destroyed before its end rejects, though nothing else is said of it', async (t) => {
  const message = await answered(t, (_request, response) => void response.writeHead(200).write('begun'));
  const body = wholeBody(message, 100, tooLong);
  message.destroy();
  await assert.rejects(body, { code: 'ECONNRESET' });
});
