/**
 * What an id opens at home it opens nowhere else (design rule 31). The same request is made in the namespaces around with the
 * id of a real thing, where it finds nothing, and then at home, where it works: so it was the namespace that refused it. Every
 * operation of the OpenAPI document that takes an id is asked, or says why it is not.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../../src/core/node.ts';
import type { JsonObject } from '../../src/framework/field.ts';
import { files } from '../support/file-engine.ts';
import { fill, must, operations, type Called, type Place } from '../support/namespace-world.ts';
import { ask, runningNode, type Asking } from '../support/node.ts';

/** Method, path and body; `{what}` is the id of that kind. In this order: what ends a thing comes last. */
type Row = readonly [method: string, path: string, body?: JsonObject];

const rows: readonly Row[] = [
  ['POST', 'auth/token/lookup', { token: '{token}' }],
  ['POST', 'auth/token/lookup-accessor', { accessor: '{accessor}' }],
  ['POST', 'auth/token/renew', { token: '{token}' }],
  ['POST', 'auth/token/renew-accessor', { accessor: '{accessor}' }],
  ['POST', 'sys/capabilities', { token: '{token}', paths: ['kv/web'] }],
  ['POST', 'sys/capabilities-accessor', { accessor: '{accessor}', paths: ['kv/web'] }],
  ['POST', 'sys/policies/test', { path: 'kv/web', operation: 'read', token: '{token}' }],
  ['POST', 'sys/policies/test', { path: 'kv/web', operation: 'read', accessor: '{accessor}' }],
  ['POST', 'sys/policies/test', { path: 'kv/web', operation: 'read', entity_id: '{entity}' }],
  ['POST', 'sys/leases/lookup', { lease_id: '{lease}' }],
  ['POST', 'sys/leases/lookup', { lease_id: '{tokenLease}' }],
  ['POST', 'sys/leases/renew', { lease_id: '{lease}' }],
  ['POST', 'sys/leases/renew', { url_lease_id: '{lease}' }],
  ['POST', 'sys/leases/renew/{lease}'],
  ['POST', 'sys/wrapping/lookup', { token: '{wrapping}' }],
  ['POST', 'sys/control-group/request', { accessor: '{ticketAccessor}' }],
  ['POST', 'sys/control-group/authorize', { accessor: '{ticketAccessor}' }],
  ['POST', 'auth/approle/login', { role_id: '{roleId}', secret_id: '{secretId}' }],
  ['POST', 'auth/approle/role/web/secret-id/lookup', { secret_id: '{secretId}' }],
  ['POST', 'auth/approle/role/web/secret-id-accessor/lookup', { secret_id_accessor: '{secretIdAccessor}' }],
  ['POST', 'identity/lookup/entity', { id: '{entity}' }],
  ['POST', 'identity/lookup/entity', { alias_id: '{entityAlias}' }],
  ['POST', 'identity/lookup/entity', { alias_name: '{marker}', alias_mount_accessor: '{accessorOfMount}' }],
  ['POST', 'identity/lookup/group', { id: '{group}' }],
  ['POST', 'identity/lookup/group', { alias_id: '{groupAlias}' }],
  ['GET', 'identity/entity/id/{entity}'],
  ['GET', 'identity/alias/id/{entityAlias}'],
  ['GET', 'identity/persona/id/{entityAlias}'],
  ['GET', 'identity/entity-alias/id/{entityAlias}'],
  ['GET', 'identity/group/id/{group}'],
  ['GET', 'identity/group-alias/id/{groupAlias}'],
  ['POST', 'identity/entity/id/{entity}', { disabled: false }],
  ['POST', 'identity/group/id/{group}', { metadata: {} }],
  ['GET', 'identity/mfa/method/{mfaMethod}'],
  ['GET', 'identity/mfa/method/totp/{mfaMethod}'],
  ['POST', 'identity/mfa/method/totp/{mfaMethod}', { issuer: 'other' }],
  ['POST', 'identity/mfa/method/totp/admin-generate', { method_id: '{mfaMethod}', entity_id: '{entity}' }],
  ['POST', 'identity/mfa/method/totp/admin-destroy', { method_id: '{mfaMethod}', entity_id: '{entity}' }],
  ['POST', 'identity/mfa/login-enforcement/made', { mfa_method_ids: ['{mfaMethod}'], identity_group_ids: ['{group}'] }],
  ['POST', 'sys/wrapping/rewrap', { token: '{wrappingToRewrap}' }],
  ['POST', 'sys/wrapping/unwrap', { token: '{wrapping}' }],
  ['POST', 'auth/approle/role/web/secret-id-accessor/destroy', { secret_id_accessor: '{secretIdAccessor}' }],
  ['POST', 'sys/leases/revoke', { lease_id: '{lease}', sync: true }],
  ['POST', 'auth/token/revoke-accessor', { accessor: '{accessor}' }],
  ['DELETE', 'identity/mfa/login-enforcement/made'],
  ['DELETE', 'identity/mfa/method/totp/{mfaMethod}'],
  ['DELETE', 'identity/entity-alias/id/{entityAlias}'],
  ['DELETE', 'identity/group-alias/id/{groupAlias}'],
  ['DELETE', 'identity/group/id/{group}'],
  ['DELETE', 'identity/entity/id/{entity}'],
];

