/** cert, spiffe and kubernetes mounted in a namespace below another: a login is of that namespace, and nothing above or beside it. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { bundleText } from '../../src/auth/spiffe/mount.testing.ts';
import type { Node } from '../../src/core/node.ts';
import type { JsonObject } from '../../src/framework/field.ts';
import type { Outcome } from '../../src/framework/request.ts';
import { signed, signingKey } from '../../src/lib/jwt/issuer.testing.ts';
import { makeAuthority, makeClient, type Made } from '../../src/lib/x509/authority.testing.ts';
import { ask, requestOf, runningNode } from '../support/node.ts';

const ALL = 'path "*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"] }';
/** The last is where the methods are; another child beside it. */
const PLACES = ['', 'team/', 'team/app/', 'team/app/below/', 'team/beside/'] as const;
const HERE = 'team/app/';

interface Given {
  readonly body: JsonObject;
  readonly certificates?: readonly Made[];
}

interface Method {
  readonly config?: JsonObject;
  readonly role: string;
  readonly rights: JsonObject;
  readonly login: Given;
}

/** As in the header. */
const named = (place: string): string => place.replace(/\/$/, '');

const now = Math.floor(Date.now() / 1_000);
const times = { iat: now, nbf: now, exp: now + 3_600 };

async function methods(): Promise<Readonly<Record<string, Method>>> {
  const key = await signingKey('ES256', 'one');
  const authority = await makeAuthority('CN=authority', { names: [{ type: 'url', value: 'spiffe://example.org' }] });
  const id = 'spiffe://example.org/ns/shop/sa/app';
  const [web, svid] = [
    await makeClient('CN=web', authority),
    await makeClient('CN=app', authority, { names: [{ type: 'url', value: id }] }),
  ];
  const account = { namespace: 'shop', serviceaccount: { name: 'app', uid: 'uid-1' } };
  const pod = {
    ...{ iss: 'https://cluster.test', aud: ['us'], sub: 'system:serviceaccount:shop:app', 'kubernetes.io': account },
    ...times,
  };
  const bundle = bundleText({ keys: [key], anchors: [Buffer.from(authority.der).toString('base64')] });
  const spiffe = {
    config: { trust_domain: 'example.org', profile: 'static', audience: 'us', bundle },
    role: 'role/app',
    rights: { workload_id_patterns: '/ns/shop/*' },
  };
  const svidToken = await signed(key, { sub: id, aud: ['us'], ...times }, { typ: 'JWT' });
  return {
    cert: { role: 'certs/app', rights: { certificate: authority.pem }, login: { body: {}, certificates: [web] } },
    'spiffe by X.509-SVID': { ...spiffe, login: { body: { role: 'app' }, certificates: [svid] } },
    'spiffe by JWT-SVID': { ...spiffe, login: { body: { role: 'app', jwt: svidToken } } },
    kubernetes: {
      config: { pem_keys: [key.pem], issuer: 'https://cluster.test' },
      role: 'role/app',
      rights: {
        ...{ bound_service_account_names: 'app', bound_service_account_namespaces: 'shop', audience: 'us' },
      },
      login: { body: { role: 'app', jwt: await signed(key, pod) } },
    },
  };
}

const all = await methods();

