/** Streams that end, lag, resume, or should never have begun. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeIndex } from '../../src/core/freshness.ts';
import { keys } from '../../src/core/keys.ts';
import { eventsServer, type EventsServer, type Frame } from '../support/events.ts';
import { ask } from '../support/node.ts';

const APP = 'path "secret/data/app/*" { capabilities = ["read", "subscribe"] }';
const paths = ['secret/data/app/*'];

const lastIndex = (frames: readonly Frame[]): string =>
  String(frames.findLast(({ kind }) => kind === 'event' || kind === 'mark')?.['index']);

/** Many changes in one batch, with long names, past the engine: what a burst of writers would make. */
async function burst({ node }: EventsServer, name: string, count: number): Promise<void> {
  const { store, mounts } = node.services;
  const uuid = mounts.at('root', 'secret/')?.record.uuid ?? '';
  await store.transact((tx) => {
    for (let n = 0; n < count; n += 1) {
      const path = `app/${name}-${String(n).padStart(5, '0')}-${'x'.repeat(900)}`;
      tx.put(`${keys.data('s', 'root', uuid)}metadata/${path}`, Buffer.from('{"currentVersion":1,"versions":{}}'));
    }
  });
}

test('a resumed stream has no gap and no repeat, while others write', async () => {
  await using server = await eventsServer();
  const total = 120;
  let index = await server.write('before', { n: 0 });
  const writing = (async () => {
    for (let n = 0; n < total; n += 1) await server.write(`app/${String(n)}`, { n });
  })();
  const seen: unknown[] = [];
  while (seen.length < total) {
    const subscriber = await server.subscribe({ paths, query: { index } });
    assert.equal(subscriber.frames[0]?.['resumed'], true);
    const wanted = Math.min(7, total - seen.length);
    while (subscriber.events.length < wanted) await subscriber.until(() => true, subscriber.frames.length);
    subscriber.socket.terminate();
    seen.push(...subscriber.events.map(({ path }) => path));
    index = lastIndex(subscriber.frames);
  }
  await writing;
  assert.deepEqual(
    seen,
    Array.from({ length: total }, (_, n) => `secret/data/app/${String(n)}`),
  );
});

test('a resume reads the log where memory has forgotten, and starts anew where the log has', async () => {
  await using server = await eventsServer({ settings: { subscriptions: { kept: 4 } } });
  const index = await server.write('app/0', { n: 0 });
  for (let n = 1; n <= 20; n += 1) await server.write(`app/${String(n)}`, { n });
  await server.write('app/5', { n: 'again' });
  const resumed = await server.subscribe({ paths, query: { index } });
  // Memory has four, so this one is read from the log or, being more than is kept, refused to.
  assert.equal(resumed.frames[0]?.['resumed'], false);
  const { store } = server.node.services;
  const near = await server.write('app/near', { n: 1 });
  for (const n of [1, 2]) await server.write(`app/near-${String(n)}`, { n });
  const short = await server.subscribe({ paths, query: { index: near } });
  assert.equal(short.frames[0]?.['resumed'], true);
  assert.deepEqual(
    short.events.map(({ path }) => path),
    ['secret/data/app/near-1', 'secret/data/app/near-2'],
  );
  for (let n = 0; n < 8; n += 1) await server.write(`app/more-${String(n)}`, { n });
  await store.compact(store.position);
  const anew = await server.subscribe({ paths, query: { index: near } });
  assert.equal(anew.frames[0]?.['resumed'], false);
  assert.equal(anew.events.length, 0);
});

test('a node that was sealed in between reads the log for a resume, each path once', async () => {
  const { openMemoryStore } = await import('../../src/storage/memory/open.ts');
  const store = openMemoryStore();
  await using server = await eventsServer({ store });
  const index = await server.write('app/a', { n: 1 });
  for (const n of [2, 3, 4]) await server.write('app/a', { n });
  await server.write('app/b', { n: 1 });
  await server.reopen();
  const resumed = await server.subscribe({ paths, query: { index } });
  assert.equal(resumed.frames[0]?.['resumed'], true);
  assert.deepEqual(
    resumed.events.map(({ path, version }) => [path, version]),
    [
      ['secret/data/app/a', 4],
      ['secret/data/app/b', 1],
    ],
  );
});

