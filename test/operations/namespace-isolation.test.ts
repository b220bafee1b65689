/**
 * No id of one namespace answers in another, over every operation of the OpenAPI document (design rule 31): each is called
 * in a parent, a child and a sibling with the ids of the others in each of its parameters, by a caller who may do all there.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Node } from '../../src/core/node.ts';
import type { JsonObject } from '../../src/framework/field.ts';
import { files } from '../support/file-engine.ts';
import { ask, runningNode, type Asking } from '../support/node.ts';

/** Where leased users lie. */
const WORLD = mkdtempSync(join(tmpdir(), 'lockstep-isolation-'));
after(() => {
  rmSync(WORLD, { recursive: true, force: true });
});

const ALL = 'path "*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "scan", "sudo"] }';
const METHODS: Readonly<Record<string, readonly string[]>> = {
  get: ['GET', 'LIST', 'SCAN'],
  post: ['POST'],
  patch: ['PATCH'],
  delete: ['DELETE'],
};

interface Place {
  readonly path: string;
  readonly marker: string;
  /** By what they are. */
  readonly ids: Readonly<Record<string, string>>;
}

interface Called {
  readonly method: string;
  readonly path: string;
  readonly fields: readonly string[];
}

async function must(node: Node, method: string, path: string, asking: Asking) {
  const outcome = await ask(node, method, path, asking);
  assert.ok(outcome.status < 300, `${method} ${asking.namespace ?? ''} ${path}: ${(outcome.errors ?? []).join()}`);
  return outcome;
}

/** A leased secret, and the token as a lease. */
async function leasesOf(node: Node, inside: Asking): Promise<Readonly<Record<string, string>>> {
  await must(node, 'POST', 'sys/mounts/db', { ...inside, body: { type: 'files', options: { folder: WORLD } } });
  const { leaseId } = await must(node, 'GET', 'db/creds/web', inside);
  const { reply } = await must(node, 'LIST', 'sys/leases/lookup/auth/token/create', inside);
  const [last = ''] = reply?.data?.['keys'] as readonly string[];
  return { lease: leaseId, tokenLease: `auth/token/create/${last}` };
}

/** An entity and groups, which nobody in the namespace touches by their names. */
async function fillIdentity(node: Node, inside: Asking, marker: string): Promise<Readonly<Record<string, string>>> {
  const metadata = { owner: marker };
  const make = async (path: string, body: JsonObject): Promise<string> =>
    String((await must(node, 'POST', path, { ...inside, body })).reply?.data?.['id']);
  const auths = await must(node, 'GET', 'sys/auth', inside);
  const accessor = String((auths.reply?.data?.['approle/'] as JsonObject)['accessor']);
  const entity = await make('identity/entity', { name: 'kept', metadata });
  const alias = { name: marker, mount_accessor: accessor, canonical_id: entity, custom_metadata: metadata };
  const entityAlias = await make('identity/entity-alias', alias);
  const group = await make('identity/group', { name: 'kept', metadata, member_entity_ids: [entity] });
  const external = await make('identity/group', { name: 'external', metadata, type: 'external' });
  const ofGroup = { name: marker, mount_accessor: accessor, canonical_id: external };
  return {
    entity,
    entityAlias,
    group,
    external,
    groupAlias: await make('identity/group-alias', ofGroup),
    accessorOfMount: accessor,
  };
}

/** A client of the OIDC provider; the name is one that is asked for elsewhere too. */
async function clientOf(node: Node, inside: Asking, marker: string): Promise<Readonly<Record<string, string>>> {
  const client = { redirect_uris: `https://${marker}/cb`, assignments: 'allow_all' };
  await must(node, 'POST', 'identity/oidc/scope/kept', { ...inside, body: { description: marker } });
  await must(node, 'POST', 'identity/oidc/client/kept', { ...inside, body: client });
  const { reply } = await must(node, 'GET', 'identity/oidc/client/kept', inside);
  return { client: String(reply?.data?.['client_id']), clientSecret: String(reply?.data?.['client_secret']) };
}

