import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keys } from '../../src/core/keys.ts';
import { SealLifecycle } from '../../src/seal/lifecycle.ts';
import { Seals } from '../../src/seal/seals.ts';
import { shamirSeal } from '../../src/seal/shamir/seal.ts';
import { everyKey } from '../../src/storage/every-key.ts';
import { openMemoryStore } from '../../src/storage/memory/open.ts';
import { ask, testNode } from '../support/node.ts';
import { dataOf, SealableWorld, withVault } from '../support/sealable-world.ts';

const CLOSED = [503, ['namespace is sealed']];

test('a namespace with a seal of its own is made sealed, and serves between unseal and seal', async () => {
  const { node, world, shares } = await withVault();
  await using _ = node;
  assert.equal(await world.status('kv/x', 'vault'), 200);
  await world.seal('vault');
  const refused = await ask(node, 'GET', 'kv/x', { token: world.root, namespace: 'vault' });
  assert.deepEqual([refused.status, refused.errors], [503, ['namespace is sealed']]);
  assert.equal(await world.status('vault/kv/x'), 503);
  assert.equal(await world.status('sys/namespaces/vault'), 200);
  const progress = dataOf(await world.must('PUT', 'sys/namespaces/vault/unseal', { key: shares[0] ?? '' }));
  const { nonce, ...rest } = progress;
  assert.deepEqual(rest, { type: 'shamir', initialized: true, sealed: true, t: 2, n: 3, progress: 1 });
  assert.match(String(nonce), /^[0-9a-f-]{36}$/);
  await world.must('PUT', 'sys/namespaces/vault/unseal', { key: shares[2] ?? '' });
  assert.deepEqual(dataOf(await world.must('GET', 'kv/x', undefined, 'vault')), { word: 'hush' });
});

test('wrong, repeated and malformed shares open nothing, and the count starts again', async () => {
  const { node, world, shares } = await withVault();
  await using _ = node;
  await world.seal('vault');
  const give = (body: object) =>
    ask(node, 'PUT', 'sys/namespaces/vault/unseal', { token: world.root, body: { ...body } });
  const [first = '', second = ''] = shares;
  assert.equal(dataOf(await give({ key: first }))['progress'], 1);
  assert.equal(dataOf(await give({ key: first }))['progress'], 1, 'a share counts once');
  assert.equal(dataOf(await give({ reset: true }))['progress'], 0);
  const others = await world.make('other');
  await give({ key: first });
  const wrong = await give({ key: others[1] ?? '' });
  assert.equal(wrong.status, 400);
  assert.match(wrong.errors?.[0] ?? '', /at least one is wrong/);
  assert.equal(dataOf(await world.must('GET', 'sys/namespaces/vault/seal-status'))['progress'], 0);
  for (const body of [{}, { key: '' }, { key: 'zz' }, { key: 'abcd' }, { key: first.slice(2) }]) {
    assert.equal((await give(body)).status, 400, JSON.stringify(body));
  }
  assert.equal(await world.status('kv/x', 'vault'), 503);
  await give({ key: Buffer.from(first, 'hex').toString('base64') });
  assert.equal(dataOf(await give({ key: second }))['sealed'], false);
  assert.equal(dataOf(await give({ key: second }))['sealed'], false, 'a share too many does nothing');
  assert.equal(await world.status('kv/x', 'vault'), 200);
});