test('an index of another history, or of the future, starts anew', async () => {
  await using server = await eventsServer();
  const now = decodeIndex(await server.write('app/a', { n: 1 })) ?? {};
  const [log = ''] = Object.keys(now);
  const { encodeIndex } = await import('../../src/core/freshness.ts');
  const epoch = now[log]?.epoch ?? '';
  for (const index of [
    encodeIndex({ [log]: { epoch, sequence: 999_999 } }),
    encodeIndex({ [log]: { epoch, sequence: -1 } }),
    encodeIndex({ [log]: { epoch: '9.forged', sequence: 1 } }),
    encodeIndex({ other: { epoch, sequence: 1 } }),
    'rubbish',
  ]) {
    const subscriber = await server.subscribe({ paths, query: { index } });
    assert.equal(subscriber.frames[0]?.['resumed'], false);
  }
});

test('a mount that goes is told, and nobody resumes across it', async () => {
  await using server = await eventsServer();
  const index = await server.write('app/a', { n: 1 });
  const subscriber = await server.subscribe({ paths });
  await ask(server.node, 'DELETE', 'sys/mounts/secret', { token: server.root });
  const event = await subscriber.until(({ operation }) => operation === 'mount');
  assert.equal(event['path'], 'secret/*');
  const anew = await server.subscribe({ paths, query: { index } });
  assert.equal(anew.frames[0]?.['resumed'], false);
});

test('a token that is revoked ends its streams before the reply', async () => {
  await using server = await eventsServer();
  const token = await server.token('app', APP);
  const subscriber = await server.subscribe({ token, paths });
  const { subscriptions } = server.node.services;
  assert.equal(subscriptions.size, 1);
  const revoked = ask(server.node, 'POST', 'auth/token/revoke', { token: server.root, body: { token } }).then(
    () => subscriptions.size,
  );
  assert.equal(await revoked, 0);
  await server.write('app/after', { n: 1 });
  assert.deepEqual(await subscriber.ended(), { code: 1008, reason: 'revoked' });
  assert.equal(subscriber.events.length, 0);
  assert.equal(subscriber.frames.at(-1)?.['reason'], 'revoked');
});

test('a token that expires ends its streams', async () => {
  let now = Date.now();
  await using server = await eventsServer({ now: () => now });
  const made = await ask(server.node, 'POST', 'auth/token/create', { token: server.root, body: { ttl: '60s' } });
  const subscriber = await server.subscribe({ token: String(made.auth?.['client_token']), paths });
  now += 61_000;
  await server.write('app/after', { n: 1 });
  await server.node.tick();
  assert.equal((await subscriber.ended()).reason, 'revoked');
  assert.equal(subscriber.events.length, 0);
});

test('a policy that is narrowed drops paths at once, and ends a stream that has none left', async () => {
  await using server = await eventsServer();
  const token = await server.token('app', APP);
  const subscriber = await server.subscribe({ token, paths });
  const narrowed = 'path "secret/data/app/kept" { capabilities = ["read", "subscribe"] }';
  const body = (policy: string) => ({ token: server.root, body: { policy } });
  await ask(server.node, 'PUT', 'sys/policies/acl/app', body(narrowed));
  await server.write('app/dropped', { n: 1 });
  await server.write('app/kept', { n: 1 });
  await subscriber.until(({ kind }) => kind === 'event');
  assert.deepEqual(
    subscriber.events.map(({ path }) => path),
    ['secret/data/app/kept'],
  );
  await ask(
    server.node,
    'PUT',
    'sys/policies/acl/app',
    body('path "secret/data/app/kept" { capabilities = ["read"] }'),
  );
  await server.write('app/kept', { n: 2 });
  await subscriber.mark();
  assert.equal(subscriber.events.length, 1, 'reading alone is not enough');
  await ask(server.node, 'PUT', 'sys/policies/acl/app', body('path "other" { capabilities = ["read"] }'));
  assert.equal((await subscriber.ended()).reason, 'revoked');
});