const APPROVAL = `path "kv/held" { capabilities = ["read"]
  control_group = { factor "ops" { identity { group_names = ["approvers"] approvals = 1 } } } }
path "sys/*" { capabilities = ["create", "update", "read", "sudo"] }`;

/** What only these rows need: a second factor, a reply that waits for an approval, one to wrap anew. */
async function more(node: Node, inside: Asking): Promise<Readonly<Record<string, string>>> {
  const made = async (path: string, body: JsonObject): Promise<JsonObject> =>
    (await must(node, 'POST', path, { ...inside, body })).reply?.data ?? {};
  const { method_id } = await made('identity/mfa/method/totp', { issuer: 'here' });
  const wrapped = await must(node, 'GET', 'kv/web', { ...inside, wrapTtl: 3_600 });
  return {
    mfaMethod: String(method_id),
    wrappingToRewrap: String(wrapped.wrapInfo?.['token']),
    ...(await held(node, inside)),
  };
}

interface Person {
  readonly token: string;
  readonly entity: string;
}

async function login(node: Node, inside: Asking, name: string): Promise<Person> {
  const role = `auth/approle/role/${name}`;
  await must(node, 'POST', role, { ...inside, body: { token_policies: ['held'] } });
  const of = async (method: string, path: string): Promise<JsonObject> =>
    (await must(node, method, path, inside)).reply?.data ?? {};
  const { role_id = '' } = await of('GET', `${role}/role-id`);
  const { secret_id = '' } = await of('POST', `${role}/secret-id`);
  const { auth } = await must(node, 'POST', 'auth/approle/login', { ...inside, body: { role_id, secret_id } });
  return { token: String(auth?.['client_token']), entity: String(auth?.['entity_id']) };
}

/** A request of somebody who asks for what an approval holds back; and somebody who can approve. */
async function held(node: Node, inside: Asking): Promise<Readonly<Record<string, string>>> {
  const write = (path: string, body: JsonObject) => must(node, 'POST', path, { ...inside, body });
  await write('sys/policies/acl/held', { policy: APPROVAL });
  await write('kv/held', { owner: 'held' });
  const [asks, approves] = [await login(node, inside, 'asks'), await login(node, inside, 'approves')];
  await write('identity/group', { name: 'approvers', member_entity_ids: [approves.entity] });
  const { wrapInfo } = await must(node, 'GET', 'kv/held', { ...inside, token: asks.token });
  return { ticketAccessor: String(wrapInfo?.['accessor']), approver: approves.token };
}

