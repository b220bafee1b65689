import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ask, runningNode } from '../../../test/support/node.ts';
import { deriveKey, takeKey } from '../../lib/crypto/hash.ts';
import { randomBytes } from '../../lib/crypto/random.ts';
import { everyKey } from '../../storage/every-key.ts';
import { openMemoryStore } from '../../storage/memory/open.ts';
import { endCredentials } from '../snapshots/credentials.ts';
import { registry } from '../../registry.ts';
import type { Node } from '../node.ts';
import { BATCH_TOKENS, batchTokenKey, BatchTokens, endBatchTokens } from './batch-tokens.ts';
import type { TokenRecord } from './token.ts';

const START = Date.UTC(2026, 0, 1);

async function make(node: Node, by: string, body: Readonly<Record<string, unknown>> = {}) {
  const made = await ask(node, 'POST', 'auth/token/create', {
    token: by,
    body: { type: 'batch', policies: ['default'], ttl: '1h', ...body },
  });
  return { ...made, id: String(made.auth?.['client_token']) };
}

const allowed = async (node: Node, token: string, path = 'auth/token/lookup-self'): Promise<number> =>
  (await ask(node, 'GET', path, { token })).status;

/** Every storage key of the node. */
function keysOf(node: Node): readonly string[] {
  using snapshot = node.services.store.snapshot();
  return [...everyKey(snapshot, '')];
}

