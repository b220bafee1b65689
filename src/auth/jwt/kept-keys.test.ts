import assert from 'node:assert/strict';
import { test } from 'node:test';
import { documentOfKeys, issuerServer, publishing, signed, signingKey } from '../../lib/jwt/issuer.testing.ts';
import { enabledMethod } from './mount.testing.ts';

type Body = Readonly<Record<string, unknown>>;
type Issuer = Awaited<ReturnType<typeof issuerServer>>;

const discovering = ({ url, ca }: Issuer): Body => ({ oidc_discovery_url: url, oidc_discovery_ca_pem: ca });

/** A mount whose keys come from two issuers by `config`, after a login by each of them. */
async function fetchedMethod(config: (issuers: readonly [Issuer, Issuer]) => Body) {
  const method = await enabledMethod();
  const keys = await Promise.all([signingKey('ES256', 'one'), signingKey('ES256', 'two')]);
  const servers = await Promise.all([issuerServer(), issuerServer()]);
  servers.forEach((server, at) => {
    const key = keys[at];
    server.answer(
      publishing(
        () => server,
        () => documentOfKeys(...(key === undefined ? [] : [key])),
      ),
    );
  });
  assert.equal((await method.at('POST', 'config', config(servers))).status, 204);
  await method.at('POST', 'role/r', { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'us' });
  const by = async (at: 0 | 1): Promise<number> => {
    const claims = { iss: servers[at].url, aud: 'us', sub: 'job', iat: method.now(), exp: method.now() + 60 };
    return (await method.login({ role: 'r', jwt: await signed(keys[at], claims) })).status;
  };
  return {
    ...{ ...method, by, servers },
    issuersGo: async () => {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    },
  };
}

test('after a restart the keys of all issuers serve while they are gone, for a day', async () => {
  await using method = await fetchedMethod((issuers) => ({
    jwks_pairs: issuers.map(({ url, ca }) => ({ jwks_url: `${url}/keys`, jwks_ca_pem: ca })),
  }));
  assert.deepEqual([await method.by(0), await method.by(1)], [200, 200]);
  await method.issuersGo();
  await method.restart();
  assert.deepEqual([await method.by(0), await method.by(1)], [200, 200]);
  method.later(25 * 3_600);
  await method.restart();
  assert.deepEqual([await method.by(0), await method.by(1)], [503, 503]);
});

test('those of an issuer that is found by discovery do too, and go when another is configured', async () => {
  await using method = await fetchedMethod(([issuer]) => discovering(issuer));
  assert.equal(await method.by(0), 200);
  assert.equal((await method.at('POST', 'config', discovering(method.servers[1]))).status, 204);
  assert.equal(await method.by(1), 200);
  await method.issuersGo();
  await method.restart();
  assert.equal(await method.by(1), 200);
  assert.equal(await method.by(0), 503, 'of the one before nothing is left, and of this one newer keys cannot be had');
});
