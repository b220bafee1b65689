/** Events of the server itself: mounts, policies, identities, namespaces, audit devices, the seal. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runningNode, ask } from '../support/node.ts';
import { serveEvents, type EventsServer, type Frame, type Subscriber } from '../support/events.ts';

async function started(): Promise<EventsServer> {
  return serveEvents(await runningNode());
}

type Asked = readonly [method: string, path: string, body?: object, namespace?: string];

async function must(server: EventsServer, ...[method, path, body, namespace = '']: Asked) {
  const asking = { token: server.root, namespace, ...(body === undefined ? {} : { body: { ...body } }) };
  const outcome = await ask(server.node, method, path, asking);
  assert.ok(outcome.status < 300, `${method} ${path}: ${String(outcome.status)} ${String(outcome.errors)}`);
  return outcome;
}

const told = ({ path, type }: Frame): unknown[] => [type, path];

/** What it was told of, up to a mark that is sent after everything that was done until now. */
async function toldOf(server: EventsServer, subscriber: Subscriber): Promise<unknown[][]> {
  const { headers } = await must(server, 'PUT', 'sys/policies/acl/last', { policy: '# none' });
  const index = headers['X-Vault-Index'];
  await subscriber.until(({ kind, ...frame }) => kind === 'mark' && frame['index'] === index);
  return subscriber.events.map(told).filter(([, path]) => path !== 'sys/policies/acl/last');
}

const everything = { paths: ['*'] };

test('mounts and auth methods: enable, tune, move, disable', async () => {
  await using server = await started();
  const subscriber = await server.subscribe(everything);
  await must(server, 'POST', 'sys/mounts/kv', { type: 'kv' });
  await must(server, 'POST', 'sys/mounts/kv/tune', { description: 'CANARY' });
  await must(server, 'POST', 'sys/remount', { from: 'kv', to: 'moved' });
  await must(server, 'DELETE', 'sys/mounts/moved');
  await must(server, 'POST', 'sys/auth/approle', { type: 'approle' });
  await must(server, 'POST', 'sys/auth/approle/tune', { description: 'CANARY' });
  await must(server, 'DELETE', 'sys/auth/approle');
  const events = await toldOf(server, subscriber);
  assert.deepEqual(
    events.filter(([type]) => type !== undefined),
    [
      ['mount/enable', 'sys/mounts/kv'],
      ['mount/tune', 'sys/mounts/kv'],
      ['mount/move', 'sys/mounts/moved'],
      ['mount/disable', 'sys/mounts/moved'],
      ['auth/enable', 'sys/auth/approle'],
      ['auth/tune', 'sys/auth/approle'],
      ['auth/disable', 'sys/auth/approle'],
    ],
  );
  // Who follows what lies in them is told as before.
  assert.deepEqual(
    events.filter(([type]) => type === undefined).map(([, path]) => path),
    ['kv/*', 'moved/*', 'auth/approle/*'],
  );
  assert.equal(JSON.stringify(subscriber.frames).includes('CANARY'), false);
});

test('policies, password policies, namespaces, audit devices', async () => {
  await using server = await started();
  const subscriber = await server.subscribe(everything);
  await must(server, 'PUT', 'sys/policies/acl/app', { policy: 'path "CANARY" { capabilities = ["read"] }' });
  await must(server, 'DELETE', 'sys/policies/acl/app');
  const policy = 'length = 20\nrule "charset" { charset = "abcdef" }';
  await must(server, 'PUT', 'sys/policies/password/strong', { policy });
  await must(server, 'DELETE', 'sys/policies/password/strong');
  await must(server, 'POST', 'sys/namespaces/team', { custom_metadata: { a: 'CANARY' } });
  await must(server, 'PATCH', 'sys/namespaces/team', { custom_metadata: { a: 'CANARY2' } });
  await must(server, 'POST', 'sys/namespaces/inner', {}, 'team');
  await must(server, 'PUT', 'sys/policies/acl/app', { policy: '# none' }, 'team');
  await must(server, 'POST', 'sys/namespaces/api-lock/lock/team');
  await must(server, 'POST', 'sys/namespaces/api-lock/unlock/team');
  await must(server, 'DELETE', 'sys/namespaces/inner', undefined, 'team');
  await must(server, 'DELETE', 'sys/namespaces/team');
  assert.deepEqual(await toldOf(server, subscriber), [
    ['policy/write', 'sys/policies/acl/app'],
    ['policy/delete', 'sys/policies/acl/app'],
    ['password-policy/write', 'sys/policies/password/strong'],
    ['password-policy/delete', 'sys/policies/password/strong'],
    ['namespace/create', 'sys/namespaces/team'],
    ['namespace/update', 'sys/namespaces/team'],
    ['namespace/create', 'team/sys/namespaces/inner'],
    ['policy/write', 'team/sys/policies/acl/app'],
    ['namespace/lock', 'sys/namespaces/team'],
    ['namespace/unlock', 'sys/namespaces/team'],
    ['namespace/delete', 'team/sys/namespaces/inner'],
    ['namespace/delete', 'sys/namespaces/team'],
  ]);
  assert.equal(JSON.stringify(subscriber.frames).includes('CANARY'), false);
});

