/** Subscriptions and consumers in a namespace: its own and what lies below, never a parent's or a sibling's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask } from '../support/node.ts';
import { eventsServer, type EventsServer, type Frame } from '../support/events.ts';

const IN = ['team', 'team/a', 'side'] as const;
const header = (namespace: string) => ({ 'X-Vault-Namespace': namespace });
const watching = 'path "*" { capabilities = ["create", "read", "update", "delete", "list", "subscribe", "sudo"] }';

interface World extends AsyncDisposable {
  readonly server: EventsServer;
  /** Of a namespace, that may do all in it. */
  readonly token: (namespace: string) => string;
  readonly must: (method: string, path: string, namespace?: string, body?: object) => Promise<string>;
  readonly write: (namespace: string, name: string) => Promise<string>;
}

/** Namespaces that look the same from inside. */
async function world(): Promise<World> {
  const server = await eventsServer();
  const must = async (method: string, path: string, namespace = '', body: object = {}) => {
    const outcome = await ask(server.node, method, path, { token: server.root, namespace, body: { ...body } });
    assert.ok(outcome.status < 300, `${method} ${namespace} ${path}: ${String(outcome.errors)}`);
    return outcome.headers['X-Vault-Index'] ?? '';
  };
  const tokens = new Map<string, string>();
  for (const namespace of IN) {
    await must(
      'POST',
      `sys/namespaces/${namespace.slice(namespace.indexOf('/') + 1)}`,
      namespace === 'team/a' ? 'team' : '',
    );
    await must('POST', 'sys/mounts/secret', namespace, { type: 'kv', options: { version: '2' } });
    await must('PUT', 'sys/policies/acl/all', namespace, { policy: watching });
    const body = { policies: ['all'] };
    const made = await ask(server.node, 'POST', 'auth/token/create', { token: server.root, namespace, body });
    tokens.set(namespace, String(made.auth?.['client_token']));
  }
  return {
    ...{ server, must },
    token: (namespace) => tokens.get(namespace) ?? assert.fail(),
    write: (namespace, name) => must('POST', `secret/data/${name}`, namespace, { data: { k: 'CANARY' } }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const paths = (frames: readonly Frame[]): unknown[] => frames.map(({ path }) => path);
const upTo = (index: string) => (frame: Frame) => frame.kind === 'mark' && frame['index'] === index;

test('inside a namespace paths are meant and told as they are there, by header and by path', async () => {
  await using it = await world();
  const { server } = it;
  const asking = { token: it.token('team'), paths: ['secret/*', 'sys/*'] };
  const subscriber = await server.subscribe({ ...asking, headers: header('team') });
  const others = await Promise.all(
    ['team', 'team/a'].map((namespace) => server.subscribe({ ...asking, paths: ['*'], headers: header(namespace) })),
  );
  for (const namespace of ['', ...IN]) await it.write(namespace, 'db');
  const index = await it.must('PUT', 'sys/policies/acl/new', 'team', { policy: '# none' });
  await subscriber.until(upTo(index));
  assert.deepEqual(paths(subscriber.events), ['secret/data/db', 'sys/policies/acl/new']);
  for (const each of others) await each.until(upTo(index));
  assert.deepEqual(
    others.map(({ events }) => paths(events)),
    [['secret/data/db', 'a/secret/data/db', 'sys/policies/acl/new'], ['secret/data/db']],
  );
});

test('a token is refused in a sibling and above, and no spelling of a path leads there', async () => {
  await using it = await world();
  const { server } = it;
  const token = it.token('team');
  const own = header('team');
  const watch = ['secret/data/*'];
  assert.equal(await server.refused({ token, paths: watch, headers: header('side') }), 403);
  assert.equal(await server.refused({ token: it.token('team/a'), paths: ['secret/data/db'], headers: own }), 403);
  assert.equal(await server.refused({ token, paths: watch, headers: header('nowhere') }), 404);
  for (const path of [
    '../side/secret/data/db',
    'secret/../../side/secret/data/db',
    './secret/data/db',
    'a//secret/*',
  ]) {
    assert.equal(await server.refused({ token, paths: [path], headers: own }), 400, path);
  }
  for (const namespaces of ['../side', '..', '.', '', 'a//b', '*/../side']) {
    const query = { json: 'true', namespaces };
    assert.equal(await server.refused({ token, vault: true, query, headers: own }), 400, namespaces);
  }
  const events = { token, vault: true, query: { json: 'true' } };
  assert.equal(await server.refused({ ...events, headers: header('side') }), 403);
  assert.equal(await server.refused(events), 403, 'in the root namespace');
});

test('Vault’s events are those of the namespace, and of the children that are asked for and allowed', async () => {
  await using it = await world();
  const { server } = it;
  const ask1 = { vault: true, type: 'kv-v2/data-write', headers: header('team') };
  const alone = await server.subscribe({ ...ask1, token: it.token('team'), query: { json: 'true' } });
  const children = { json: 'true', namespaces: '*' };
  const family = await server.subscribe({ ...ask1, token: it.token('team'), query: children });
  const root = await server.subscribe({
    ...ask1,
    token: server.root,
    headers: {},
    query: { json: 'true', namespaces: 'team' },
  });
  // Of `side` by its name in the root namespace; it means nothing in `team`.
  const query = { json: 'true', namespaces: 'side' };
  const astray = await server.subscribe({ ...ask1, token: it.token('team'), query });
  for (const namespace of ['', ...IN, 'team']) await it.write(namespace, 'db');
  const seen = ({ data }: Frame) => (data as Frame)['namespace'];
  await family.until(() => family.frames.length === 3);
  await root.until(() => root.frames.length === 3);
  await alone.until(() => alone.frames.length === 2);
  await astray.until(() => astray.frames.length === 2);
  assert.deepEqual(family.frames.map(seen), ['team/', 'team/a/', 'team/']);
  assert.deepEqual(root.frames.map(seen), [undefined, 'team/', 'team/']);
  assert.deepEqual([...alone.frames, ...astray.frames].map(seen), ['team/', 'team/', 'team/', 'team/']);
});

test('consumers of two namespaces have names of their own, and are seen in their own alone', async () => {
  await using it = await world();
  const { server } = it;
  const join = (namespace: string, token = it.token(namespace)) =>
    server.subscribe({ token, paths: ['secret/data/*'], headers: header(namespace), query: { consumer: 'agent' } });
  const [one, other] = [await join('team'), await join('side')];
  const read = async (namespace: string, path: string, method = 'GET') =>
    ask(server.node, method, `sys/consumers${path}`, { token: server.root, namespace });
  const found = (await read('team', '/agent')).reply?.data;
  assert.deepEqual([found?.['id'], found?.['paths']], ['agent', ['secret/data/*']]);
  assert.equal((await read('', '/agent')).status, 404);
  assert.equal((await read('', '', 'LIST')).status, 404);
  const { id = '' } = server.node.services.namespaces.byPath('side/') ?? {};
  for (const path of [`/${id}/agent`, `/${id}%2Fagent`]) assert.ok((await read('team', path)).status >= 400, path);
  const nonce = one.frames[0]?.['nonce'];
  const index = await it.write('team', 'db');
  await one.until(upTo(index));
  one.send({ kind: 'ack', index, nonce, files: {} });
  await one.mark();
  assert.equal((await read('team', '/agent', 'DELETE')).status, 204);
  assert.equal((await one.ended()).reason, 'invalid');
  assert.equal(other.closed, undefined);
  assert.equal((await read('side', '/agent')).status, 200);
});

test('a namespace that is deleted ends its subscriptions and takes its consumers with it', async () => {
  await using it = await world();
  const { server } = it;
  const headers = header('side');
  const query = { consumer: 'agent' };
  const subscriber = await server.subscribe({ token: server.root, paths: ['secret/data/*'], headers, query });
  const vault = await server.subscribe({ token: server.root, vault: true, headers, query: { json: 'true' } });
  const staying = await server.subscribe({
    token: it.token('team'),
    paths: ['secret/data/*'],
    headers: header('team'),
  });
  await it.must('DELETE', 'sys/namespaces/side');
  assert.equal((await subscriber.ended()).reason, 'revoked');
  assert.equal((await vault.ended()).code, 1008);
  // One of the same name is another one.
  await it.must('POST', 'sys/namespaces/side');
  const { services } = server.node;
  const again = services.namespaces.byPath('side/') ?? assert.fail();
  assert.deepEqual(services.consumers.list(again), []);
  await server.reopen();
  assert.equal(server.node.services.store.snapshot().list('l/root/consumers/', { limit: 10 }).length, 0);
  assert.equal((await staying.ended()).reason, 'sealed');
});

test('a namespace that is locked ends what was subscribed in it, and refuses more', async () => {
  await using it = await world();
  const { server } = it;
  const asking = { token: server.root, paths: ['secret/data/*'], headers: header('team/a') };
  const subscriber = await server.subscribe(asking);
  await it.must('POST', 'sys/namespaces/api-lock/lock/team');
  assert.equal((await subscriber.ended()).reason, 'revoked');
  assert.equal(await server.refused(asking), 503);
  await it.must('POST', 'sys/namespaces/api-lock/unlock/team');
  const again = await server.subscribe(asking);
  const index = await it.write('team/a', 'db');
  await again.until(upTo(index));
  assert.deepEqual(paths(again.events), ['secret/data/db']);
});

test('a namespace’s stream resumes by index, and an index from before the history is said not to', async () => {
  await using it = await world();
  const { server } = it;
  const asking = { token: it.token('team'), paths: ['secret/data/*'], headers: header('team') };
  const before = await it.write('team', 'one');
  await it.write('side', 'two');
  await it.write('team', 'two');
  const resumed = await server.subscribe({ ...asking, query: { index: before } });
  assert.equal(resumed.frames[0]?.['resumed'], true);
  assert.deepEqual(paths(resumed.events), ['secret/data/two']);
  const foreign = before.replaceAll(/./g, 'x');
  const late = await server.subscribe({ ...asking, query: { index: foreign } });
  assert.equal(late.frames[0]?.['resumed'], false);
  await server.reopen();
  const { store } = server.node.services;
  await store.compact(store.position);
  const compacted = await server.subscribe({ ...asking, query: { index: before } });
  assert.equal(compacted.frames[0]?.['resumed'], false);
  assert.deepEqual(compacted.events, []);
});
