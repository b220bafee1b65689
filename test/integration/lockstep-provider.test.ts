/** The provider of our own servers: what changes is told as it changes, read anew, and acknowledged once it is in place. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Credentials, Following, ProviderClient } from '../../src/providers/contract.ts';
import { givenCredentials } from '../../src/providers/credentials.testing.ts';
import { lockstep } from '../../src/providers/lockstep/provider.ts';
import { plainServer, type PlainServer } from '../support/snapshots.ts';

const signal = new AbortController().signal;

const credentialsOf = (token: () => string): Credentials => ({
  ...givenCredentials(),
  secret: () => Promise.resolve(token()),
});

/** Somebody who reads keys of KV at `kv`, and holds what was read last. */
class Reader {
  readonly held = new Map<string, string | undefined>();
  readonly states: string[] = [];
  /** Called with each state that is told, and each look. */
  keys: readonly string[];
  settled = true;
  readonly #client: ProviderClient;
  readonly #waiting = new Set<() => void>();
  #keysChanged: () => void = () => undefined;

  constructor(t: TestContext, client: ProviderClient, keys: readonly string[]) {
    this.#client = client;
    this.keys = keys;
    const ended = new AbortController();
    const running = client.follow?.(this.#following(), ended.signal);
    assert.ok(running);
    t.after(async () => {
      ended.abort();
      client.close();
      await running;
    });
  }

  add(key: string): void {
    this.keys = [...this.keys, key];
    this.#keysChanged();
  }

  /** Until it holds; the suite's own limit ends a test that waits for nothing. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  #following(): Following {
    return {
      consumer: 'external-secrets:shop.ours:1',
      keys: () => this.keys,
      onKeys: (called) => {
        this.#keysChanged = called;
      },
      changed: async (keys) => {
        for (const key of keys) {
          const found = await this.#client.read({ key }, signal);
          this.held.set(key, found.found ? Buffer.from(found.value).toString('utf8') : undefined);
        }
        this.#wake();
      },
      settled: () => this.settled,
      state: (pushed, why) => {
        this.states.push(pushed ? `pushed${why === undefined ? '' : `: ${why}`}` : `not: ${String(why)}`);
        this.#wake();
      },
    };
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

async function ask(
  { server, token }: PlainServer,
  method: string,
  path: string,
  body: object,
): Promise<Readonly<Record<string, unknown>>> {
  const { status, json } = await server.ask(method, `/v1/${path}`, { token, body });
  assert.ok(status === 200 || status === 204, `${path}: ${String(status)} ${JSON.stringify(json)}`);
  return json;
}

async function store(t: TestContext): Promise<PlainServer> {
  const made = await plainServer(t, { config: () => 'hub {}' });
  await ask(made, 'POST', 'sys/mounts/kv', { type: 'kv', options: { version: '2' } });
  return made;
}

const put = (at: PlainServer, key: string, value: string) => ask(at, 'POST', `kv/data/${key}`, { data: { value } });

async function reader(
  t: TestContext,
  at: PlainServer,
  keys: readonly string[],
  token = () => at.token,
): Promise<Reader> {
  const config = { server: await at.server.address(), path: 'kv', auth: { tokenSecretRef: { name: 'token' } } };
  return new Reader(t, lockstep.connect(config, credentialsOf(token)), keys);
}

const valueOf = (text: string | undefined): unknown =>
  text === undefined ? undefined : (JSON.parse(text) as { readonly value: unknown }).value;

test('a change is told, read anew and acknowledged: whoever waits for it has it', async (t) => {
  const at = await store(t);
  await put(at, 'db', '1');
  const shop = await reader(t, at, ['db']);
  await shop.until(() => valueOf(shop.held.get('db')) === '1');
  await put(at, 'db', '2');
  await shop.until(() => valueOf(shop.held.get('db')) === '2');
  const done = (await ask(at, 'POST', 'sys/wait', { latest: true, timeout: 60 })) as {
    readonly data: { readonly state: string; readonly acknowledged: readonly { readonly name: string }[] };
  };
  assert.equal(done.data.state, 'done');
  assert.match(JSON.stringify(done.data.acknowledged), /external-secrets:shop\.ours:1/);
});

test('what is not in place is not acknowledged', async (t) => {
  const at = await store(t);
  await put(at, 'db', '1');
  const shop = await reader(t, at, ['db']);
  await shop.until(() => valueOf(shop.held.get('db')) === '1');
  shop.settled = false;
  await put(at, 'db', '2');
  await shop.until(() => valueOf(shop.held.get('db')) === '2');
  const waited = (await ask(at, 'POST', 'sys/wait', { latest: true, timeout: 1 })) as {
    readonly data: { readonly state: string };
  };
  assert.equal(waited.data.state, 'missing');
});

test('a key that comes later is followed too, and what is deleted is told', async (t) => {
  const at = await store(t);
  await put(at, 'db', '1');
  await put(at, 'other', '1');
  const shop = await reader(t, at, ['db']);
  await shop.until(() => shop.held.has('db'));
  shop.add('other');
  await shop.until(() => valueOf(shop.held.get('other')) === '1');
  await put(at, 'other', '2');
  await shop.until(() => valueOf(shop.held.get('other')) === '2');
  await ask(at, 'DELETE', 'kv/metadata/db', {});
  await shop.until(() => shop.held.get('db') === undefined);
});

test('a search below a path is told of what comes there', async (t) => {
  const at = await store(t);
  const shop = await reader(t, at, ['apps/*']);
  await shop.until(() => shop.states.includes('pushed'));
  const before = shop.held.size;
  await put(at, 'apps/a', '1');
  await shop.until(() => shop.held.size > before || shop.held.has('apps/*'));
});

test('the server is sealed and unsealed: what changed meanwhile follows', async (t) => {
  const at = await store(t);
  await put(at, 'db', '1');
  const shop = await reader(t, at, ['db']);
  await shop.until(() => valueOf(shop.held.get('db')) === '1');
  await at.server.ask('PUT', '/v1/sys/seal', { token: at.token });
  await shop.until(() => shop.states.some((state) => state.startsWith('not: ')));
  await at.server.ask('PUT', '/v1/sys/unseal', { body: { key: at.key } });
  await put(at, 'db', '2');
  await shop.until(() => valueOf(shop.held.get('db')) === '2');
});

test('without the right to subscribe it says so, and which', async (t) => {
  const at = await store(t);
  await put(at, 'db', '1');
  await ask(at, 'POST', 'sys/policies/acl/reads', { policy: 'path "kv/data/*" { capabilities = ["read"] }' });
  const made = (await ask(at, 'POST', 'auth/token/create', { policies: ['reads'] })) as {
    readonly auth: { readonly client_token: string };
  };
  const shop = await reader(t, at, ['db'], () => made.auth.client_token);
  await shop.until(() => shop.states.length > 0);
  assert.match(shop.states[0] ?? '', /^not: no capability "subscribe"/);
});
