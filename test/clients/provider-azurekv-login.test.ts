/** As whom stores of `azurekv` ask, and where their tokens go, at a server of ours (see `provider-azurekv.test.ts`). */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { AzureKvConfig } from '../../src/providers/azurekv/config.ts';
import type { ProviderClient, StoreIdentity } from '../../src/providers/contract.ts';
import type { Given } from '../../src/providers/credentials.testing.ts';
import { TENANT, type AzureServer } from '../support/azure.ts';
import { azureStores, named, problem, SUBJECT, textAt as read, type AzureStores } from '../support/azure-stores.ts';

const { signal } = new AbortController();

describe('azurekv, logins', () => {
  let stores: AzureStores;
  let azure: AzureServer;
  let base: AzureKvConfig;

  const client: AzureStores['client'] = (config, given) => stores.client(config, given);
  const accountToken: AzureStores['accountToken'] = (audiences) => stores.accountToken(audiences);

  before(async () => {
    stores = await azureStores();
    ({ azure, base } = stores);
  });
  after(() => stores[Symbol.asyncDispose]());

  test('an application by a certificate, and service accounts that are federated with one', async () => {
    azure.vault.put('who', 'x');
    assert.equal(await read(client(named('certified', 'clientCertificate')), 'who'), 'x');
    const asked: unknown[] = [];
    const given = (annotations: Readonly<Record<string, string>>): Given => ({
      annotations,
      token: async (ref, audiences, life) => {
        asked.push([ref.name, audiences, life]);
        return accountToken(audiences);
      },
    });
    const id = { 'azure.workload.identity/client-id': 'federated' };
    const tenant = { 'azure.workload.identity/tenant-id': TENANT };
    const account = { authType: 'WorkloadIdentity', serviceAccountRef: { name: 'app', audiences: ['more'] } } as const;
    const { tenantId: _ours, ...elsewhere } = base;
    const without = (config: Partial<AzureKvConfig>, of: Given): ProviderClient =>
      stores.connect({ ...elsewhere, ...config }, of);
    assert.equal(await read(without(account, given({ ...id, ...tenant })), 'who'), 'x');
    assert.equal(await read(client(account, given(id)), 'who'), 'x');
    assert.deepEqual(
      asked,
      Array.from({ length: 2 }, () => ['app', ['api://AzureADTokenExchange', 'more'], 600]),
    );
    const secrets = { ids: { client: 'federated', tenant: TENANT } };
    const authSecretRef = { clientId: { name: 'ids', key: 'client' }, tenantId: { name: 'ids', key: 'tenant' } };
    assert.equal(await read(client({ ...account, authSecretRef }, { ...given({}), secrets }), 'who'), 'x');
    await assert.rejects(
      client({ ...account, authSecretRef }, { ...given(id), secrets }).check(signal),
      problem('invalid', /both say the client id/),
    );
    await assert.rejects(client(account, given(tenant)).check(signal), problem('invalid', /both say the tenant id/));
    await assert.rejects(client(account, given({})).check(signal), problem('invalid', /client-id/));
    await assert.rejects(without(account, given(id)).check(signal), problem('invalid', /tenantId is missing/));
    azure.federated.delete(SUBJECT);
    await assert.rejects(client(account, given(id)).check(signal), problem('denied', /AADSTS700027/));
  });

  test('the controller’s own machine is lent to a ClusterSecretStore alone', async () => {
    azure.vault.put('by-machine', 'x');
    const authType = 'ManagedIdentity' as const;
    assert.equal(await read(client({ authType }), 'by-machine'), 'x');
    assert.equal(await read(client({ authType, identityId: 'federated' }), 'by-machine'), 'x');
    await assert.rejects(
      client({ authType, identityId: 'none' }).check(signal),
      problem('denied', /has it that identity/),
    );
    const team: StoreIdentity = { kind: 'SecretStore', name: 'x', namespace: 'team' };
    assert.throws(
      () => client({ authType }, { store: team }),
      problem('invalid', /lent to a ClusterSecretStore alone/),
    );
  });

  test('what differs from try to try is not said, nor is a secret', async () => {
    const refused = client(named('app'), { secrets: { app: { id: 'app', clientSecret: 'canary' } } });
    const said = async (): Promise<string> => {
      try {
        await refused.check(signal);
        return 'none';
      } catch (error) {
        return String(error);
      }
    };
    const [first, second] = [await said(), await said()];
    assert.match(first, /denied|AADSTS7000215/);
    assert.equal(first, second);
    assert.doesNotMatch(first, /canary|Trace/);
  });

  test('a token goes to a vault of the store’s cloud alone, and what can never work is said at once', async () => {
    const { environmentType: _stack, customCloudConfig: _custom, ...plain } = { ...base, ...named('app') };
    const custom = { ...base, ...named('app') }.customCloudConfig ?? { activeDirectoryEndpoint: '' };
    const team: StoreIdentity = { kind: 'SecretStore', name: 'x', namespace: 'team' };
    const connect = (config: Partial<AzureKvConfig>) => (): unknown => stores.connect({ ...plain, ...config });
    for (const vaultUrl of [
      ...['https://vault.azure.net.evil.example', 'https://evil.example/.vault.azure.net', 'http://a.vault.azure.net'],
      ...[
        'https://avault.azure.net',
        'https://user@a.vault.azure.net',
        'https://a.vault.azure.cn',
        'a.vault.azure.net',
        '',
      ],
    ]) {
      assert.throws(connect({ vaultUrl }), problem('invalid', /vaultUrl/), vaultUrl);
    }
    for (const [environmentType, suffix] of [
      ['PublicCloud', 'vault.azure.net'],
      ['USGovernmentCloud', 'vault.usgovcloudapi.net'],
      ['ChinaCloud', 'vault.azure.cn'],
      ['GermanCloud', 'vault.microsoftazure.de'],
    ] as const) {
      assert.doesNotThrow(connect({ environmentType, vaultUrl: `https://a.${suffix}/` }));
    }
    const at = { vaultUrl: 'https://a.vault.azure.net' };
    const wrong: readonly (readonly [Partial<AzureKvConfig>, RegExp])[] = [
      [{ environmentType: 'AzureStackCloud' }, /needs customCloudConfig/],
      [{ customCloudConfig: { activeDirectoryEndpoint: 'http://login.example' } }, /activeDirectoryEndpoint/],
      [{ tenantId: '' }, /tenantId is missing/],
      [{ tenantId: '../other' }, /tenantId is no id/],
      [{ authSecretRef: {} }, /clientId/],
      [{ authSecretRef: { clientId: { name: 'x' } } }, /one of clientSecret and clientCertificate/],
      [{ authType: 'WorkloadIdentity' }, /lends nobody its own token/],
    ];
    for (const [config, said] of wrong) assert.throws(connect({ ...at, ...config }), problem('invalid', said));
    const near = client({ ...named('app'), customCloudConfig: custom }, { store: team });
    await assert.rejects(near.check(signal), problem('invalid', /no address that a SecretStore may ask/));
  });
});