test('history is told by the policies of today', async () => {
  await using server = await eventsServer();
  const index = await server.write('app/a', { n: 1 });
  await server.write('app/secret', { n: 1 });
  await server.write('app/open', { n: 1 });
  const token = await server.token('app', `${APP} path "secret/data/app/secret" { capabilities = ["deny"] }`);
  const subscriber = await server.subscribe({ token, paths, query: { index } });
  assert.deepEqual(
    subscriber.events.map(({ path }) => path),
    ['secret/data/app/open'],
  );
});

test('a reader that does not read is cut off with where to go on, and loses nothing', async () => {
  await using server = await eventsServer({ settings: { subscriptions: { stall: 100, kept: 200_000 } } });
  const { subscriptions } = server.node.services;
  const subscriber = await server.subscribe({ paths });
  subscriber.socket.pause();
  let bursts = 0;
  while (subscriptions.size > 0 && bursts < 60) {
    await burst(server, `b${String(bursts)}`, 1_000);
    bursts += 1;
    await new Promise((resolve) => setImmediate(resolve));
    if (bursts === 40) while (subscriptions.size > 0) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(subscriptions.size, 0, 'it was cut off');
  subscriber.socket.resume();
  await subscriber.ended();
  const closing = subscriber.frames.at(-1);
  assert.deepEqual([closing?.kind, closing?.['reason']], ['closing', 'slow']);
  const rest = await server.subscribe({ paths, query: { index: String(closing?.['resume']) } });
  assert.equal(rest.frames[0]?.['resumed'], true);
  const all = [...subscriber.events, ...rest.events].map(({ path }) => path);
  assert.equal(new Set(all).size, bursts * 1_000);
  assert.equal(all.length, bursts * 1_000, 'nothing twice');
});

test('frames that no client may send end the stream, and the server goes on', async (t) => {
  await using server = await eventsServer();
  const hostile: Readonly<Record<string, unknown>> = {
    'no JSON': '{',
    'another kind': { kind: 'hello' },
    'an acknowledgement of nobody': { kind: 'ack', index: 'x', nonce: 'y' },
    'an array': [],
    binary: Buffer.from([1, 2, 3]),
    deep: '['.repeat(100_000),
    'wrong types': { kind: 'ack', index: 1, nonce: {}, files: [] },
    empty: '',
  };
  for (const [name, frame] of Object.entries(hostile)) {
    await t.test(name, async () => {
      const subscriber = await server.subscribe({ paths });
      subscriber.send(frame);
      assert.deepEqual(await subscriber.ended(), { code: 1008, reason: 'invalid' });
    });
  }
  await t.test('too long', async () => {
    const subscriber = await server.subscribe({ paths });
    subscriber.send('x'.repeat(300_000));
    assert.equal((await subscriber.ended()).code, 1009);
  });
  await server.write('app/a', { n: 1 });
  while (server.node.services.subscriptions.size > 0) await new Promise((resolve) => setImmediate(resolve));
});

test('who may not subscribe is refused before the upgrade', async () => {
  await using server = await eventsServer({ settings: { subscriptions: { perToken: 1 } } });
  const token = await server.token('app', APP);
  const refused = (asking: Parameters<EventsServer['refused']>[0]) => server.refused({ token, paths, ...asking });
  assert.equal(await refused({ token: '' }), 403);
  assert.equal(await refused({ token: 'hvs.unknown' }), 403);
  assert.equal(await refused({ paths: ['secret/data/other'] }), 403);
  assert.equal(await refused({ paths: ['other/*'] }), 403);
  assert.equal(await refused({ paths: ['secret/data/*/db'] }), 400);
  assert.equal(await refused({ paths: ['secret/../x'] }), 400);
  assert.equal(await refused({ paths: [] }), 400);
  assert.equal(await refused({ paths: Array.from({ length: 257 }, (_, n) => `secret/data/app/${String(n)}`) }), 400);
  assert.equal(await refused({ query: { filter: 'x' } }), 400);
  assert.equal(await refused({ headers: { Origin: 'https://example.org' } }), 403);
  assert.equal(await refused({ vault: true, paths: [], query: { json: 'true' } }), 403);
  assert.equal(await server.refused({ vault: true }), 400);
  assert.equal(await refused({ query: { consumer: 'a', consumer_ttl: '0' } }), 400);
  const one = await server.subscribe({ token, paths });
  assert.equal(await refused({}), 429);
  one.socket.close();
  await server.node.seal();
  assert.equal(await refused({}), 503);
});

test('sealing and shutting down end the streams and say so', async () => {
  await using server = await eventsServer();
  const sealed = await server.subscribe({ paths });
  await server.node.seal();
  assert.deepEqual(await sealed.ended(), { code: 1001, reason: 'sealed' });
  const other = await eventsServer();
  const stopped = await other.subscribe({ paths });
  await other[Symbol.asyncDispose]();
  assert.deepEqual(await stopped.ended(), { code: 1001, reason: 'shutdown' });
});

test('1,000 subscribers are told of one write each, and all of them of a shared one', async () => {
  await using server = await eventsServer();
  const count = 1_000;
  const subscribers = await Promise.all(
    Array.from({ length: count }, (_, n) =>
      server.subscribe({ paths: [`secret/data/app/${String(n)}`, 'secret/data/shared'] }),
    ),
  );
  for (let n = 0; n < count; n += 50) await server.write(`app/${String(n)}`, { n });
  await server.write('shared', { n: 1 });
  await Promise.all(subscribers.map((each) => each.until(({ path }) => path === 'secret/data/shared')));
  for (const [n, { events }] of subscribers.entries()) assert.equal(events.length, n % 50 === 0 ? 2 : 1);
  for (const { socket } of subscribers) socket.terminate();
  await Promise.all(subscribers.map((each) => each.ended()));
});

/** A namespace with a KV mount, and a token of its own that may subscribe to it. */
async function teamOf({ node, root }: EventsServer) {
  const inside = { token: root, namespace: 'team' };
  await ask(node, 'POST', 'sys/namespaces/team', { token: root });
  await ask(node, 'POST', 'sys/mounts/secret', { ...inside, body: { type: 'kv-v2' } });
  const policy = 'path "secret/*" { capabilities = ["read", "subscribe"] }';
  await ask(node, 'PUT', 'sys/policies/acl/app', { ...inside, body: { policy } });
  const made = await ask(node, 'POST', 'auth/token/create', { ...inside, body: { policies: ['app'] } });
  return { inside, token: String(made.auth?.['client_token']), watched: ['team/secret/data/*'] };
}

test('streams of a namespace end with their token, their policy and their namespace', async () => {
  await using server = await eventsServer();
  const { node } = server;
  for (const [method, path, body] of [
    ['POST', 'auth/token/revoke', 'token'],
    ['DELETE', 'sys/policies/acl/app', 'nothing'],
  ] as const) {
    const { token, watched, inside } = await teamOf(server);
    const subscriber = await server.subscribe({ token, paths: watched });
    await ask(node, method, path, body === 'token' ? { ...inside, body: { token } } : inside);
    assert.equal(node.services.subscriptions.size, 0, path);
    assert.deepEqual(await subscriber.ended(), { code: 1008, reason: 'revoked' }, path);
  }
  const { token, watched } = await teamOf(server);
  const subscriber = await server.subscribe({ token, paths: watched });
  await ask(node, 'DELETE', 'sys/namespaces/team', { token: server.root });
  assert.equal(node.services.subscriptions.size, 0);
  assert.equal((await subscriber.ended()).reason, 'revoked');
});

test('a locked namespace is told of to nobody, also of what was before, and its own tokens subscribe to nothing', async () => {
  await using server = await eventsServer();
  const { node, root } = server;
  const { token, watched, inside } = await teamOf(server);
  const index = await server.write('app/a', { n: 1 });
  await ask(node, 'POST', 'secret/data/x', { ...inside, body: { data: { n: 1 } } });
  const own = await server.subscribe({ token, paths: watched });
  await ask(node, 'POST', 'sys/namespaces/api-lock/lock/team', { token: root });
  assert.equal(node.services.subscriptions.size, 0);
  assert.equal((await own.ended()).reason, 'revoked');
  assert.equal(await server.refused({ token, paths: watched, query: { index } }), 403);
  const above = await server.subscribe({ paths: ['secret/data/*', ...watched], query: { index } });
  await server.write('app/b', { n: 1 });
  await above.until((frame) => frame['path'] === 'secret/data/app/b');
  assert.deepEqual(
    above.events.map(({ path }) => path),
    ['secret/data/app/b'],
  );
});
