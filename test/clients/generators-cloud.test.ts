/** Logins for registries of Google and Azure, at servers of ours, on which their own clients are set in the tests of the providers. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { acrAccessToken, type AcrAccessTokenConfig } from '../../src/generators/acr-access-token/generator.ts';
import type { Generated } from '../../src/generators/contract.ts';
import { gcrAccessToken } from '../../src/generators/gcr-access-token/generator.ts';
import { givenCredentials, type Given } from '../../src/providers/credentials.testing.ts';
import { TENANT } from '../support/azure.ts';
import { azureStores, clusterStore, problem, SECRET, SUBJECT, type AzureStores } from '../support/azure-stores.ts';
import { googleServer, type GoogleServer } from '../support/google.ts';

const { signal } = new AbortController();

const textsOf = async (made: Promise<Generated>): Promise<Readonly<Record<string, string>>> =>
  Object.fromEntries([...(await made).values].map(([name, value]) => [name, Buffer.from(value).toString()]));

describe('GCRAccessToken', () => {
  const account = 'puller@shop.iam.gserviceaccount.com';
  let google: GoogleServer;

  before(async () => {
    google = await googleServer();
    Object.assign(process.env, google.variables);
  });
  after(async () => {
    for (const name of Object.keys(google.variables)) delete process.env[name];
    await google[Symbol.asyncDispose]();
  });

  test('is an access token of the account, and says until when', async () => {
    const secrets = { key: { json: await google.keyFile(account) } };
    const auth = { secretRef: { secretAccessKeySecretRef: { name: 'key', key: 'json' } } };
    const config = { projectID: 'shop', auth };
    const made = await textsOf(gcrAccessToken.generate(config, givenCredentials({ secrets }), signal));
    assert.deepEqual(Object.keys(made), ['username', 'password', 'expiry']);
    assert.equal(made['username'], 'oauth2accesstoken');
    assert.ok(Number(made['expiry']) > Date.now() / 1_000, String(made['expiry']));
    google.allowed.add(account);
    const headers = { authorization: `Bearer ${made['password'] ?? ''}` };
    assert.equal((await fetch(`${google.url}/v1/projects/shop/secrets`, { headers })).status, 200);
  });

  test('is nobody’s where nobody is named', async () => {
    await assert.rejects(
      gcrAccessToken.generate({ projectID: 'shop', auth: {} }, givenCredentials(), signal),
      problem('invalid', /lends its own account to a ClusterSecretStore alone/),
    );
  });
});

describe('ACRAccessToken', () => {
  let stores: AzureStores;
  let registry = '';

  before(async () => {
    stores = await azureStores();
    registry = new URL(stores.azure.url).host;
    process.env['AZURE_AUTHORITY_HOST'] = stores.azure.url;
  });
  after(async () => {
    delete process.env['AZURE_AUTHORITY_HOST'];
    await stores[Symbol.asyncDispose]();
  });

  const secrets = { app: { id: 'app', secret: SECRET }, stranger: { id: 'stranger', secret: 'other' } };
  const principal = (name: string): AcrAccessTokenConfig['auth'] => ({
    servicePrincipal: { secretRef: { clientId: { name, key: 'id' }, clientSecret: { name, key: 'secret' } } },
  });
  const make = (config: Partial<AcrAccessTokenConfig>, given: Given = {}) => {
    const whole = { registry, tenantId: TENANT, auth: principal('app'), ...config };
    return acrAccessToken.generate(whole, givenCredentials({ store: clusterStore, secrets, ...given }), signal);
  };

  test('is a refresh token of the registry, or with a scope an access token for that alone', async () => {
    const whole = await textsOf(make({}));
    assert.equal(whole['username'], '00000000-0000-0000-0000-000000000000');
    stores.azure.asked.length = 0;
    const narrow = await textsOf(make({ scope: 'repository:shop:pull' }));
    assert.notEqual(narrow['password'], whole['password']);
    assert.deepEqual(stores.azure.asked, [
      `POST /${TENANT}/oauth2/v2.0/token`,
      'POST /oauth2/exchange',
      'POST /oauth2/token',
    ]);
  });

  test('is made with a service account that is federated with an application', async () => {
    const annotations = {
      'azure.workload.identity/client-id': 'federated',
      'azure.workload.identity/tenant-id': TENANT,
    };
    const given: Given = { annotations, token: async (_ref, audiences) => stores.accountToken(audiences) };
    const auth = { workloadIdentity: { serviceAccountRef: { name: SUBJECT.split(':').at(-1) ?? '' } } };
    const { password } = await textsOf(make({ auth, environmentType: 'PublicCloud' }, given));
    assert.match(password ?? '', /^eyJ/);
  });

  test('is refused to whom the registry does not know, and for what can never work', async () => {
    await assert.rejects(make({ auth: principal('stranger') }), problem('denied', /the registry at .* answers 401/));
    const near: Given = { store: { kind: 'SecretStore', name: 'x', namespace: 'team' } };
    const elsewhere = problem('invalid', /registry is the name of its host: <name>\.azurecr\.io/);
    for (const host of [
      registry,
      'evil.example',
      'azurecr.io.evil.example',
      'shop.azurecr.us',
      'shop.azurecr.io:444',
    ]) {
      await assert.rejects(make({ registry: host }, near), elsewhere, host);
    }
    const wrong: readonly (readonly [Partial<AcrAccessTokenConfig>, RegExp])[] = [
      [{ auth: {} }, /one of servicePrincipal, workloadIdentity and managedIdentity/],
      [{ auth: { managedIdentity: { identityId: 'x' } } }, /lent to a ClusterSecretStore alone/],
      [{ auth: { workloadIdentity: {} } }, /lends nobody its own token/],
      [{ registry: 'evil.example/?shop.azurecr.io' }, /registry is the name of its host/],
      [{ registry: 'user@shop.azurecr.io' }, /registry is the name of its host/],
      [{ registry: '' }, /registry is the name of its host/],
      [{ environmentType: 'AzureStackCloud' }, /needs customCloudConfig/],
    ];
    for (const [config, said] of wrong)
      await assert.rejects(make({ registry: 'shop.azurecr.io', ...config }, near), problem('invalid', said));
  });
});