describe('batch tokens', () => {
  test('one works, is looked up, and leaves nothing in the store', async () => {
    const { node, root } = await runningNode({ now: () => START });
    await using _ = node;
    const before = keysOf(node);
    const { auth, id } = await make(node, root, { meta: { team: 'a' }, id: 'ignored', renewable: true });
    assert.match(id, /^hvb\.[\w-]{100,}$/);
    const shown = { accessor: '', orphan: false, renewable: false };
    assert.partialDeepStrictEqual(auth, { ...shown, token_type: 'batch', lease_duration: 3600 });
    const { reply } = await ask(node, 'GET', 'auth/token/lookup-self', { token: id });
    assert.partialDeepStrictEqual(reply?.data, { ...shown, id, type: 'batch', meta: { team: 'a' }, ttl: 3600 });
    const of = await ask(node, 'POST', 'auth/token/lookup', { token: root, body: { token: id } });
    assert.equal(of.reply?.data?.['type'], 'batch');
    const can = await ask(node, 'POST', 'sys/capabilities-self', { token: id, body: { paths: ['sys/mounts'] } });
    assert.deepEqual(can.reply?.data?.['capabilities'], ['deny']);
    assert.deepEqual(keysOf(node), before);
  });

  test('it ends with its time, and with its parent; an orphan outlives that', async () => {
    let now = START;
    const { node, root } = await runningNode({ now: () => now });
    await using _ = node;
    const parent = await ask(node, 'POST', 'auth/token/create', {
      token: root,
      body: { policies: ['root'], ttl: '2h' },
    });
    const by = String(parent.auth?.['client_token']);
    const [child, orphan] = [await make(node, by), await make(node, by, { no_parent: true })];
    assert.deepEqual([await allowed(node, child.id), await allowed(node, orphan.id)], [200, 200]);
    await ask(node, 'POST', 'auth/token/revoke', { token: root, body: { token: by } });
    assert.deepEqual([await allowed(node, child.id), await allowed(node, orphan.id)], [403, 200]);
    now += 3_600_000;
    assert.equal(await allowed(node, orphan.id), 403);
  });

  test('it does nothing that a token must be stored for', async () => {
    const { node, root } = await runningNode();
    await using _ = node;
    const { id: token } = await make(node, root);
    const refused = async (path: string, body = {}, by = token) => {
      const { status, errors } = await ask(node, 'POST', path, { token: by, body });
      return [status, errors?.[0]];
    };
    const cubbyhole = "cubbyhole operations are only supported by 'service' type tokens";
    assert.deepEqual(await refused('auth/token/renew-self'), [400, 'batch tokens cannot be renewed']);
    assert.deepEqual(await refused('auth/token/revoke-self'), [400, 'batch tokens cannot be revoked']);
    assert.deepEqual(await refused('cubbyhole/a', { b: 'c' }), [400, cubbyhole]);
    for (const path of ['auth/token/revoke', 'auth/token/revoke-orphan']) {
      assert.deepEqual(await refused(path, { token }, root), [400, 'batch tokens cannot be revoked']);
    }
    assert.deepEqual(await refused('auth/token/renew', { token }, root), [400, 'batch tokens cannot be renewed']);
    await ask(node, 'PUT', 'sys/policies/acl/maker', {
      token: root,
      body: { policy: 'path "auth/token/create" { capabilities = ["update"] }' },
    });
    const maker = await make(node, root, { policies: ['maker'] });
    assert.deepEqual(await refused('auth/token/create', {}, maker.id), [400, 'batch tokens cannot create more tokens']);
  });

  test('none is made that would need to be counted, renewed or revoked', async () => {
    const { node, root } = await runningNode();
    await using _ = node;
    const refusal = async (body: Readonly<Record<string, unknown>>) => (await make(node, root, body)).errors?.[0];
    assert.equal(await refusal({ policies: ['root'] }), 'batch tokens cannot be root tokens');
    assert.equal(await refusal({ policies: [] }), 'batch tokens cannot be root tokens');
    assert.equal(await refusal({ num_uses: 2 }), 'batch tokens cannot have "num_uses" set');
    assert.equal(await refusal({ period: '1h' }), 'batch tokens cannot have "period" set');
    assert.equal(await refusal({ explicit_max_ttl: '1h' }), 'batch tokens cannot have "explicit_max_ttl" set');
    assert.match((await refusal({ meta: { long: 'x'.repeat(6_000) } })) ?? '', /too long: use a service token/);
  });

  test('a role makes them, or lets the caller choose', async () => {
    const { node, root: token } = await runningNode();
    await using _ = node;
    const role = (body: object) => ask(node, 'POST', 'auth/token/roles/r', { token, body: { ...body } });
    const typeBy = async (body: object) =>
      (await ask(node, 'POST', 'auth/token/create/r', { token, body: { policies: ['default'], ...body } })).auth?.[
        'token_type'
      ];
    const wrong = await role({ token_type: 'batch', renewable: false });
    assert.equal(wrong.errors?.[0], "'token_type' cannot be 'batch' when role is set to generate non-orphan tokens");
    assert.equal((await role({ token_type: 'batch', orphan: true, renewable: false })).status, 204);
    assert.equal(await typeBy({ type: 'service' }), 'batch');
    assert.equal((await role({ token_type: 'default-batch' })).status, 204);
    assert.deepEqual([await typeBy({}), await typeBy({ type: 'service' })], ['batch', 'service']);
    assert.equal((await role({ token_type: 'service' })).status, 204);
    assert.equal(await typeBy({ type: 'batch' }), 'service');
  });

  test('a login gives one where its role or its mount says so, and it ends with the mount', async () => {
    const { node, root: token } = await runningNode();
    await using _ = node;
    await ask(node, 'POST', 'sys/auth/approle', { token, body: { type: 'approle' } });
    const role = (body: object) => ask(node, 'POST', 'auth/approle/role/r', { token, body: { ...body } });
    const tune = (type: string) => ask(node, 'POST', 'sys/auth/approle/tune', { token, body: { token_type: type } });
    const login = async () => {
      const id = await ask(node, 'GET', 'auth/approle/role/r/role-id', { token });
      const secret = await ask(node, 'POST', 'auth/approle/role/r/secret-id', { token });
      const body = { role_id: id.reply?.data?.['role_id'], secret_id: secret.reply?.data?.['secret_id'] };
      return (await ask(node, 'POST', 'auth/approle/login', { body })).auth;
    };
    assert.equal((await role({ token_type: 'batch', token_num_uses: 2 })).status, 400);
    await role({ token_type: 'default-batch' });
    const batch = await login();
    assert.equal(batch?.['token_type'], 'batch');
    await tune('service');
    assert.equal((await login())?.['token_type'], 'service');
    await role({ token_type: 'default' });
    await tune('batch');
    assert.equal((await login())?.['token_type'], 'batch');
    assert.equal(await allowed(node, String(batch['client_token'])), 200);
    await ask(node, 'DELETE', 'sys/auth/approle', { token });
    assert.equal(await allowed(node, String(batch['client_token'])), 403);
  });

  test('one of a namespace works there and below alone, and ends with it', async () => {
    const { node, root } = await runningNode();
    await using _ = node;
    for (const path of ['sys/namespaces/a', 'sys/namespaces/b']) await ask(node, 'POST', path, { token: root });
    await ask(node, 'PUT', 'a/sys/policies/acl/all', {
      token: root,
      body: { policy: 'path "*" { capabilities = ["read", "sudo"] }' },
    });
    const made = await ask(node, 'POST', 'a/auth/token/create', {
      token: root,
      body: { type: 'batch', policies: ['all'], no_parent: true },
    });
    const id = String(made.auth?.['client_token']);
    assert.deepEqual([await allowed(node, id, 'a/sys/mounts'), await allowed(node, id, 'b/sys/mounts')], [200, 403]);
    // Its ending belongs to it: under another, or none, it is no token.
    assert.equal(await allowed(node, id.slice(0, id.lastIndexOf('.'))), 403);
    await ask(node, 'DELETE', 'sys/namespaces/a', { token: root });
    assert.equal(await allowed(node, id), 403);
  });

  test('streams, which end with their token, are not for them', async () => {
    const { node, root } = await runningNode();
    await using _ = node;
    await ask(node, 'PUT', 'sys/policies/acl/all', {
      token: root,
      body: { policy: 'path "*" { capabilities = ["read", "subscribe"] }' },
    });
    const { id: token } = await make(node, root, { policies: ['all'] });
    assert.equal((await ask(node, 'GET', 'sys/monitor', { token })).status, 400);
    const found = node.services.tokens.find(token);
    assert.ok(found);
    const wants = { dialect: 'lockstep', patterns: [{ path: 'secret/a', prefix: false }] } as const;
    assert.throws(() => {
      node.services.subscriptions.check(wants as never, found);
    }, /use a service token/);
  });

  test('a restore that ends credentials ends those too, which no list names', async () => {
    const { node, root } = await runningNode();
    await using _ = node;
    const { store } = node.services;
    const nodeKey = takeKey(randomBytes(32));
    const keyNow = () => {
      using snapshot = store.snapshot();
      return new BatchTokens(batchTokenKey(snapshot, nodeKey));
    };
    const { token } = await make(node, root).then(({ id }) => ({ token: node.services.tokens.find(id) }));
    assert.ok(token);
    const { id } = keyNow().make(token.record, 'root');
    assert.ok(keyNow().open(id, 'root'));
    await endCredentials({ store, registry, region: false });
    assert.equal(keyNow().open(id, 'root'), undefined);
  });
});