/** Whatever has an id, with a word in it that stands nowhere else. */
async function fill(node: Node, token: string, path: string): Promise<Place> {
  const inside = { token, namespace: path };
  // Of no two places is one the beginning of the other.
  const marker = `marker-${path.replaceAll('/', '-')}-end`;
  const meta = { owner: marker };
  await must(node, 'PUT', 'sys/policies/acl/all', { ...inside, body: { policy: ALL } });
  await must(node, 'POST', 'sys/mounts/kv', { ...inside, body: { type: 'kv' } });
  await must(node, 'POST', 'sys/mounts/kv2', { ...inside, body: { type: 'kv-v2' } });
  await must(node, 'POST', 'kv/web', { ...inside, body: { owner: marker } });
  await must(node, 'POST', 'sys/auth/approle', { ...inside, body: { type: 'approle' } });
  await must(node, 'POST', 'auth/approle/role/web', { ...inside, body: { token_policies: 'all' } });
  const made = await must(node, 'POST', 'auth/token/create', { ...inside, body: { meta, display_name: marker } });
  const wrapped = await must(node, 'GET', 'kv/web', { ...inside, wrapTtl: 3_600 });
  const roleId = await must(node, 'GET', 'auth/approle/role/web/role-id', inside);
  const body = { metadata: JSON.stringify(meta) };
  const secretId = await must(node, 'POST', 'auth/approle/role/web/secret-id', { ...inside, body });
  const identity = await fillIdentity(node, inside, marker);
  return {
    ...{ path, marker },
    ids: {
      ...identity,
      ...(await clientOf(node, inside, marker)),
      token: String(made.auth?.['client_token']),
      accessor: String(made.auth?.['accessor']),
      wrapping: String(wrapped.wrapInfo?.['token']),
      wrappingAccessor: String(wrapped.wrapInfo?.['accessor']),
      roleId: String(roleId.reply?.data?.['role_id']),
      secretId: String(secretId.reply?.data?.['secret_id']),
      secretIdAccessor: String(secretId.reply?.data?.['secret_id_accessor']),
      ...(await leasesOf(node, inside)),
    },
  };
}

async function operations(node: Node, token: string, namespace: string): Promise<readonly Called[]> {
  const document = await must(node, 'GET', 'sys/internal/specs/openapi', { token, namespace });
  const paths = document.reply?.bare?.['paths'] as Readonly<Record<string, JsonObject>>;
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(METHODS).flatMap(([key, methods]) => {
      const schema = item[key] as { requestBody?: { content: Record<string, { schema: { properties: object } }> } };
      const fields = Object.keys(schema?.requestBody?.content['application/json']?.schema.properties ?? {});
      return item[key] === undefined ? [] : methods.map((method) => ({ method, path: path.slice(1), fields }));
    }),
  );
}

/** What would end the world that the test stands on, rather than touch what is another's. */
const setsUp = ({ method, path }: Called): boolean =>
  method !== 'GET' && /^sys\/(mounts|auth|remount|polic|namespaces)|^auth\/approle\/role\/\{role_name\}$/.test(path);

/** Names lead to what is there; ids are tried in every other place. */
const valueOf = (name: string, id: string): string => (/role_name|^name$|alias_name/.test(name) ? 'web' : id);

/** Whether all of it is as it was made. */
async function assertWhole(node: Node, token: string, { path, ids, marker }: Place, after: string): Promise<void> {
  const inside = { token, namespace: path };
  const of = (body: JsonObject): Asking => ({ ...inside, body });
  const { token: own = '', wrapping = '', secretIdAccessor = '' } = ids;
  const found = node.services.tokens.find(own)?.record;
  assert.deepEqual([found?.meta, found?.lastRenewal], [{ owner: marker }, undefined], after);
  assert.equal((await ask(node, 'POST', 'sys/wrapping/lookup', of({ token: wrapping }))).status, 200, after);
  const lease = await ask(node, 'POST', 'sys/leases/lookup', of({ lease_id: ids['lease'] ?? '' }));
  assert.deepEqual([lease.status, lease.reply?.data?.['last_renewal']], [200, null], after);
  const about = { secret_id_accessor: secretIdAccessor };
  const look = await ask(node, 'POST', 'auth/approle/role/web/secret-id-accessor/lookup', of(about));
  assert.equal(look.status, 200, after);
  assert.deepEqual((await ask(node, 'GET', 'kv/web', inside)).reply?.data, { owner: marker }, after);
  await assertIdentityWhole(node, inside, { ids, marker }, after);
}

async function assertIdentityWhole(
  node: Node,
  inside: Asking,
  { ids, marker }: Pick<Place, 'ids' | 'marker'>,
  after: string,
): Promise<void> {
  const read = async (path: string) => (await ask(node, 'GET', path, inside)).reply?.data;
  const entity = await read('identity/entity/name/kept');
  const [alias] = (entity?.['aliases'] ?? []) as readonly JsonObject[];
  assert.deepEqual(
    [entity?.['id'], entity?.['metadata'], entity?.['disabled']],
    [ids['entity'], { owner: marker }, false],
    after,
  );
  assert.deepEqual([alias?.['id'], alias?.['custom_metadata']], [ids['entityAlias'], { owner: marker }], after);
  assert.deepEqual((await read('identity/group/name/kept'))?.['member_entity_ids'], [ids['entity']], after);
  const external = await read('identity/group/name/external');
  assert.equal((external?.['alias'] as JsonObject)['id'], ids['groupAlias'], after);
}

