/** The watch, at an API server that does what real ones do on bad days. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { issue } from '../server/certificates.testing.ts';
import { KubernetesApi } from './api.ts';
import { Informer, type InformerOptions } from './informer.ts';
import { coreKind, type KubernetesObject } from './objects.ts';

const kind = coreKind('ConfigMap', 'configmaps');
const objectOf = (name: string, resourceVersion: string): KubernetesObject => ({
  metadata: { name, uid: name, resourceVersion },
});

/** Lists give `listed`, by pages of as many as are asked for; each watch is handed to the test. */
async function apiServer(t: TestContext) {
  const authority = await issue({ name: 'ca' });
  const own = await issue({ name: 'localhost', issuer: authority });
  const state = { listed: [] as readonly KubernetesObject[], version: '1', lists: 0, limits: [] as number[] };
  const watches: { readonly from: string; readonly response: ServerResponse }[] = [];
  let told: (() => void) | undefined;
  const server = createServer({ cert: own.certPem, key: own.keyPem }, (request, response) => {
    const query = new URL(request.url ?? '', 'https://localhost').searchParams;
    if (query.get('watch') === null) {
      state.lists += 1;
      const [from, limit] = [Number(query.get('continue') ?? 0), Number(query.get('limit'))];
      state.limits.push(limit);
      const [items, over] = [state.listed.slice(from, from + limit), from + limit];
      const next = over < state.listed.length ? { continue: String(over) } : {};
      response.end(JSON.stringify({ metadata: { resourceVersion: state.version, ...next }, items }));
      return;
    }
    response.writeHead(200).flushHeaders();
    watches.push({ from: query.get('resourceVersion') ?? '', response });
    told?.();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const access = {
    ...{ name: 'test', server: `https://127.0.0.1:${String(port)}`, ca: authority.certPem, serverName: undefined },
    ...{ credential: () => Promise.resolve({}), impersonate: {} },
  };
  return {
    ...{ api: new KubernetesApi(access), access, state },
    /** The watch of that number, from 0 on, once it is opened. */
    watch: async (at: number) => {
      for (;;) {
        const found = watches[at];
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => (told = resolve));
      }
    },
  };
}

function informed(t: TestContext, api: KubernetesApi, options: InformerOptions<KubernetesObject> = {}) {
  const failures: string[] = [];
  const informer = new Informer<KubernetesObject>(api, kind, {
    ...{ random: () => 0, backoff: { base: 1, cap: 1 } },
    failed: (error) => failures.push(error instanceof Error ? error.message : String(error)),
    ...options,
  });
  const changes: string[] = [];
  let told: (() => void) | undefined;
  informer.onChange((key, now) => {
    changes.push(now === undefined ? `-${key}` : `${key}@${now.metadata.resourceVersion ?? ''}`);
    told?.();
  });
  const ending = new AbortController();
  t.after(() => ending.abort());
  void informer.run(ending.signal);
  const until = async (count: number): Promise<void> => {
    while (changes.length < count) await new Promise<void>((resolve) => (told = resolve));
  };
  return { informer, failures, changes, until };
}

const line = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;

test('an expired version (410 Gone) begins a new list, and what went meanwhile is told', async (t) => {
  const { api, state, watch } = await apiServer(t);
  state.listed = [objectOf('a', '1'), objectOf('b', '1')];
  const { changes, failures, until } = informed(t, api);
  const first = await watch(0);
  assert.equal(first.from, '1');
  state.listed = [objectOf('b', '7'), objectOf('c', '8')];
  state.version = '9';
  first.response.end(line('ERROR', { code: 410, message: 'too old resource version' }));
  const second = await watch(1);
  await until(5);
  assert.deepEqual(changes, ['a@1', 'b@1', '-a', 'b@7', 'c@8']);
  assert.deepEqual([second.from, state.lists], ['9', 2]);
  assert.match(failures.join(), /too old resource version/);
});

test('a connection that says nothing is given up, and the watch goes on where it was, without a new list', async (t) => {
  const { api, state, watch } = await apiServer(t);
  const { informer, changes, failures, until } = informed(t, api, { silenceMs: 300 });
  const first = await watch(0);
  first.response.write(line('ADDED', objectOf('a', '5')));
  await until(1);
  // Nothing more comes on it, and it is not closed either.
  const second = await watch(1);
  assert.equal(second.from, '5');
  assert.match(failures.join(), /nothing came for 300 ms/);
  const stale = informer.staleMs;
  assert.ok(stale >= 300, 'so long it knows of nothing');
  second.response.write(
    line('BOOKMARK', { metadata: { resourceVersion: '6' } }) + line('MODIFIED', objectOf('a', '8')),
  );
  await until(2);
  assert.ok(informer.staleMs < stale, 'it has heard something');
  assert.deepEqual([changes, state.lists], [['a@5', 'a@8'], 1]);
});

test('what is not whole is as good as not there, listed or told of', async (t) => {
  const { api, state, watch } = await apiServer(t);
  const broken = (name: string, version: string) => ({ ...objectOf(name, version), broken: true });
  state.listed = [objectOf('a', '1'), broken('b', '1')];
  const isWhole = (object: KubernetesObject) => !('broken' in object);
  const { informer, changes, failures, until } = informed(t, api, { isWhole });
  const { response } = await watch(0);
  response.write(line('ADDED', broken('c', '2')) + line('MODIFIED', broken('a', '3')));
  response.write(line('MODIFIED', objectOf('b', '4')) + line('DELETED', objectOf('c', '5')));
  await until(3);
  assert.deepEqual([changes, failures], [['a@1', '-a', 'b@4'], []]);
  assert.deepEqual(
    [...informer.values()].map(({ metadata }) => metadata.name),
    ['b'],
  );
});

test('before the first list nothing is known, for ever so long', async (t) => {
  const { api } = await apiServer(t);
  const informer = new Informer<KubernetesObject>(api, kind);
  assert.equal(informer.staleMs, Number.POSITIVE_INFINITY);
});

test('objects that are too large for one answer are listed by smaller pages, and all are there', async (t) => {
  const { access, state, watch } = await apiServer(t);
  const large = (name: string) => ({ ...objectOf(name, '1'), data: { it: 'x'.repeat(10_000) } });
  state.listed = Array.from({ length: 40 }, (_, at) =>
    at < 20 ? large(`a${String(at)}`) : objectOf(`b${String(at)}`, '1'),
  );
  const { informer, failures } = informed(t, new KubernetesApi(access, { largest: 25_000 }));
  await watch(0);
  assert.deepEqual([informer.size, failures], [40, []]);
  // It does not begin with the largest page each time, and goes back to larger ones behind what is too large.
  assert.deepEqual(state.limits.slice(0, 10), [500, 250, 125, 63, 32, 16, 8, 4, 2, 4]);
  assert.ok((state.limits.at(-1) ?? 0) > 8, String(state.limits));
});

test('an object that is too large by itself is told of, by its size', async (t) => {
  const { access, state } = await apiServer(t);
  state.listed = [{ ...objectOf('a', '1'), data: { it: 'x'.repeat(30_000) } } as KubernetesObject];
  const told = Promise.withResolvers<unknown>();
  informed(t, new KubernetesApi(access, { largest: 25_000 }), { failed: told.resolve });
  assert.match(String(await told.promise), /more than 25000 bytes/);
});