test('identities: entities, aliases, groups, merges; by their ids alone', async () => {
  await using server = await started();
  await must(server, 'POST', 'sys/auth/approle', { type: 'approle' });
  const { reply } = await must(server, 'GET', 'sys/auth');
  const accessor = (reply?.data?.['approle/'] as { accessor: string }).accessor;
  const subscriber = await server.subscribe({ paths: ['identity/*'] });
  const idOf = async (path: string, body: object) =>
    String((await must(server, 'POST', `identity/${path}`, body)).reply?.data?.['id']);
  const one = await idOf('entity', { name: 'CANARY-one', metadata: { k: 'CANARY' } });
  const two = await idOf('entity', { name: 'CANARY-two' });
  const alias = await idOf('entity-alias', { name: 'CANARY', canonical_id: one, mount_accessor: accessor });
  await must(server, 'POST', `identity/entity-alias/id/${alias}`, { custom_metadata: { k: 'CANARY' } });
  await must(server, 'POST', `identity/entity/id/${two}`, { metadata: { k: 'CANARY' } });
  await must(server, 'POST', 'identity/entity/merge', { from_entity_ids: [two], to_entity_id: one });
  const group = await idOf('group', { name: 'CANARY-group', member_entity_ids: [one] });
  await must(server, 'POST', `identity/group/id/${group}`, { metadata: { k: 'CANARY' } });
  await must(server, 'DELETE', `identity/group/id/${group}`);
  await must(server, 'DELETE', `identity/entity-alias/id/${alias}`);
  await must(server, 'DELETE', `identity/entity/id/${one}`);
  const events = await toldOf(server, subscriber);
  const types = (path: string) => events.filter(([, at]) => at === `identity/${path}`).map(([type]) => type);
  const entity = types(`entity/id/${one}`);
  assert.equal(entity[0], 'identity/entity-create');
  assert.equal(entity.at(-1), 'identity/entity-delete');
  assert.ok(entity.slice(1, -1).every((type) => type === 'identity/entity-update'));
  assert.deepEqual(types(`entity/id/${two}`).at(-1), 'identity/entity-merge');
  const ofAlias = types(`entity-alias/id/${alias}`);
  assert.deepEqual([ofAlias[0], ofAlias.at(-1)], ['identity/entity-alias-create', 'identity/entity-alias-delete']);
  assert.ok(ofAlias.includes('identity/entity-alias-update'));
  assert.deepEqual(types(`group/id/${group}`), [
    'identity/group-create',
    'identity/group-update',
    'identity/group-delete',
  ]);
  assert.equal(JSON.stringify(subscriber.frames).includes('CANARY'), false);
  assert.equal(new Set(events.map(([, path]) => path)).size, 4, 'nothing else is told of');
});

test('the seal: what was done while nobody was connected is told to who resumes', async () => {
  await using server = await started();
  const before = await server.subscribe(everything);
  await must(server, 'PUT', 'sys/rotate');
  await before.until(({ type }) => type === 'seal/rotate');
  const { index } = before.frames.at(-1) ?? {};
  await must(server, 'PUT', 'sys/seal');
  await before.ended();
  await server.reopen();
  const after = await server.subscribe({ ...everything, query: { index: String(index) } });
  assert.equal(after.frames[0]?.['resumed'], true);
  await after.until(({ type }) => type === 'seal/unseal');
  assert.deepEqual(
    after.events.filter(({ path }) => path === 'sys/seal-status').map(({ type }) => type),
    // Of one path the last alone.
    ['seal/unseal'],
  );
});

test('who resumes is told of what was done to the server, as who was connected', async () => {
  await using server = await started();
  const live = await server.subscribe(everything);
  const { index } = live.frames.at(-1) ?? {};
  await must(server, 'POST', 'sys/mounts/kv', { type: 'kv' });
  await must(server, 'PUT', 'sys/policies/acl/app', { policy: '# none' });
  await must(server, 'DELETE', 'sys/policies/acl/app');
  await must(server, 'POST', 'sys/namespaces/team');
  await server.reopen();
  const late = await server.subscribe({ ...everything, query: { index: String(index) } });
  assert.equal(late.frames[0]?.['resumed'], true);
  const events = (await toldOf(server, late)).filter(([, path]) => path !== 'sys/seal-status');
  assert.deepEqual(events, [
    ['mount/enable', 'sys/mounts/kv'],
    ['policy/delete', 'sys/policies/acl/app'],
    ['namespace/create', 'sys/namespaces/team'],
  ]);
});

