/** Stores of `azurekv` at the server of `azure.ts`, in this process. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { SignJWT } from 'jose';
import type { AzureKvConfig } from '../../src/providers/azurekv/config.ts';
import { azurekv } from '../../src/providers/azurekv/provider.ts';
import { ProviderProblem, type ProviderClient, type StoreIdentity } from '../../src/providers/contract.ts';
import { givenCredentials, type Given } from '../../src/providers/credentials.testing.ts';
import { applicationCertificate, azureServer, RESOURCE, TENANT, type AzureServer } from './azure.ts';

/** A SecretStore reaches no loopback. */
export const clusterStore: StoreIdentity = { kind: 'ClusterSecretStore', name: 'x', namespace: 'team' };
/** Whose tokens `accountToken` makes: they are federated with the application `federated`. */
export const SUBJECT = 'system:serviceaccount:team:app';
/** Of the application `app`. */
export const SECRET = 'app-canary-secret';

export interface AzureStores extends AsyncDisposable {
  readonly azure: AzureServer;
  /** Of the application `certified`. */
  readonly application: { readonly certificate: string; readonly both: string };
  readonly base: AzureKvConfig;
  readonly client: (config: Partial<AzureKvConfig>, given?: Given) => ProviderClient;
  /** With `base` as it is given. */
  readonly connect: (config: AzureKvConfig, given?: Given) => ProviderClient;
  readonly accountToken: (audiences: readonly string[]) => Promise<string>;
}

export const problem = (kind: ProviderProblem['kind'], said: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ProviderProblem, String(error));
  assert.deepEqual([error.kind, said.test(error.message) ? '' : error.message], [kind, '']);
  return true;
};

/** The text of it; `not found`: there is none. */
export async function textAt(from: ProviderClient, key: string, more: object = {}): Promise<string> {
  const found = await from.read({ key, ...more }, new AbortController().signal);
  return found.found ? Buffer.from(found.value).toString('utf8') : 'not found';
}

export const named = (clientId: string, proof: 'clientSecret' | 'clientCertificate' = 'clientSecret') => ({
  authSecretRef: { clientId: { name: clientId, key: 'id' }, [proof]: { name: clientId, key: proof } },
});

/** `app`, `certified`, `federated` and `machine` may all; `stranger` nothing. */
export async function azureStores(): Promise<AzureStores> {
  const opened = new Set<ProviderClient>();
  const before = getCACertificates('default');
  const cluster = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const azure = await azureServer();
  const application = await applicationCertificate();
  const { url } = azure;
  setDefaultCACertificates([...before, azure.ca]);
  azure.applications.set('app', { secret: SECRET });
  azure.applications.set('stranger', { secret: 'other' });
  azure.applications.set('certified', { certificate: application.certificate });
  azure.federated.set(SUBJECT, 'federated');
  azure.trust(cluster.publicKey);
  for (const each of ['app', 'certified', 'federated', 'machine']) azure.allowed.add(each);
  process.env['AZURE_POD_IDENTITY_AUTHORITY_HOST'] = url;
  const base: AzureKvConfig = {
    ...{ vaultUrl: url, tenantId: TENANT, environmentType: 'AzureStackCloud' },
    customCloudConfig: { activeDirectoryEndpoint: url, keyVaultEndpoint: RESOURCE, keyVaultDNSSuffix: 'localhost' },
  };
  const secrets = Object.fromEntries(
    ['app', 'certified', 'stranger'].map((id) => [
      id,
      { id, clientSecret: id === 'app' ? SECRET : 'other', clientCertificate: application.both },
    ]),
  );
  const connect: AzureStores['connect'] = (config, given = {}) => {
    const made = azurekv.connect(config, givenCredentials({ store: clusterStore, secrets, ...given }));
    opened.add(made);
    return made;
  };
  return {
    ...{ azure, application, base, connect },
    client: (config, given) => connect({ ...base, ...config }, given),
    accountToken: async (audiences) =>
      new SignJWT({ sub: SUBJECT, aud: [...audiences] })
        .setProtectedHeader({ alg: 'RS256' })
        .setIssuedAt()
        .setExpirationTime('10m')
        .sign(cluster.privateKey),
    [Symbol.asyncDispose]: async () => {
      delete process.env['AZURE_POD_IDENTITY_AUTHORITY_HOST'];
      for (const each of opened) each.close();
      setDefaultCACertificates(before);
      await azure[Symbol.asyncDispose]();
    },
  };
}
