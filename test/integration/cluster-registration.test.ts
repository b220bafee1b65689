/** A cluster is registered while another operator writes the same: what they wrote stays, and nobody's keys are lost. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Client } from '../../src/client/client.ts';
import { clientDefaults } from '../../src/client/settings.ts';
import { register, type Wanted } from '../../src/cli/clusters/registration.ts';
import { signingKey, type SigningKey } from '../../src/lib/jwt/issuer.testing.ts';
import { plainServer } from '../support/snapshots.ts';

const ISSUER = 'https://cluster-one.test';
type Body = Readonly<Record<string, unknown>>;

const wantedOf = (...keys: readonly SigningKey[]): Wanted => {
  const jwks = { keys: keys.map(({ jwk }) => jwk as Body) };
  return {
    ...{ name: 'one', audience: 'lockstep', role: 'workload', policy: 'kubernetes-tenant', kv: 'kv', ttl: '1h' },
    cluster: { issuer: ISSUER, jwks: JSON.stringify(jwks), keys: jwks.keys },
    ...{ names: ['*'], namespaces: ['*'], publisher: undefined, apiAudiences: undefined, regions: [] },
    replaceKeys: true,
  };
};

/** `meanwhile` runs once all was looked at, before the first write to `path`. */
async function operator(t: TestContext) {
  const { server, token } = await plainServer(t, { storage: 'inmem' });
  const client = new Client({ ...clientDefaults, address: await server.address(), token });
  t.after(() => {
    client.close();
  });
  const add = (wanted: Wanted, at?: { readonly path: string; readonly meanwhile: () => Promise<unknown> }) => {
    let pending = at;
    const write: Client['write'] = async (path, body, options) => {
      if (pending?.path === path) {
        const { meanwhile } = pending;
        pending = undefined;
        await meanwhile();
      }
      return client.write(path, body, options);
    };
    const writer: Client = Object.create(client, { write: { value: write } }) as Client;
    return register({ client: writer, reader: client, dry: false }, wanted);
  };
  const read = async (path: string): Promise<Body> => (await client.read(path))?.data ?? {};
  return { client, add, read };
}

test('each step that somebody else has done meanwhile is refused, theirs stays, and the next run goes on from there', async (t) => {
  const { client, add, read } = await operator(t);
  const key = await signingKey('ES256', 'k');
  const wanted = wantedOf(key);
  const theirs = {
    'auth/one/config': { jwks: wanted.cluster.jwks, issuer: 'https://theirs.test' },
    'sys/policies/acl/kubernetes-tenant': { policy: 'path "theirs/*" { capabilities = ["read"] }' },
    'auth/one/role/workload': {
      ...{ bound_service_account_names: 'theirs', bound_service_account_namespaces: 'theirs', audience: 'theirs' },
    },
  };
  const shows: Readonly<Record<string, (data: Body) => unknown>> = {
    'auth/one/config': ({ issuer }) => issuer,
    'sys/policies/acl/kubernetes-tenant': ({ policy }) => policy,
    'auth/one/role/workload': ({ audience }) => audience,
  };
  for (const [path, body] of Object.entries(theirs)) {
    const raced = add(wanted, { path, meanwhile: () => client.write(path, body) });
    await assert.rejects(raced, {
      message: `${path} was written by somebody else meanwhile, and is left as it is. Run this again to go on from there.`,
      code: 2,
    });
    assert.match(String(shows[path]?.(await read(path))), /theirs/);
    if (path !== 'auth/one/config') continue;
    await assert.rejects(add(wanted), /"one" is the cluster of https:\/\/theirs\.test/);
    await client.write(path, { ...body, issuer: ISSUER });
  }
  const steps = await add(wanted);
  assert.deepEqual(
    steps.map(({ state }) => state),
    ['there', 'there', 'differs', 'differs'],
  );
});

test('a mount that somebody else has made meanwhile is not made twice', async (t) => {
  const { client, add } = await operator(t);
  const wanted = wantedOf(await signingKey('ES256', 'k'));
  const meanwhile = () => client.write('sys/auth/one', { type: 'kubernetes' });
  await assert.rejects(add(wanted, { path: 'sys/auth/one', meanwhile }), /path is already in use at auth\/one\//);
  await add(wanted);
});

test('keys that another operator has replaced meanwhile are not put back', async (t) => {
  const { add, read } = await operator(t);
  const [old, next] = [await signingKey('ES256', 'old'), await signingKey('ES256', 'next')];
  await add(wantedOf(old));
  const late = add(wantedOf(old, next), { path: 'auth/one/config', meanwhile: () => add(wantedOf(next)) });
  await assert.rejects(late, /auth\/one\/config was written by somebody else meanwhile/);
  assert.deepEqual(
    ((await read('auth/one/keys'))['keys'] as readonly { readonly kid: string }[]).map(({ kid }) => kid),
    ['next'],
  );
});
