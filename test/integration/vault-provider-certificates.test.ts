/** The provider `vault`: who it is by a certificate, to the listener and as a login. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { ProviderProblem, type ProviderClient } from '../../src/providers/contract.ts';
import { givenCredentials } from '../../src/providers/credentials.testing.ts';
import { vault, type VaultConfig } from '../../src/providers/vault/provider.ts';
import { makeAuthority, makeClient } from '../../src/lib/x509/authority.testing.ts';
import { tlsServer, type TlsServer } from '../support/tls-server.ts';

const { signal } = new AbortController();
const at = (key: string): { name: string; key: string } => ({ name: 'own', key });

async function ready(t: TestContext): Promise<TlsServer> {
  const server = await tlsServer(t);
  const ask = async (method: string, path: string, body: object): Promise<void> => {
    const headers = { 'x-vault-token': server.token };
    const { ok, status } = await fetch(`${server.plain}/v1/${path}`, { method, headers, body: JSON.stringify(body) });
    assert.ok(ok, `${path}: ${String(status)}`);
  };
  await ask('POST', 'sys/mounts/kv', { type: 'kv', options: { version: '2' } });
  await ask('POST', 'kv/data/db', { data: { user: 'app' } });
  await ask('PUT', 'sys/policies/acl/web', { policy: 'path "kv/*" { capabilities = ["read"] }' });
  return server;
}

function clientOf(t: TestContext, config: VaultConfig, texts: Readonly<Record<string, string>>): ProviderClient {
  const client = vault.connect({ path: 'kv', ...config }, givenCredentials({ secrets: { own: texts } }));
  t.after(() => {
    client.close();
  });
  return client;
}

const user = async (client: ProviderClient): Promise<string> => {
  const found = await client.read({ key: 'db', property: 'user' }, signal);
  return found.found ? Buffer.from(found.value).toString() : 'not found';
};
const denied = (error: unknown): boolean => error instanceof ProviderProblem && error.kind === 'denied';

test('a login by a certificate, and by one that takes its place in the Secret', async (t) => {
  const server = await ready(t);
  const known = await makeClient('CN=web', server.inter);
  const stranger = await makeClient('CN=web', await makeAuthority('CN=stranger'));
  const texts: Record<string, string> = { ca: server.ca, cert: stranger.pem, key: stranger.keyPem };
  const config: VaultConfig = {
    ...{ server: server.open, caProvider: { type: 'Secret', ...at('ca') } },
    auth: { cert: { vaultRole: 'web', clientCert: at('cert'), secretRef: at('key') } },
  };
  const client = clientOf(t, config, texts);
  await assert.rejects(user(client), (error) => error instanceof ProviderProblem && error.kind !== 'unreachable');
  Object.assign(texts, { cert: known.pem + server.inter.pem, key: known.keyPem });
  assert.equal(await user(client), 'app');
});

test('a listener that asks for certificates is shown that of `tls`, beside any other login', async (t) => {
  const server = await ready(t);
  const known = await makeClient('CN=web', server.authority);
  const texts = { ca: server.ca, cert: known.pem, key: known.keyPem, token: server.token };
  const config: VaultConfig = {
    ...{ server: server.strict, caProvider: { type: 'Secret', ...at('ca') } },
    auth: { tokenSecretRef: at('token') },
  };
  const tls = { certSecretRef: at('cert'), keySecretRef: at('key') };
  assert.equal(await user(clientOf(t, { ...config, tls }, texts)), 'app');
  await assert.rejects(user(clientOf(t, config, texts)), (error) => error instanceof ProviderProblem);
  await assert.rejects(user(clientOf(t, { ...config, tls: { certSecretRef: at('cert') } }, texts)), /go together/);
  const nobody = { ...config, auth: { tokenSecretRef: at('cert') }, tls };
  await assert.rejects(user(clientOf(t, nobody, texts)), (error) => denied(error) || error instanceof ProviderProblem);
});