test('a login and a merge find nobody of another namespace', async () => {
  const { node, root } = await runningNode({ engines: { files } });
  await using _ = node;
  for (const name of ['a', 'b']) await must(node, 'POST', `sys/namespaces/${name}`, { token: root });
  const [a, b] = [await fill(node, root, 'a'), await fill(node, root, 'b')];
  const inA: Asking = { token: root, namespace: 'a' };
  const { entity: own = '' } = a.ids;
  const { entity: other = '', group: otherGroup = '', accessorOfMount = '' } = b.ids;
  const refused: readonly (readonly [string, JsonObject])[] = [
    ['identity/entity/merge', { from_entity_ids: [other], to_entity_id: own }],
    ['identity/entity/merge', { from_entity_ids: [own], to_entity_id: other }],
    ['identity/group', { name: 'new', member_entity_ids: [other] }],
    ['identity/group', { name: 'new', member_group_ids: [otherGroup] }],
    ['identity/entity-alias', { name: 'x', mount_accessor: accessorOfMount, canonical_id: own }],
    ['identity/entity-alias/id/' + String(a.ids['entityAlias']), { canonical_id: other }],
    ['identity/entity', { id: other, name: 'stolen' }],
  ];
  for (const [path, body] of refused) {
    assert.equal((await ask(node, 'POST', path, { ...inA, body })).status, 400, JSON.stringify([path, body]));
  }
  await assertWhole(node, root, b, 'at the end');
  await assertWhole(node, root, a, 'at the end');
});

test('no id of one namespace answers in another, in any operation that there is', async () => {
  const { node, root } = await runningNode({ engines: { files } });
  await using _ = node;
  for (const [parent, name] of [
    ['', 'p'],
    ['p', 'a'],
    ['p', 'b'],
  ] as const) {
    await must(node, 'POST', `sys/namespaces/${name}`, { token: root, namespace: parent });
  }
  const places: Place[] = [];
  for (const path of ['p', 'p/a', 'p/b']) places.push(await fill(node, root, path));
  let tried = 0;
  for (const here of places) {
    const caller = async (): Promise<string> => {
      const asking = { token: root, namespace: here.path, body: { policies: ['all'], no_parent: true } };
      return String((await must(node, 'POST', 'auth/token/create', asking)).auth?.['client_token']);
    };
    const all = (await operations(node, root, here.path)).filter((each) => !setsUp(each));
    for (const called of all) {
      for (const other of places.filter((each) => each !== here)) {
        const token = await caller();
        for (const [what, id] of Object.entries(other.ids)) {
          const path = called.path.replaceAll(/\{(\w+)\}/g, (_match, name: string) => valueOf(name, id));
          const body = Object.fromEntries(called.fields.map((name) => [name, valueOf(name, id)]));
          const contentType = called.method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
          const asking = { token, namespace: here.path, contentType };
          const outcome = await ask(node, called.method, path, called.fields.length > 0 ? { ...asking, body } : asking);
          const tells = JSON.stringify([outcome.reply ?? {}, outcome.auth, outcome.errors ?? [], outcome.warnings]);
          const where = `${called.method} ${called.path} in ${here.path} with ${what} of ${other.path}`;
          assert.ok(!tells.includes(other.marker), `${where}: ${tells}`);
          tried += 1;
        }
        await assertWhole(node, root, other, `${called.method} ${called.path} in ${here.path}`);
      }
    }
  }
  assert.ok(tried > 1_000, String(tried));
});

test('a token of one namespace opens nothing in another, in any operation that there is', async () => {
  const { node, root } = await runningNode({ engines: { files } });
  await using _ = node;
  for (const name of ['a', 'b']) await must(node, 'POST', `sys/namespaces/${name}`, { token: root });
  const [a, b] = [await fill(node, root, 'a'), await fill(node, root, 'b')];
  const asking = { token: root, namespace: 'a', body: { policies: ['all'] } };
  const token = String((await must(node, 'POST', 'auth/token/create', asking)).auth?.['client_token']);
  /** What needs no token, and what is about the token itself wherever it is asked. */
  const free =
    /^sys\/(health|seal-status|seal-backend-status|leader|decode-token|wrapping|internal\/ui\/mounts)|-self$|^auth\/approle\/login|^identity\/oidc\/(provider\/\{\w+\}\/)?(\.well-known|token$)|^sys\/mfa\/validate|\/self-enroll$/;
  let tried = 0;
  for (const namespace of ['', 'b']) {
    for (const called of await operations(node, root, namespace)) {
      if (free.test(called.path) || /^sys\/(init|unseal|metrics|regions)/.test(called.path)) continue;
      const path = called.path.replaceAll(/\{(\w+)\}/g, 'web');
      const body = Object.fromEntries(called.fields.map((name) => [name, 'web']));
      const contentType = called.method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
      const outcome = await ask(node, called.method, path, { token, namespace, body, contentType });
      // A cubbyhole is the token's own, but its policies let it reach none outside of its namespace.
      assert.equal(
        outcome.status,
        called.path.endsWith('/userinfo') ? 401 : 403,
        `${called.method} ${namespace} ${path}`,
      );
      tried += 1;
    }
  }
  assert.ok(tried > 100, String(tried));
  await assertWhole(node, root, a, 'at the end');
  await assertWhole(node, root, b, 'at the end');
});
