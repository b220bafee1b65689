/** A store's API server is whatever a tenant says: one that refuses, never ends or answers at length does no harm to others. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { issue } from '../../server/certificates.testing.ts';
import { ProviderProblem } from '../contract.ts';
import { givenCredentials } from '../credentials.testing.ts';
import { kubernetes } from './provider.ts';
import { ApiSession } from './session.ts';

const { signal } = new AbortController();

const problem =
  (kind: string, message: RegExp) =>
  (error: unknown): boolean =>
    error instanceof ProviderProblem && error.kind === kind && message.test(error.message);

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

async function apiServer(t: TestContext, answer: Answer) {
  const authority = await issue({ name: 'ca' });
  const own = await issue({ name: 'localhost', issuer: authority });
  const sockets: Socket[] = [];
  const server = createServer({ cert: own.certPem, key: own.keyPem }, answer);
  server.on('secureConnection', (socket) => sockets.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `https://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return { url, ca: authority.certPem, sockets };
}

/** As a tenant's store reaches it. */
function storeAt({ url, ca }: { readonly url: string; readonly ca: string }) {
  const config = { server: { url, caBundle: ca }, auth: { token: { bearerToken: { name: 'login', key: 'token' } } } };
  return kubernetes.connect(config, givenCredentials({ secrets: { login: { token: 't' } } }));
}

test('of an API server that refuses each credential, no more than one connection stays open', async (t) => {
  const server = await apiServer(t, (_request, response) => response.writeHead(401).end('{}'));
  const store = storeAt(server);
  for (let tries = 0; tries < 5; tries++)
    await assert.rejects(store.read({ key: 'db' }, signal), problem('denied', /401/));
  const others = server.sockets.slice(0, -1);
  await Promise.all(others.filter(({ destroyed }) => !destroyed).map((each) => once(each, 'close')));
  store.close();
});

test(
  'pages without end are given up, and so are more objects than one look may find',
  { timeout: 60_000 },
  async (t) => {
    const name = 'n'.repeat(20);
    const server = await apiServer(t, (_request, response) => {
      const items = Array.from({ length: 1_000 }, () => ({
        metadata: { name, annotations: { much: 'x'.repeat(1_000) } },
      }));
      response.end(JSON.stringify({ metadata: { continue: 'more' }, items }));
    });
    const store = storeAt(server);
    await assert.rejects(
      store.find?.({ name: '.' }, signal) ?? Promise.resolve(),
      problem('invalid', /more than 10000/),
    );
    store.close();
  },
);

test('an answer larger than any object is not read', async (t) => {
  const server = await apiServer(t, (_request, response) => response.end(' '.repeat(5 * 1024 * 1024)));
  const store = storeAt(server);
  await assert.rejects(store.read({ key: 'db' }, signal), problem('unreachable', /more than 4194304 bytes/));
  store.close();
});

test('what is no name of an object is not sent: it would be another path', async (t) => {
  const asked: string[] = [];
  const server = await apiServer(t, (request, response) => {
    asked.push(request.url ?? '');
    response.end('{}');
  });
  const store = storeAt(server);
  for (const key of ['', '.', '..', '../../kube-system/secrets/db', 'db%2f'])
    await assert.rejects(store.read({ key }, signal), problem('invalid', /is no name of an object/), key);
  await assert.rejects(
    store.remove?.({ key: '' }, signal) ?? Promise.resolve(),
    problem('invalid', /is no name of an object/),
  );
  assert.deepEqual(asked, []);
  store.close();
});

test('other authorities than before are taken after a while', async (t) => {
  const server = await apiServer(t, (_request, response) => response.end('{"kind":"Status"}'));
  const stranger = await issue({ name: 'stranger' });
  let [now, ca] = [0, stranger.certPem];
  const open = async () => ({
    ...{ name: 'store', server: server.url, ca, serverName: undefined, impersonate: {} },
    credential: async () => Promise.resolve({}),
  });
  const session = new ApiSession({ open, renew: () => undefined }, () => now);
  const asking = { method: 'GET', path: '/api', signal } as const;
  await assert.rejects(session.ask('look', asking), problem('unreachable', /cannot be reached/));
  ca = server.ca;
  now += 300_000;
  assert.deepEqual(await session.ask('look', asking), { kind: 'Status' });
  session.close();
});