test('an event of an identity, a policy or an audit device is for who may read it, with sudo where that asks for it', async () => {
  await using server = await started();
  const rule = (path: string, ...capabilities: string[]) =>
    `path "${path}" { capabilities = ${JSON.stringify(capabilities)} }\n`;
  const watching = async (name: string, rules: string) =>
    server.subscribe({ ...everything, token: await server.token(name, rules) });
  const blind = await watching('blind', rule('*', 'subscribe') + rule('secret/*', 'read', 'subscribe'));
  const reader = await watching('reader', rule('*', 'read'));
  const policies = await watching('policies', rule('sys/policies/acl/app', 'read', 'subscribe'));
  const bare = await watching('bare', rule('sys/audit/*', 'read', 'subscribe'));
  const sudo = await watching('sudo', rule('sys/audit/*', 'read', 'subscribe', 'sudo'));
  await must(server, 'POST', 'identity/entity', { name: 'someone' });
  await must(server, 'PUT', 'sys/policies/acl/app', { policy: '# none' });
  await must(server, 'PUT', 'sys/audit/log', { type: 'file', options: { file_path: 'discard' } });
  await must(server, 'DELETE', 'sys/audit/log');
  for (const [subscriber, expected] of [
    [blind, []],
    [reader, []],
    [policies, ['policy/write']],
    [bare, []],
    [sudo, ['audit/enable', 'audit/disable']],
  ] as const) {
    assert.deepEqual(
      (await toldOf(server, subscriber)).map(([type]) => type),
      expected,
    );
  }
});

test('a subscriber whose policy is narrowed in the middle is told nothing more of what it lost', async () => {
  await using server = await started();
  const both = 'path "identity/*" { capabilities = ["read", "subscribe"] }\n';
  const other = 'path "sys/policies/*" { capabilities = ["read", "subscribe"] }\n';
  const token = await server.token('watcher', both + other);
  const subscriber = await server.subscribe({ ...everything, token });
  await must(server, 'POST', 'identity/entity', { name: 'one' });
  await subscriber.until(({ type }) => type === 'identity/entity-create');
  await must(server, 'PUT', 'sys/policies/acl/watcher', { policy: other });
  const so = subscriber.events.length;
  await must(server, 'POST', 'identity/entity', { name: 'two' });
  const events = (await toldOf(server, subscriber)).slice(so);
  assert.deepEqual(
    events.filter(([, path]) => String(path).startsWith('identity/')),
    [],
  );
});

test('a client of Vault’s events filters by what an event is, and is refused what no event has', async () => {
  await using server = await started();
  const query = { json: 'true', filter: 'data_path == "sys/policies/acl/b" and operation != "delete"' };
  const subscriber = await server.subscribe({ vault: true, type: 'policy/*', query });
  for (const name of ['a', 'b']) await must(server, 'PUT', `sys/policies/acl/${name}`, { policy: '# none' });
  await must(server, 'DELETE', 'sys/policies/acl/b');
  await must(server, 'PUT', 'sys/policies/acl/b', { policy: '# none' });
  await subscriber.until(() => subscriber.frames.length >= 2);
  const types = subscriber.frames.map(({ data }) => (data as Frame)['event_type']);
  assert.deepEqual(types, ['policy/write', 'policy/write']);
  for (const filter of ['password == "x"', 'data_path ==', 'event_type']) {
    assert.equal(await server.refused({ vault: true, query: { json: 'true', filter } }), 400, filter);
  }
});

test('a mount that moves to another namespace is told of as gone here and as moved there, and its copy is not told', async () => {
  await using server = await started();
  await must(server, 'POST', 'sys/namespaces/team');
  await must(server, 'POST', 'sys/mounts/kv', { type: 'kv' });
  await must(server, 'POST', 'kv/x', { y: 'CANARY' });
  const subscriber = await server.subscribe(everything);
  const begun = await must(server, 'POST', 'sys/remount', { from: 'kv', to: 'team/kv' });
  const status = `sys/remount/status/${String(begun.reply?.data?.['migration_id'])}`;
  for (let shown: unknown; shown !== 'success';) {
    const { reply } = await must(server, 'GET', status);
    shown = (reply?.data?.['migration_info'] as Readonly<Record<string, unknown>>)['status'];
    assert.notEqual(shown, 'failure');
  }
  assert.deepEqual(await toldOf(server, subscriber), [
    ['mount/disable', 'sys/mounts/kv'],
    ['mount/move', 'team/sys/mounts/kv'],
    [undefined, 'kv/*'],
  ]);
});
