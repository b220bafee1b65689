import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contentDigest } from '../../src/lib/crypto/content-digest.ts';
import { eventsServer, serveEvents, type EventsServer, type Frame, type Subscriber } from '../support/events.ts';
import { testHub, testRegion, type TestHub } from '../support/cluster.ts';
import { ask } from '../support/node.ts';

const paths = ['secret/data/app/*'];

const nonceOf = (subscriber: Subscriber): string => String(subscriber.frames[0]?.['nonce']);

function ack(subscriber: Subscriber, mark: Frame, files: Readonly<Record<string, unknown>> = {}): void {
  subscriber.send({ kind: 'ack', index: mark['index'], nonce: nonceOf(subscriber), files });
}

const state = async (server: EventsServer, id: string) => {
  const { reply } = await ask(server.node, 'GET', `sys/consumers/${id}`, { token: server.root });
  return reply?.data ?? {};
};

/** Resolves once the condition holds; the loop turns in between. */
async function eventually(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
}

const acknowledged = (server: EventsServer, id: string, index: unknown) =>
  eventually(async () => (await state(server, id))['acknowledged_index'] === index);

test('a consumer is registered, acknowledges what was sent with proofs, and stays registered when it goes', async () => {
  await using server = await eventsServer();
  const subscriber = await server.subscribe({ paths, query: { consumer: 'agent-1', consumer_ttl: '1h' } });
  assert.equal((await state(server, 'agent-1'))['state'], 'connected');
  const index = await server.write('app/db', { password: 'p1', port: 5432 });
  const mark = await subscriber.until((frame) => frame.kind === 'mark' && frame['index'] === index);
  const digest = contentDigest(nonceOf(subscriber), { port: 5432, password: 'p1' });
  ack(subscriber, mark, { 'secret/data/app/db': { version: 1, digest } });
  await acknowledged(server, 'agent-1', index);
  subscriber.socket.close();
  await eventually(async () => (await state(server, 'agent-1'))['state'] === 'offline');
  const listed = await ask(server.node, 'LIST', 'sys/consumers', { token: server.root });
  assert.deepEqual(listed.reply?.data?.['keys'], ['agent-1']);
  assert.equal((await ask(server.node, 'DELETE', 'sys/consumers/agent-1', { token: server.root })).status, 204);
  assert.equal((await ask(server.node, 'GET', 'sys/consumers/agent-1', { token: server.root })).status, 404);
});

test('acknowledgements that are forged end the stream and are recorded', async (t) => {
  const recorded: string[] = [];
  const trail = {
    request: () => undefined,
    response: () => undefined,
    both: () => undefined,
    event: ({ what, detail }: { what: string; detail: string }) => void recorded.push(`${what} ${detail}`),
  };
  await using server = await eventsServer({ trail });
  await server.write('app/db', { password: 'p1' });
  const other = await server.write('app/db', { password: 'p2' });
  await server.write('other', { password: 'p3' });
  const cases: Readonly<Record<string, (subscriber: Subscriber, mark: Frame) => unknown>> = {
    nonce: (_, mark) => ({ index: mark['index'], nonce: '0'.repeat(32) }),
    neverSent: (subscriber) => ({ index: other, nonce: nonceOf(subscriber) }),
    index: (subscriber) => ({ index: 'W10', nonce: nonceOf(subscriber) }),
    digest: (subscriber, mark) => ({
      ...{ index: mark['index'], nonce: nonceOf(subscriber) },
      files: { 'secret/data/app/db': { version: 2, digest: contentDigest(nonceOf(subscriber), { password: 'p1' }) } },
    }),
    path: (subscriber, mark) => ({
      ...{ index: mark['index'], nonce: nonceOf(subscriber) },
      files: { 'secret/data/other': { version: 1, digest: contentDigest(nonceOf(subscriber), { password: 'p3' }) } },
    }),
  };
  for (const [why, forge] of Object.entries(cases)) {
    await t.test(why, async () => {
      const subscriber = await server.subscribe({ paths, query: { consumer: 'agent-1' } });
      const mark = subscriber.frames.at(-1) ?? {};
      recorded.length = 0;
      subscriber.send({ kind: 'ack', ...(forge(subscriber, mark) as object) });
      assert.deepEqual(await subscriber.ended(), { code: 1008, reason: 'badAck' });
      assert.equal(subscriber.frames.at(-1)?.['reason'], 'badAck');
      assert.deepEqual(recorded, [`consumerAckRefused consumer "agent-1": ${why}`]);
      assert.notEqual((await state(server, 'agent-1'))['acknowledged_index'], mark['index']);
    });
  }
});

test('another identity cannot speak as a consumer, nor see it without the right to read what it reads', async () => {
  await using server = await eventsServer();
  const rules = 'path "secret/data/app/*" { capabilities = ["read", "subscribe"] }';
  const token = await server.token('app', `${rules} path "sys/consumers*" { capabilities = ["read", "list"] }`);
  const stranger = await server.token('other', 'path "sys/consumers*" { capabilities = ["read", "list"] }');
  const subscriber = await server.subscribe({ token, paths, query: { consumer: 'agent-1' } });
  assert.equal(await server.refused({ paths, query: { consumer: 'agent-1' } }), 403);
  assert.equal(await server.refused({ paths, query: { consumer: '../x' } }), 400);
  assert.equal((await ask(server.node, 'GET', 'sys/consumers/agent-1', { token })).status, 200);
  assert.equal((await ask(server.node, 'GET', 'sys/consumers/agent-1', { token: stranger })).status, 404);
  assert.equal((await ask(server.node, 'LIST', 'sys/consumers', { token: stranger })).status, 404);
  await ask(server.node, 'DELETE', 'sys/consumers/agent-1', { token: server.root });
  assert.deepEqual(await subscriber.ended(), { code: 1008, reason: 'invalid' });
});