test('who may not, and what is no such namespace, is refused by name', async () => {
  const { node, root, world } = await withVault();
  await using _ = node;
  await world.must('POST', 'sys/namespaces/plain');
  const at = async (method: string, path: string, body?: object) => {
    const { status, errors } = await ask(node, method, path, { token: root, ...(body && { body: { ...body } }) });
    return `${String(status)} ${errors?.[0] ?? ''}`;
  };
  const unsealable = '400 namespace is not sealable: it has no seal of its own, which it gets when it is made or never';
  assert.equal(await at('PUT', 'sys/namespaces/plain/seal'), unsealable);
  assert.equal(await at('GET', 'sys/namespaces/plain/seal-status'), unsealable);
  assert.equal(await at('PUT', 'sys/namespaces/nope/seal'), '400 requested namespace does not exist');
  assert.equal(await at('GET', 'sys/namespaces/vault/x/seal-status'), '400 namespace name cannot contain /');
  assert.equal(await at('DELETE', 'sys/namespaces/vault/delete-sealed'), '400 namespace is not sealed');
  const seal = 'seal "shamir" { shares = 1 threshold = 1 }';
  const stays = '400 cannot modify existing namespace seal config';
  assert.equal(await at('POST', 'sys/namespaces/plain', { seal }), stays);
  assert.equal(await at('POST', 'sys/namespaces/vault', { seal }), stays);
  assert.equal(await at('PATCH', 'sys/namespaces/plain', { seal }), stays);
  for (const bad of [
    ...['', 'x', 'listener "tcp" {}', `${seal}\n${seal}`, 'seal "static" {}', 'seal "shamir" {}', 'seal = 1'],
    ...['seal "shamir" { shares = 2 threshold = 3 }', 'seal "shamir" { shares = 300 threshold = 2 }'],
    ...['seal "shamir" { shares = 1 threshold = 1 key = "k" }', 'seal "shamir" { shares = [1] threshold = 1 }'],
    'a'.repeat(20_000),
  ]) {
    assert.match(await at('POST', 'sys/namespaces/fresh', { seal: bad }), /^400 invalid/, bad.slice(0, 60));
  }
  assert.match(await at('POST', 'sys/namespaces/fresh', { pgp_keys: ['x'] }), /^400 pgp_keys/);
  assert.match(await at('POST', 'sys/namespaces/fresh', { seal, pgp_keys: ['x', 'y'] }), /^400 incorrect number/);
  assert.equal(await world.status('sys/namespaces/fresh'), 404);
  const rules = 'path "sys/namespaces/*" { capabilities = ["create", "update", "read", "delete"] }';
  await world.must('PUT', 'sys/policies/acl/p', { policy: rules });
  const token = String((await world.must('POST', 'auth/token/create', { policies: ['p'] })).auth?.['client_token']);
  assert.equal((await ask(node, 'PUT', 'sys/namespaces/vault/seal', { token })).status, 204);
  assert.equal((await ask(node, 'DELETE', 'sys/namespaces/vault/delete-sealed', { token })).status, 403, 'sudo');
  for (const [method, path] of [
    ['PUT', 'seal'],
    ['PUT', 'unseal'],
    ['GET', 'seal-status'],
  ] as const) {
    assert.equal((await ask(node, method, `sys/namespaces/vault/${path}`)).status, 403, path);
  }
});

