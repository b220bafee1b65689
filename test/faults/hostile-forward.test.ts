/** What a region with a valid certificate may forward: nothing beyond its grant is done, or told by how it is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostile, type Answer, type Asked } from '../support/hostile-region.ts';
import { CANARY, VIEW, world } from '../support/hostile-world.ts';
import { ask } from '../support/node.ts';

const outside: readonly (readonly [name: string, asked: Partial<Asked>])[] = [
  ['a name that is there', { path: `secret/data/${CANARY}/db` }],
  ['a name that is not there', { path: 'secret/data/nothing/db' }],
  ['a folder beside its own', { path: `secret/data/eu-${CANARY}/db` }],
  ['the folder itself', { path: 'secret/data/eu' }],
  ['a mount that is there', { path: `${CANARY}-mount/data/eu/db` }],
  ['a mount that is not there', { path: 'nowhere/data/eu/db' }],
  ['a mount whose name begins with that of one of its own', { path: `plain-${CANARY}/eu/db` }],
  ['metadata outside', { path: `secret/metadata/${CANARY}/db`, verb: 'delete', body: null }],
  ['versions outside', { path: `secret/destroy/${CANARY}/db`, body: { versions: [1] } }],
  ['the path in the body', { path: 'secret/data/us/x', body: { path: 'eu/x', data: { a: '1' } } }],
  ['settings of the mount', { path: 'secret/config', body: { max_versions: 1 } }],
  ['version 1 written as version 2', { path: 'plain/data/eu/x' }],
  ['version 2 written as version 1', { path: 'secret/eu/x' }],
  ['policies', { path: 'sys/policies/acl/eu-app', body: { policy: 'path "*" { capabilities = ["sudo"] }' } }],
  ['mounts', { path: 'sys/mounts/eu', body: { type: 'kv' } }],
  ['regions', { path: 'sys/regions/eu', verb: 'patch', body: { paths: ['*'] } }],
  ['roles', { path: 'auth/approle/role/eu-app', body: { token_policies: 'root' } }],
  ['logins', { path: 'auth/approle/login', body: { role_id: `${CANARY}-chosen` } }],
  ['tokens', { path: 'auth/token/create', body: { policies: ['root'] } }],
  ['identities', { path: 'identity/entity', body: { name: 'x' } }],
  ['a cubbyhole', { path: 'cubbyhole/x', body: { a: '1' } }],
  ['reads of names', { path: 'sys/mounts', verb: 'read', body: null }],
  ['lists of names', { path: 'secret/metadata/', verb: 'list', body: null }],
];

test('where a region may not write, every request is answered alike, whatever the hub holds', async () => {
  await using hub = await world();
  const { attacker } = await hostile(hub, 'eu', VIEW);
  using _attacker = attacker;
  const before = hub.store.position.sequence;
  for (const policies of [['eu-wide'], [`${CANARY}-admin`], ['nothing'], []]) {
    for (const [name, asked] of outside) {
      const { json } = await attacker.forward({ ...asked, policies });
      const { status, errors } = json.outcome ?? {};
      assert.deepEqual([status, errors], [403, ['this region may not write there: ask the hub']], name);
    }
  }
  assert.equal(hub.store.position.sequence, before, 'nothing was written');
  assert.equal(hub.witness.forwarded.length, outside.length * 4);
  assert.ok(hub.witness.forwarded.every(({ access }) => access.region === 'eu' && access.error !== undefined));
  assert.equal(Buffer.concat(attacker.heard).includes(CANARY), false);
});

test('a namespace that a region may not hold is as one that is not there, named in whatever way', async () => {
  await using hub = await world();
  const { attacker } = await hostile(hub, 'eu', VIEW);
  using _attacker = attacker;
  const policy = 'path "*" { capabilities = ["create", "read", "update"] }';
  await hub.as('POST', 'sys/namespaces/team');
  await hub.as('POST', 'team/sys/mounts/secret', { type: 'kv-v2' });
  await hub.as('PUT', 'team/sys/policies/acl/eu-app', { policy });
  await hub.as('PUT', 'sys/policies/acl/eu-app', { policy });
  const before = hub.store.position.sequence;
  const path = 'secret/data/eu/x';
  for (const asked of [
    ...['team/', 'nope/'].map((namespace) => ({ path, more: { namespace } })),
    ...['team/', 'nope/'].map((namespace) => ({ path: namespace + path })),
    { path: 'team/sys/policies/acl/eu-app', body: { policy } },
    { path: 'sys/namespaces/other', body: {} },
    { path: 'sys/namespaces/api-lock/unlock/team', body: {} },
  ]) {
    const { json } = await attacker.forward(asked);
    const { status, errors } = json.outcome ?? {};
    assert.deepEqual([status, errors], [403, ['this region may not write there: ask the hub']], JSON.stringify(asked));
  }
  assert.equal(hub.store.position.sequence, before, 'nothing was written');
});

const inside: readonly (readonly [name: string, asked: Partial<Asked>, status: number])[] = [
  ['a root token', { policies: ['root'] }, 403],
  ['root beside another', { policies: ['eu-app', 'root'] }, 403],
  ['a read', { path: 'secret/data/eu/db', verb: 'read', body: null }, 403],
  ['a list', { path: 'secret/metadata/eu/', verb: 'list', body: null }, 403],
  ['a scan', { path: 'secret/metadata/eu/', verb: 'scan', body: null }, 403],
  ['a shape', { path: 'secret/subkeys/eu/db', verb: 'read', body: null }, 403],
  ['a policy that it cannot have', { policies: [`${CANARY}-admin`] }, 403],
  ['no policy', { policies: [] }, 403],
  [
    'a policy that denies among those that it named',
    { path: 'secret/data/eu/denied', policies: ['eu-app', `${CANARY}-deny`] },
    403,
  ],
  ['a true write', {}, 200],
  ['a true deletion', { path: 'secret/metadata/eu/x', verb: 'delete', body: null }, 204],
];

test('within its grant a region writes by policies that it holds, and does nothing else', async () => {
  await using hub = await world();
  const { attacker } = await hostile(hub, 'eu', VIEW);
  using _attacker = attacker;
  for (const [name, asked, status] of inside) {
    const { json } = await attacker.forward(asked);
    assert.equal(json.outcome?.status, status, `${name}: ${String(json.outcome?.errors)}`);
  }
  assert.equal(Buffer.concat(attacker.heard).includes('p1'), false);
  assert.equal(hub.witness.forwarded.length, inside.length);
});

const deep = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels));

const malformed: readonly (readonly [name: string, body: string | Partial<Asked>])[] = [
  ['no JSON', '{'],
  ['no object', '[]'],
  ['the same key twice', '{"idempotencyKey":"a","idempotencyKey":"b"}'],
  ['too deep', { body: { data: deep(400) } }],
  ['an empty segment', { path: 'secret//data/eu/x' }],
  ['a dot segment', { path: 'secret/data/eu/../us/x' }],
  ['a control character', { path: 'secret/data/eu/x\u0000' }],
  ['a character that cannot be seen', { path: 'secret/data/eu/x\u200b' }],
  ['a lone surrogate', { path: 'secret/data/eu/\ud800' }],
  ['a path beyond all measure', { path: `secret/data/eu/${'x'.repeat(5_000)}` }],
  ['no path', { path: 7 }],
  ['no verb', { verb: 'sudo' }],
  ['a verb of the prototype', { verb: '__proto__' }],
  ['an id that is a line of its own', { more: { id: 'x\n{"type":"request"}' } }],
  ['policies that are none', { policies: 'root' }],
  ['a policy whose name could be two', { policies: ['default\u0000admin'] }],
  ['a policy with a name beyond all measure', { policies: ['x'.repeat(10_000)] }],
  ['thousands of policies', { policies: Array.from({ length: 5_000 }, (_, n) => `p${String(n)}`) }],
  ['a query of objects', { query: { a: {} } }],
  ['a body that is a list', { body: [] }],
  ['a namespace without its slash', { more: { namespace: 'team' } }],
  ['a namespace above', { more: { namespace: '../' } }],
  ['a namespace that is no text', { more: { namespace: 7 } }],
];

test('what no region sends is refused before it is looked at, and named', async () => {
  await using hub = await world();
  const { attacker } = await hostile(hub, 'eu', VIEW);
  using _attacker = attacker;
  for (const [name, given] of malformed) {
    const answer: Answer =
      typeof given === 'string' ? await attacker.post('/forward', given) : await attacker.forward(given);
    assert.equal(answer.status, 400, `${name}: ${answer.text}`);
  }
  assert.equal((await hub.witness.saw('malformedRequest', malformed.length)).length, malformed.length);
  assert.equal((await attacker.forward({})).json.outcome?.status, 200);
});

test('idempotency keys: one answer a request, none for another, and none of another region', async () => {
  await using hub = await world();
  const { attacker: eu } = await hostile(hub, 'eu', VIEW);
  using _eu = eu;
  const { attacker: us } = await hostile(hub, 'us', ['secret/us/', 'sys/policies/acl/eu-*']);
  using _us = us;
  const status = (answer: Answer) => answer.json.outcome?.status;
  const once = { idempotencyKey: 'k' };
  const many = await Promise.all(Array.from({ length: 20 }, () => eu.forward(once)));
  assert.deepEqual([...new Set(many.map(status))], [200]);
  const { reply } = await hub.as('GET', 'secret/metadata/eu/x');
  assert.equal(reply?.data?.['current_version'], 1);
  assert.equal(status(await eu.forward({ ...once, body: { data: { a: '2' } } })), 409);
  assert.equal(status(await eu.forward({ ...once, path: 'secret/data/eu/y' })), 409);
  assert.equal(status(await eu.forward({ ...once, policies: ['eu-wide'] })), 409);
  const other = await us.forward({ ...once, path: 'secret/data/us/x', body: { data: { a: 'us' } } });
  assert.equal(status(other), 200);
  for (const idempotencyKey of ['', 'x'.repeat(257), 'a\u202eb']) {
    assert.equal(status(await eu.forward({ idempotencyKey })), 400, JSON.stringify(idempotencyKey));
  }
  // Today's policies decide, also about an answer that was given.
  await hub.as('PUT', 'sys/policies/acl/eu-app', { policy: 'path "x" { capabilities = ["read"] }' });
  assert.equal(status(await eu.forward(once)), 403);
});

test('names that a region makes up do not change what anybody else may do', async () => {
  await using hub = await world();
  const made = await hub.as('POST', 'auth/token/create', { policies: ['eu-app'], no_default_policy: true });
  const more = await hub.as('POST', 'auth/token/create', { policies: ['eu-app', 'eu-wide'], no_default_policy: true });
  hub.node.services.policies.acl({ namespace: 'root', policies: ['eu-app\u0000eu-wide'] });
  for (const { auth } of [made, more]) {
    const token = String(auth?.['client_token']);
    assert.equal((await ask(hub.node, 'GET', 'secret/data/eu/db', { token })).status, 200);
  }
});

test('a body that comes slowly is decided by the rules of when it ended', async () => {
  await using hub = await world();
  const { attacker } = await hostile(hub, 'eu', VIEW);
  using _attacker = attacker;
  assert.equal((await attacker.forward({})).json.outcome?.status, 200);
  const stream = attacker.open({ ':path': '/forward' });
  const answer = attacker.answer(stream);
  const asking = JSON.stringify({
    idempotencyKey: 'slow',
    request: {
      id: 'slow',
      verb: 'update',
      method: 'POST',
      path: 'secret/data/eu/slow',
      body: { data: {} },
      contentType: '',
      query: {},
    },
    client: { displayName: '', policies: ['eu-app'], entity: '', accessor: '', address: '' },
  });
  await new Promise((resolve) => stream.write(asking.slice(0, -1), resolve));
  // Another request on the same connection shows that the hub has seen the beginning of this one.
  await attacker.forward({ path: 'secret/data/us/x' });
  await hub.as('PATCH', 'sys/regions/eu', { writes: ['secret/eu/other/'] });
  stream.end(asking.slice(-1));
  assert.deepEqual((await answer).json.outcome?.errors, ['this region may not write there: ask the hub']);
});