/** Operations that take an id and are not in the rows, and why: by method and path. */
const elsewhere: readonly (readonly [operation: RegExp, why: string])[] = [
  [/-self$/, 'about the token that asks'],
  [/^POST auth\/token\/create/, 'its id is that of the new token, refused below the root namespace'],
  [/^POST auth\/token\/revoke(-orphan)?$/, 'namespace-isolation.test.ts: the token is whole afterwards'],
  [/^POST auth\/approle\/role/, 'about a role, which is named; its ids are in the rows'],
  [/^POST sys\/leases\/revoke\/\{/, 'the same operation as sys/leases/revoke, which is in the rows'],
  [
    /^POST identity\/(alias|entity-alias|group-alias|entity|group)(\/id\/\{id\}|\/name\/\{name\})?$/,
    'namespace-isolation.test.ts',
  ],
  [/^POST identity\/entity\/(batch-delete|merge)$/, 'namespace-isolation.test.ts'],
  [/^DELETE identity\/(alias|persona)\/id/, 'the same operation as identity/entity-alias/id, which is in the rows'],
  [/^POST identity\/mfa\/method\/totp\/(generate|self-enroll)$/, 'about who asks: login-mfa-attack.test.ts'],
  [/^POST identity\/oidc\/assignment/, 'keeps ids of whoever may come; they are looked up in its own namespace'],
  [/^POST identity\/oidc\/(key|role|provider|introspect)/, 'ids of clients: namespace-isolation.test.ts'],
  [/sys\/consumers/, 'needs a stream: consumers.test.ts'],
  [
    /^POST sys\/(generate-root-token|rotate)/,
    'the nonce of an attempt, of which a seal has one at a time: a namespace asks its own',
  ],
  [/^POST sys\/locked-users/, 'needs somebody who is locked out: path-locked-users.test.ts'],
  [/^POST sys\/mfa\/validate/, 'needs a login: login-mfa-hostile.test.ts'],
  [/^GET sys\/remount\/status/, 'needs a move: path-remount.test.ts'],
];

const TAKES_ID = /(^|_)(ids?|token|accessors?|nonce)$/;

const takesId = ({ path, fields }: Called): boolean =>
  [...[...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name), ...Object.keys(fields)].some((name) =>
    TAKES_ID.test(name),
  );

const filled = (text: string, place: Place): string =>
  text.replaceAll(/\{(\w+)\}/g, (_match, what: string) => {
    const id = what === 'marker' ? place.marker : place.ids[what];
    assert.ok(id !== undefined && id !== '', `there is no ${what} in ${place.path}`);
    return id;
  });

/** What somebody in `namespace` hears who asks with the ids of `place`. */
async function asked(node: Node, [method, path, body]: Row, place: Place, asking: Asking): Promise<string> {
  const filledBody = body === undefined ? {} : { body: JSON.parse(filled(JSON.stringify(body), place)) as JsonObject };
  const { status, errors, warnings } = await ask(node, method, filled(path, place), { ...asking, ...filledBody });
  return JSON.stringify([status, errors, warnings]);
}

/** Second factors hold in all namespaces below, which may read them. */
const readBelow = ([method, path]: Row, namespace: string): boolean =>
  method === 'GET' && path.startsWith('identity/mfa/method/') && namespace.startsWith('p/a/');

/** Nothing was found: an error, or a reply that says so. */
const refused = (told: string): boolean => /^\[(4\d\d|204),|^\[20\d.*"No .* found/.test(told);

async function findsNothing(node: Node, row: Row, home: Place, askings: readonly Asking[]): Promise<void> {
  for (const asking of askings) {
    const told = await asked(node, row, home, asking);
    const { namespace = '' } = asking;
    // Deleting what is not there is no error: whether it is still there is asked at home.
    const harmless = row[0] === 'DELETE' || refused(told) || readBelow(row, namespace);
    assert.ok(harmless, `${JSON.stringify(row)} in ${namespace} was answered ${told}`);
  }
}

async function works(node: Node, row: Row, home: Place, inside: Asking): Promise<void> {
  const [method, path] = row;
  const standing = async (): Promise<number> => (await ask(node, 'GET', filled(path, home), inside)).status;
  if (method === 'DELETE') assert.equal(await standing(), 200, 'it was deleted from elsewhere');
  const { approver = '' } = home.ids;
  const told = await asked(node, row, home, path.endsWith('/authorize') ? { ...inside, token: approver } : inside);
  assert.match(told, /^\[20\d,/, `${JSON.stringify(row)} at home`);
  assert.doesNotMatch(told, /"No .* found/);
  if (method === 'DELETE') assert.equal(await standing(), 404);
}

test('what an id opens at home it opens nowhere else', async (t) => {
  const { node, root } = await runningNode({ engines: { files } });
  await using _ = node;
  const below: readonly (readonly [string, string])[] = [
    ['', 'p'],
    ['p', 'a'],
    ['p', 'b'],
    ['p/a', 'c'],
  ];
  for (const [parent, name] of below)
    await must(node, 'POST', `sys/namespaces/${name}`, { token: root, namespace: parent });
  const filledPlace = await fill(node, root, 'p/a');
  const inside = { token: root, namespace: 'p/a' };
  const home: Place = { ...filledPlace, ids: { ...filledPlace.ids, ...(await more(node, inside)) } };
  // With the same mounts and roles, so that it is not those that are missing.
  const others = ['p', 'p/b', 'p/a/c'];
  for (const other of others) await fill(node, root, other);
  for (const row of rows) {
    await t.test(row.slice(0, 2).join(' '), async () => {
      await findsNothing(
        node,
        row,
        home,
        others.map((namespace) => ({ token: root, namespace })),
      );
      await works(node, row, home, inside);
    });
  }
});

test('each operation of the OpenAPI document that takes an id is asked', async () => {
  const { node, root } = await runningNode({ engines: { files } });
  await using _ = node;
  await must(node, 'POST', 'sys/namespaces/a', { token: root });
  await fill(node, root, 'a');
  const known = new Set(rows.map(([method, path]) => `${method} ${shape(path)}`));
  const all = (await operations(node, root, 'a')).filter(({ method }) => method !== 'LIST' && method !== 'SCAN');
  const taking = all
    .filter(takesId)
    .map(({ method, path }) => ({ operation: `${method} ${path}`, at: `${method} ${shape(path)}` }));
  const missing = taking.filter(({ operation, at }) => !known.has(at) && !elsewhere.some(([of]) => of.test(operation)));
  assert.deepEqual(
    missing.map(({ operation }) => operation),
    [],
  );
  const unused = elsewhere.filter(([of]) => !taking.some(({ operation }) => of.test(operation)));
  assert.deepEqual(unused.map(String), []);
});

/** Without the names of what is filled in: those are ours in the rows, and the document's in the document. */
const shape = (path: string): string => path.replaceAll(/\{\w+\}/g, '*').replaceAll(/\b(web|made)\b/g, '*');