test('the keys of the node alone open nothing of it: neither running nor from its disk', async () => {
  const raw = openMemoryStore();
  const { node, root, share, world, shares } = await withVault({ store: raw });
  const policy = 'path "kv/*" { capabilities = ["read"] }';
  await world.must('PUT', 'sys/policies/acl/hushpolicy', { policy: `# hush\n${policy}` }, 'vault');
  await world.must('POST', 'identity/entity', { name: 'hushentity', policies: ['hushpolicy'] }, 'vault');
  const id = String(dataOf(await world.must('GET', 'sys/namespaces/vault'))['id']);
  // Everything has read what it keeps.
  const { policies, mounts, store } = node.services;
  assert.match(policies.get(id, 'hushpolicy') ?? '', /hush/);
  const mounted = mounts.all(id).find(({ path }) => path === 'kv/');
  assert.ok(mounted);
  const secret = keys.data('s', id, mounted.record.uuid);
  await world.seal('vault');
  const sealed = { code: 'namespaceSealed' };
  assert.throws(() => policies.get(id, 'hushpolicy'), sealed);
  assert.equal(mounts.at(id, 'kv/'), undefined);
  const inside = [...everyKey(store.snapshot(), secret)];
  assert.ok(inside.length > 0);
  for (const key of inside) assert.throws(() => store.get(key), sealed);
  await assert.rejects(
    store.transact((tx) => tx.put(`${secret}y`, Buffer.from('z'))),
    sealed,
  );
  for (const path of ['kv/x', 'sys/policies/acl/hushpolicy', 'sys/mounts', 'identity/entity/name/hushentity']) {
    const { status, errors } = await ask(node, 'GET', path, { token: root, namespace: 'vault' });
    assert.deepEqual([status, errors], CLOSED, path);
  }
  await node[Symbol.asyncDispose]();

  const again = testNode({ store: raw });
  await again.unseal(Buffer.from(share, 'hex'));
  const after = new SealableWorld({ node: again, root });
  assert.equal(dataOf(await after.must('GET', 'sys/namespaces/vault/seal-status'))['sealed'], true, 'after a restart');
  await again[Symbol.asyncDispose]();
  // As somebody with its disk and its shares.
  using lifecycle = new SealLifecycle({
    ...{ raw, seals: Seals.of(shamirSeal()) },
    about: { version: '', buildDate: '', storageType: '' },
  });
  await lifecycle.unseal(Buffer.from(share, 'hex'));
  using all = lifecycle.store.snapshot();
  for (const key of everyKey(all, '')) assert.ok(!Buffer.from(all.get(key) ?? []).includes('hush'), key);
  lifecycle.seal();
  // The shares give it back.
  await using third = testNode({ store: raw });
  await third.unseal(Buffer.from(share, 'hex'));
  const last = new SealableWorld({ node: third, root });
  await last.unseal('vault', shares);
  assert.deepEqual(dataOf(await last.must('GET', 'kv/x', undefined, 'vault')), { word: 'hush' });
  assert.equal(await last.status('identity/entity/name/hushentity', 'vault'), 200);
});

test('what lies below is sealed with it, and opens with it or by itself', async () => {
  const { node, root, world, shares } = await withVault();
  await using _ = node;
  await world.must('POST', 'sys/namespaces/plain', undefined, 'vault');
  await world.must('POST', 'sys/mounts/kv', { type: 'kv' }, 'vault/plain');
  await world.must('POST', 'kv/x', { word: 'in plain' }, 'vault/plain');
  const inner = await world.make('inner', 'vault');
  await world.unseal('inner', inner, 'vault');
  await world.must('POST', 'sys/mounts/kv', { type: 'kv' }, 'vault/inner');
  await world.must('POST', 'kv/x', { word: 'in inner' }, 'vault/inner');
  const statuses = async () =>
    Promise.all(['vault', 'vault/plain', 'vault/inner'].map((namespace) => world.status('kv/x', namespace)));
  assert.deepEqual(await statuses(), [200, 200, 200]);
  await world.seal('inner', 'vault');
  assert.deepEqual(await statuses(), [200, 200, 503]);
  await world.unseal('inner', inner, 'vault');
  await world.seal('vault');
  assert.deepEqual(await statuses(), [503, 503, 503]);
  // The one above comes first.
  const early = { token: root, namespace: 'vault', body: { key: inner[0] ?? '' } };
  assert.equal((await ask(node, 'PUT', 'sys/namespaces/inner/unseal', early)).status, 503);
  await world.unseal('vault', shares);
  assert.deepEqual(await statuses(), [200, 200, 503], 'its own seal is another matter');
  await world.unseal('inner', inner, 'vault');
  assert.deepEqual(dataOf(await world.must('GET', 'kv/x', undefined, 'vault/inner')), { word: 'in inner' });
  // Shares of one open no other.
  await world.seal('inner', 'vault');
  await assert.rejects(world.unseal('inner', shares, 'vault'));
});