describe('a login in a namespace', () => {
  const started = new AsyncDisposableStack();
  let node: Node;
  let root: string;

  const read = (place: string, path: string, token = root): Promise<Outcome> =>
    ask(node, 'GET', path, { token, namespace: named(place) });

  async function must(place: string, path: string, body: JsonObject): Promise<Outcome> {
    const outcome = await ask(node, 'POST', path, { token: root, namespace: named(place), body });
    assert.ok(outcome.status < 300, `${place}${path}: ${(outcome.errors ?? []).join()}`);
    return outcome;
  }

  /** By the header, or by the path. */
  const login = (place: string, mount: string, { body, certificates = [] }: Given, byPath = false): Promise<Outcome> =>
    Promise.resolve(
      node.handle({
        ...requestOf('POST', `${byPath ? place : ''}auth/${mount}/login`, {
          body,
          ...(byPath ? {} : { namespace: named(place) }),
        }),
        clientCertificates: certificates.map(({ der }) => der),
      }),
    );

  /** Its own namespace and those below; also not by a path that leads out. */
  async function assertReach(token: string): Promise<void> {
    for (const place of PLACES) {
      const { status, reply } = await read(place, 'kv/a', token);
      const expected = place.startsWith(HERE) ? [200, place] : [403, undefined];
      assert.deepEqual([status, reply?.data?.['place']], expected, place);
    }
    for (const [place, path] of [
      ['', 'team/kv/a'],
      ['team/', 'beside/kv/a'],
      ['', 'sys/namespaces/team'],
      ['team/', 'sys/auth'],
    ] as const) {
      assert.equal((await read(place, path, token)).status, 403, `${place}${path}`);
    }
  }

  before(async () => {
    const running = await runningNode();
    ({ node, root } = running);
    started.use(node);
    for (const place of PLACES) {
      const [, above = '', name = ''] = /^(.*\/|)([^/]+)\/$/.exec(place) ?? [];
      if (place !== '') await must(above, `sys/namespaces/${name}`, {});
      // The same name gives everything in each of them: what a token reaches is where its policies are.
      await must(place, 'sys/policies/acl/app', { policy: ALL });
      await must(place, 'sys/mounts/kv', { type: 'kv' });
      await must(place, 'kv/a', { place });
    }
  });
  after(() => started.disposeAsync());

  for (const [name, { config, role, rights, login: given }] of Object.entries(all)) {
    const type = name.split(' ')[0] ?? '';
    const mount = name.replaceAll(' ', '-').toLowerCase();

    test(`by ${name} gives a token of it, which reaches nothing above or beside it`, async () => {
      await must(HERE, `sys/auth/${mount}`, { type });
      if (config !== undefined) await must(HERE, `auth/${mount}/config`, config);
      await must(HERE, `auth/${mount}/${role}`, { ...rights, token_policies: 'app' });
      const { status, auth, errors } = await login(HERE, mount, given);
      assert.deepEqual([status, auth?.['policies']], [200, ['app', 'default']], String(errors));
      const token = String(auth?.['client_token']);
      const self = (await read(HERE, 'auth/token/lookup-self', token)).reply?.data;
      assert.deepEqual([self?.['namespace_path'], self?.['path']], [HERE, `auth/${mount}/login`]);
      const entity = String(auth?.['entity_id']);
      await assertReach(token);
      for (const place of PLACES) {
        const found = await read(place, `identity/entity/id/${entity}`);
        assert.equal(found.status, place === HERE ? 200 : 404, `the entity in ${place}`);
      }
    });

    test(`by ${name} is nothing where the mount is not`, async () => {
      for (const place of PLACES.filter((each) => each !== HERE)) {
        const outcome = await login(place, mount, given);
        assert.ok(outcome.status >= 400 && outcome.auth === null, `${place}: ${String(outcome.status)}`);
      }
      assert.equal((await login(HERE, mount, given, true)).status, 200, 'by the path in place of the header');
    });

    test(`by ${name} at mounts of one name in two namespaces is two entities`, async () => {
      const first = await login(HERE, mount, given);
      const place = 'team/beside/';
      await must(place, `sys/auth/${mount}`, { type });
      if (config !== undefined) await must(place, `auth/${mount}/config`, config);
      await must(place, `auth/${mount}/${role}`, { ...rights, token_policies: 'app' });
      const second = await login(place, mount, given);
      assert.deepEqual([first.status, second.status], [200, 200]);
      assert.notEqual(first.auth?.['entity_id'], second.auth?.['entity_id']);
      const token = String(second.auth?.['client_token']);
      assert.equal((await read(HERE, 'kv/a', token)).status, 403);
      assert.equal((await read(place, 'kv/a', token)).status, 200);
    });
  }
});
