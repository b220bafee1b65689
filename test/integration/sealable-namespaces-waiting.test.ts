/** What comes due, or is ended from outside, in a namespace while that is sealed. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { keys } from '../../src/core/keys.ts';
import type { Outcome } from '../../src/framework/request.ts';
import { openMemoryStore } from '../../src/storage/memory/open.ts';
import { serveEvents } from '../support/events.ts';
import { files, usersIn } from '../support/file-engine.ts';
import { ask, testNode } from '../support/node.ts';
import { dataOf, SealableWorld, withVault } from '../support/sealable-world.ts';

const BEGIN = Date.parse('2026-01-01T00:00:00Z');
const tokenOf = ({ auth }: Outcome): string => String(auth?.['client_token']);

async function clocked() {
  const clock = { now: BEGIN };
  const store = openMemoryStore();
  const options = { store, now: () => clock.now, engines: { files } };
  return { clock, options, ...(await withVault(options)) };
}

test('its tokens are 503 while it is sealed, wherever they are used, and work again afterwards', async () => {
  const { node, world, shares } = await clocked();
  await using _ = node;
  const token = tokenOf(await world.must('POST', 'auth/token/create', { policies: ['default'] }, 'vault'));
  const batch = tokenOf(
    await world.must('POST', 'auth/token/create', { policies: ['default'], type: 'batch' }, 'vault'),
  );
  const self = async (namespace: string, id: string) =>
    (await ask(node, 'GET', 'auth/token/lookup-self', { token: id, namespace })).status;
  await world.seal('vault');
  for (const namespace of ['vault', '']) {
    assert.equal(await self(namespace, token), 503);
    assert.equal(await self(namespace, batch), 503);
  }
  assert.equal((await ask(node, 'GET', 'sys/mounts', { token })).status, 503);
  await world.unseal('vault', shares);
  assert.equal(await self('vault', token), 200);
  assert.equal(await self('', batch), 200);
});

test('tokens that came due end when it is unsealed, and hold up no others meanwhile', async () => {
  const { node, world, shares, clock } = await clocked();
  await using _ = node;
  const make = (namespace: string, ttl: string) =>
    world.must('POST', 'auth/token/create', { policies: ['default'], ttl }, namespace).then(tokenOf);
  // More than one page of what is due.
  const due: string[] = [];
  for (let at = 0; at < 210; at += 1) due.push(await make('vault', '1m'));
  const later = await make('vault', '10h');
  const outside = await make('', '2m');
  await world.seal('vault');
  clock.now += 3_600_000;
  await node.tick();
  assert.equal((await ask(node, 'GET', 'auth/token/lookup-self', { token: outside })).status, 403);
  assert.equal(node.services.tokens.find(outside), undefined);
  await node.tick();
  await world.unseal('vault', shares);
  assert.equal((await ask(node, 'GET', 'auth/token/lookup-self', { token: due[0] ?? '' })).status, 403);
  assert.equal((await ask(node, 'GET', 'auth/token/lookup-self', { token: later })).status, 200);
  await node.tick();
  assert.equal(node.services.tokens.find(due[209] ?? ''), undefined);
});

test('a token made there by one from outside ends with it, before anything is served there again', async () => {
  const { node, options, root, world, shares, share } = await clocked();
  const parent = tokenOf(await world.must('POST', 'auth/token/create', { policies: ['root'] }));
  const made = await ask(node, 'POST', 'auth/token/create', { token: parent, namespace: 'vault', body: {} });
  const child = tokenOf(made);
  const lookup = (at: typeof node) => ask(at, 'GET', 'auth/token/lookup-self', { token: child, namespace: 'vault' });
  assert.equal((await lookup(node)).status, 200);
  await world.seal('vault');
  await world.must('POST', 'auth/token/revoke', { token: parent });
  await node[Symbol.asyncDispose]();
  // Over a restart too.
  await using again = testNode(options);
  await again.unseal(Buffer.from(share, 'hex'));
  const after = new SealableWorld({ node: again, root });
  const id = String(dataOf(await after.must('GET', 'sys/namespaces/vault'))['id']);
  const left = () => {
    using snapshot = again.services.store.snapshot();
    return [keys.tokens(id), keys.revocations('root')].flatMap((prefix) => snapshot.list(prefix, { limit: 9 }));
  };
  assert.equal(left().length, 2, 'the token, and that it is to end');
  await after.unseal('vault', shares);
  assert.deepEqual(left(), []);
  assert.equal((await lookup(again)).status, 403);
});

test('its leases stay while it is sealed, and those that came due are taken back when it is unsealed', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-sealed-leases-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const { node, world, shares, clock } = await clocked();
  await using _ = node;
  await world.must('POST', 'sys/mounts/db', { type: 'files', options: { folder } }, 'vault');

  const owner = tokenOf(await world.must('POST', 'auth/token/create', { policies: ['root'] }));
  const short = { ttl: '60' };
  for (const token of [world.root, owner]) {
    assert.equal((await ask(node, 'GET', 'db/creds/r', { token, namespace: 'vault', query: short })).status, 200);
  }
  assert.equal(usersIn(folder).length, 2);
  await world.seal('vault');
  await world.must('POST', 'auth/token/revoke', { token: owner });
  clock.now += 3_600_000;
  await node.tick();
  await node.services.leaseExpiry.idle();
  assert.equal(usersIn(folder).length, 2, 'nobody can take them back');
  const irrevocable = { token: world.root, query: { type: 'irrevocable', include_child_namespaces: 'true' } };
  for (const path of ['sys/leases', 'sys/leases/count']) {
    assert.equal((await ask(node, 'GET', path, irrevocable)).status, 200, path);
  }
  await world.unseal('vault', shares);
  await node.tick();
  await node.services.leaseExpiry.idle();
  assert.deepEqual(usersIn(folder), []);
  assert.equal(await world.status('db/creds/r', 'vault'), 200);
});

test('a wrapped reply and a cubbyhole are sealed with it', async () => {
  const { node, root, world, shares } = await clocked();
  await using _ = node;
  const wrapped = await ask(node, 'GET', 'kv/x', { token: root, namespace: 'vault', wrapTtl: 600 });
  const token = String(wrapped.wrapInfo?.['token']);
  await world.seal('vault');
  const unwrap = (namespace: string) => ask(node, 'POST', 'sys/wrapping/unwrap', { token, namespace });
  assert.equal((await unwrap('')).status, 503);
  await world.unseal('vault', shares);
  assert.match(JSON.stringify((await unwrap('vault')).reply), /hush/);
});

test('a mount is not moved into it while it is sealed, and moves in once it is not', async () => {
  const { node, root, world, shares } = await clocked();
  await using _ = node;
  await world.must('POST', 'sys/mounts/out', { type: 'kv' });
  await world.must('POST', 'out/x', { word: 'moved' });
  await world.seal('vault');
  const move = { token: root, body: { from: 'out', to: 'vault/in' } };
  assert.equal((await ask(node, 'POST', 'sys/remount', move)).status, 503);
  assert.equal(await world.status('out/x'), 200);
  await world.unseal('vault', shares);
  const { migration_id: id } = dataOf(await world.must('POST', 'sys/remount', { from: 'out', to: 'vault/in' }));
  const settled = async (): Promise<unknown> => {
    for (;;) {
      const { migration_info: info } = dataOf(await world.must('GET', `sys/remount/status/${String(id)}`));
      const { status } = info as { status: string };
      if (status !== 'in-progress') return status;
      await new Promise(setImmediate);
    }
  };
  assert.equal(await settled(), 'success');
  assert.deepEqual(dataOf(await world.must('GET', 'in/x', undefined, 'vault')), { word: 'moved' });
  await world.seal('vault');
  assert.equal(await world.status('in/x', 'vault'), 503);
});

test('its event streams end when it is sealed, those of others go on and are told nothing of it', async () => {
  const { node, root, world, shares } = await clocked();
  await using server = await serveEvents({ node, root });
  await world.must('POST', 'sys/mounts/out', { type: 'kv' });
  const rules = 'path "*" { capabilities = ["read", "subscribe"] }';
  await world.must('PUT', 'sys/policies/acl/all', { policy: rules }, 'vault');
  const token = tokenOf(await world.must('POST', 'auth/token/create', { policies: ['all'] }, 'vault'));
  const headers = { 'X-Vault-Namespace': 'vault' };
  const own = await server.subscribe({ token, paths: ['kv/*'], headers });
  const visiting = await server.subscribe({ paths: ['kv/*'], headers });
  const all = await server.subscribe({ paths: ['vault/kv/*', 'out/*'] });
  await world.must('POST', 'kv/x', { word: 'again' }, 'vault');
  for (const each of [own, visiting, all]) await each.until(({ kind }) => kind === 'event');
  await world.seal('vault');
  for (const each of [own, visiting]) {
    await each.ended();
    assert.match(JSON.stringify(each.frames.at(-1)), /sealed/);
  }
  assert.equal(await server.refused({ token, paths: ['kv/*'], headers }), 503);
  await world.must('POST', 'out/x', { word: 'outside' });
  await all.until(({ path }) => path === 'out/x');
  await world.unseal('vault', shares);
  await world.must('POST', 'kv/y', { word: 'later' }, 'vault');
  await all.until(({ path }) => path === 'vault/kv/y');
});