interface Waited {
  readonly state: string;
  readonly acknowledged: readonly Readonly<Record<string, unknown>>[];
  readonly missing: readonly Readonly<Record<string, unknown>>[];
  readonly released: readonly Readonly<Record<string, unknown>>[];
}

async function wait(hub: TestHub, body: Readonly<Record<string, unknown>>): Promise<Waited> {
  const { reply, errors } = await ask(hub.node, 'POST', 'sys/wait', { token: hub.root, body });
  assert.equal(errors, undefined);
  return reply?.data as unknown as Waited;
}

test('wait counts the consumers of a region and of the hub, also when they are away', async () => {
  const hub = await testHub();
  await ask(hub.node, 'POST', 'sys/mounts/secret', {
    token: hub.root,
    body: { type: 'kv', options: { version: '2' } },
  });
  await using atHub = await serveEvents(hub);
  const eu = await testRegion(hub, 'eu', ['secret/app/']);
  await using atEu = await serveEvents(eu);
  assert.equal((await wait(hub, { latest: true, timeout: 30 })).state, 'done');
  const index = await atHub.write('app/db', { password: 'p1' });
  assert.equal((await wait(hub, { index, timeout: 30 })).state, 'done');
  const far = await atEu.subscribe({ paths, query: { consumer: 'agent' } });
  const near = await atHub.subscribe({ paths, query: { consumer: 'agent' } });
  const written = await atHub.write('app/db', { password: 'p2' });

  const early = await wait(hub, { index: written, timeout: 1 });
  assert.equal(early.state, 'missing');
  assert.deepEqual(
    early.missing
      .filter(({ kind }) => kind === 'consumer')
      .map(({ name, region }) => [name, region])
      .sort(),
    [
      ['agent', 'eu'],
      ['agent', 'hub'],
    ],
  );
  for (const subscriber of [far, near]) {
    const event = await subscriber.until(({ kind, version }) => kind === 'event' && version === 2);
    const mark = await subscriber.until(({ kind }) => kind === 'mark', subscriber.frames.indexOf(event));
    const digest = contentDigest(nonceOf(subscriber), { password: 'p2' });
    ack(subscriber, mark, { 'secret/data/app/db': { version: 2, digest } });
  }
  const done = await wait(hub, { index: written, timeout: 30 });
  assert.equal(done.state, 'done', JSON.stringify(done));
  assert.equal(done.acknowledged.length, 3);

  far.socket.close();
  await eventually(async () => (await state(atEu, 'agent'))['state'] === 'offline');
  const later = await atHub.write('app/db', { password: 'p3' });
  const mark = await near.until((frame) => frame.kind === 'mark' && frame['index'] === later);
  ack(near, mark);
  const away = await wait(hub, { index: later, timeout: 1 });
  assert.deepEqual(
    away.missing.map(({ name, region, why }) => [name, region, why]),
    [['agent', 'eu', 'offline']],
  );
  const waiting = wait(hub, { index: later, timeout: 30 });
  await ask(eu.node, 'DELETE', 'sys/consumers/agent', { token: eu.root });
  const released = await waiting;
  assert.equal(released.state, 'done');
  assert.deepEqual(
    released.released.map(({ name, why }) => [name, why]),
    [['agent', 'deregistered']],
  );
});

test('who may make any login in a namespace takes no consumer of another one', async () => {
  await using server = await eventsServer();
  const { node, root } = server;
  const subscriber = await server.subscribe({ paths, query: { consumer: 'agent-1' } });
  await ask(node, 'POST', 'sys/namespaces/team', { token: root });
  const inside = { token: root, namespace: 'team' };
  await ask(node, 'POST', 'sys/mounts/secret', { ...inside, body: { type: 'kv-v2' } });
  const policy = 'path "secret/*" { capabilities = ["read", "subscribe"] }';
  await ask(node, 'PUT', 'sys/policies/acl/app', { ...inside, body: { policy } });
  // What the other is by its record, but for the namespace: a login of an auth method of the same name.
  const { tokens, consumers } = node.services;
  const { path, displayName, role } = tokens.find(root)?.record ?? assert.fail();
  const namespace = node.services.namespaces.byPath('team/')?.id ?? assert.fail();
  const { id, token } = await tokens.create({
    ...{ namespace, path, displayName, role, policies: ['app'], meta: null, boundCidrs: [], noDefaultPolicy: true },
    ...{ numUses: 0, ttl: 60, maxTtl: 0, explicitMaxTtl: 0, period: 0, renewable: false },
  });
  assert.throws(
    () => {
      consumers.check({ id: 'agent-1', namespace: { id: 'root' } }, token);
    },
    { code: 'permissionDenied' },
  );
  assert.equal(await server.refused({ token: id, paths: ['team/secret/data/*'], query: { consumer: 'agent-1' } }), 403);
  assert.equal(subscriber.closed, undefined);
});