test('other namespaces do not notice, and rotation of its key keeps what was written', async () => {
  const { node, world, shares } = await withVault();
  await using _ = node;
  await world.must('POST', 'sys/namespaces/other');
  await world.must('POST', 'sys/mounts/kv', { type: 'kv' }, 'other');
  await world.must('POST', 'kv/x', { word: 'o' }, 'other');
  await world.must('POST', 'sys/rotate', undefined, 'vault');
  await world.must('POST', 'kv/y', { word: 'later' }, 'vault');
  assert.equal((await world.must('GET', 'sys/key-status', undefined, 'vault')).reply?.data?.['term'], 2);
  assert.equal((await world.must('GET', 'sys/key-status')).reply?.data?.['term'], 1);
  await world.seal('vault');
  assert.equal(await world.status('kv/x', 'other'), 200);
  await world.must('POST', 'kv/x', { word: 'p' }, 'other');
  assert.equal(await world.status('sys/key-status', 'vault'), 503);
  assert.equal(await world.status('sys/key-status', 'other'), 400);
  for (const path of ['sys/health', 'sys/seal-status', 'sys/leader']) {
    assert.equal(await world.status(path, 'vault'), 200, path);
  }
  await node.tick();
  await world.unseal('vault', shares);
  assert.deepEqual(dataOf(await world.must('GET', 'kv/x', undefined, 'vault')), { word: 'hush' });
  assert.deepEqual(dataOf(await world.must('GET', 'kv/y', undefined, 'vault')), { word: 'later' });
});

test('one whose shares are lost is deleted without them, with all below it and every key', async () => {
  const { node, root, world } = await withVault();
  await using _ = node;
  await world.make('inner', 'vault');
  await world.must('POST', 'auth/token/create', { policies: ['default'], ttl: '1h' }, 'vault');
  await world.must('POST', 'sys/mounts/kv', { type: 'kv' });
  await world.must('POST', 'kv/x', { word: 'stays' });
  await world.seal('vault');
  const refused = await ask(node, 'DELETE', 'sys/namespaces/vault', { token: root });
  assert.deepEqual([refused.status, refused.errors], CLOSED);
  const leftover = await ask(node, 'DELETE', 'sys/namespaces/vault/delete-sealed', { token: root });
  assert.deepEqual([leftover.status, /force=true/.test(leftover.errors?.[0] ?? '')], [400, true]);
  const ids = node.services.namespaces.all().map(({ id }) => id);
  assert.equal(ids.length, 2);
  const all = { token: root, query: { force: 'true' } };
  const gone = await ask(node, 'DELETE', 'sys/namespaces/vault/delete-sealed', all);
  assert.deepEqual(dataOf(gone), { status: 'in-progress' });
  assert.equal(await world.status('sys/namespaces/vault'), 404);
  for (const id of ids) await node.services.namespaceChanges.remove(id);
  {
    using snapshot = node.services.store.snapshot();
    const left = [...everyKey(snapshot, '')].filter((key) => ids.some((id) => key.includes(id)));
    assert.deepEqual(left, []);
  }
  assert.deepEqual(dataOf(await world.must('GET', 'kv/x')), { word: 'stays' });
  const again = await ask(node, 'DELETE', 'sys/namespaces/vault/delete-sealed', all);
  assert.deepEqual(again.warnings, ['requested namespace does not exist']);
  // The name is free.
  await world.unseal('vault', await world.make('vault'));
});

test('unsealed it is deleted as any other', async () => {
  const { node, world } = await withVault();
  await using _ = node;
  await world.must('POST', 'auth/token/create', { policies: ['default'], ttl: '1h' }, 'vault');
  const [record] = node.services.namespaces.all();
  assert.ok(record);
  assert.deepEqual(dataOf(await world.must('DELETE', 'sys/namespaces/vault')), { status: 'in-progress' });
  await node.services.namespaceChanges.remove(record.id);
  using snapshot = node.services.store.snapshot();
  const left = [...everyKey(snapshot, '')].filter((key) => key.includes(record.id));
  assert.deepEqual(left, []);
});