describe('a batch token itself', () => {
  const key = deriveKey(takeKey(randomBytes(32)), BATCH_TOKENS);
  const record = { policies: ['default'], createdAt: START } as unknown as TokenRecord;
  const { id } = new BatchTokens(key).make(record, 'root');
  const open = (text: string, namespace = 'root') => new BatchTokens(key).open(text, namespace)?.record;

  test('opens for its node alone', () => {
    assert.deepEqual(open(id), record);
    assert.equal(new BatchTokens(takeKey(randomBytes(32))).open(id, 'root'), undefined);
  });

  test('is no token with any character changed, cut off or added', () => {
    for (let at = 'hvb.'.length; at < id.length; at += 1) {
      const other = id[at] === 'A' ? 'B' : 'A';
      assert.equal(open(id.slice(0, at) + other + id.slice(at + 1)), undefined, `changed at ${at}`);
      assert.equal(open(id.slice(0, at)), undefined, `cut at ${at}`);
    }
    for (const text of [`${id}A`, `${id}=`, `${id} `, `${id}.`, 'hvb.', `hvb.${'A'.repeat(100_000)}`]) {
      assert.equal(open(text), undefined);
    }
    assert.equal(open(`${id}.abcde`, 'abcde'), undefined);
  });

  test('two of the same record have nothing in common', () => {
    const other = new BatchTokens(key).make(record, 'root').id;
    assert.notEqual(other.slice(0, 30), id.slice(0, 30));
    assert.notEqual(other.slice(-30), id.slice(-30));
  });

  test('all end at once', async () => {
    await using store = openMemoryStore();
    const before = batchTokenKey(store.snapshot(), key);
    const made = new BatchTokens(before).make(record, 'root').id;
    await store.transact(endBatchTokens);
    assert.equal(new BatchTokens(batchTokenKey(store.snapshot(), key)).open(made, 'root'), undefined);
  });
});
