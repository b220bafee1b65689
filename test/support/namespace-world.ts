/** Namespaces that hold one of everything that has an id, for tests that no other namespace answers to it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Node } from '../../src/core/node.ts';
import type { JsonObject } from '../../src/framework/field.ts';
import { ask, type Asking } from './node.ts';

/** Where leased users lie. */
const WORLD = mkdtempSync(join(tmpdir(), 'lockstep-isolation-'));
process.once('exit', () => {
  rmSync(WORLD, { recursive: true, force: true });
});

const ALL = 'path "*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "scan", "sudo"] }';
const METHODS: Readonly<Record<string, readonly string[]>> = {
  get: ['GET', 'LIST', 'SCAN'],
  post: ['POST'],
  patch: ['PATCH'],
  delete: ['DELETE'],
};

export interface Place {
  readonly path: string;
  readonly marker: string;
  /** By what they are. */
  readonly ids: Readonly<Record<string, string>>;
}

export interface Called {
  readonly method: string;
  readonly path: string;
  /** Of the body, and whether one can hold an id: numbers, durations and objects would be refused before an id is looked at. */
  readonly fields: Readonly<Record<string, boolean>>;
}

interface Fields {
  readonly properties?: Readonly<Record<string, { readonly type?: string; readonly format?: string }>>;
}

const holdsText = ({ type, format }: NonNullable<Fields['properties']>[string]): boolean =>
  type === 'array' || (type === 'string' && (format === undefined || format === 'password'));

export async function must(node: Node, method: string, path: string, asking: Asking) {
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
export async function fill(node: Node, token: string, path: string): Promise<Place> {
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

export async function operations(node: Node, token: string, namespace: string): Promise<readonly Called[]> {
  const document = await must(node, 'GET', 'sys/internal/specs/openapi', { token, namespace });
  const paths = document.reply?.bare?.['paths'] as Readonly<Record<string, JsonObject>>;
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(METHODS).flatMap(([key, methods]) => {
      const schema = item[key] as { requestBody?: { content: Record<string, { schema: Fields }> } };
      const { properties = {} } = schema?.requestBody?.content['application/json']?.schema ?? {};
      const fields = Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, holdsText(field)]));
      return item[key] === undefined ? [] : methods.map((method) => ({ method, path: path.slice(1), fields }));
    }),
  );
}

/** Whether all of it is as it was made. */
export async function assertWhole(
  node: Node,
  token: string,
  { path, ids, marker }: Place,
  after: string,
): Promise<void> {
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
