/** As whom Azure is asked: an application of Entra by a secret, a certificate or a service account, or the controller's own machine. */
import { cloudVariable } from '../../config/cloud.ts';
import { pkcs8Pem } from '../../lib/crypto/private-keys.ts';
import { uuid } from '../../lib/crypto/random.ts';
import { ProviderProblem, type AccountRefLike, type Credentials, type SecretRefLike } from '../contract.ts';
import { askForToken, bearerOf, objectOf, REQUEST_MS, type Bearer, type BearerLogin } from '../oauth.ts';
import { exchange, problemKindOf } from '../web-request.ts';
import { tenantOf } from './clouds.ts';
import type { AzureKvConfig } from './config.ts';

/** What a token is asked for, and of whom. */
export interface Asking {
  readonly authority: string;
  /** Whether the store says where that is. */
  readonly isCustom: boolean;
  /** `https://vault.azure.net` */
  readonly resource: string;
}

const WHOM = 'Entra';
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const AUDIENCE = 'api://AzureADTokenExchange';
/** Seconds that proofs live. */
const PROOF_S = 600;
const BACK_S = 10;

const invalid = (message: string): ProviderProblem => new ProviderProblem('invalid', message);

interface Client {
  readonly tenant: string;
  readonly id: string;
}

type Proof = { readonly client_secret: string } | { readonly client_assertion: string };

const endpointOf = ({ authority }: Asking, tenant: string): URL =>
  new URL(`${authority}/${tenantOf(tenant)}/oauth2/v2.0/token`);

/** The client credentials grant of the Microsoft identity platform (version 2.0). */
async function asked(asking: Asking, client: Client, proof: Proof, more: { anywhere: boolean; signal: AbortSignal }) {
  const url = endpointOf(asking, client.tenant);
  const form = {
    ...{ grant_type: 'client_credentials', client_id: client.id, scope: `${asking.resource}/.default` },
    ...('client_assertion' in proof ? { client_assertion_type: ASSERTION } : {}),
    ...proof,
  };
  const answer = await askForToken({ whom: WHOM, url, anywhere: more.anywhere, body: { form } }, more.signal);
  return bearerOf(answer, WHOM);
}

/** Of PEM with a certificate and its key: PS256, and the certificate named by its SHA-256. */
async function assertionOf(pem: string, { id, tenant }: Client, asking: Asking): Promise<string> {
  const [certificate = ''] = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/.exec(pem) ?? [];
  const [key = ''] = /-----BEGIN (?:RSA )?PRIVATE KEY-----[\s\S]+?-----END (?:RSA )?PRIVATE KEY-----/.exec(pem) ?? [];
  const { fingerprint } = await import('../../lib/crypto/certificates.ts');
  let thumbprint: string;
  try {
    thumbprint = Buffer.from(fingerprint(certificate), 'hex').toString('base64url');
  } catch {
    // What is said of it may repeat it.
    thumbprint = '';
  }
  const pkcs8 = pkcs8Pem(key);
  if (thumbprint === '' || pkcs8 === undefined) {
    throw invalid('authSecretRef.clientCertificate is no PEM with a certificate and its RSA key');
  }
  const { SignJWT, importPKCS8 } = await import('jose');
  const now = Math.floor(Date.now() / 1_000);
  return new SignJWT({})
    .setProtectedHeader({ alg: 'PS256', typ: 'JWT', 'x5t#S256': thumbprint })
    .setIssuer(id)
    .setSubject(id)
    .setAudience(endpointOf(asking, tenant).href)
    .setJti(uuid())
    .setIssuedAt(now - BACK_S)
    .setNotBefore(now - BACK_S)
    .setExpirationTime(now + PROOF_S)
    .sign(await importPKCS8(pkcs8, 'PS256'));
}

/** Whether it may be on this machine and at link-local addresses. */
const anywhereOf = ({ isCustom }: Asking, { store }: Credentials): boolean =>
  !isCustom || store.kind === 'ClusterSecretStore';

export interface ServicePrincipal {
  readonly clientId?: SecretRefLike;
  readonly clientSecret?: SecretRefLike;
  readonly clientCertificate?: SecretRefLike;
}

/** Throws `ProviderProblem` for what can never work. `at`: the field that says who it is. */
export function byServicePrincipal(
  asking: Asking,
  { tenantId = '', at, ...who }: ServicePrincipal & { readonly tenantId?: string | undefined; readonly at: string },
  credentials: Credentials,
): BearerLogin {
  const { clientId, clientSecret, clientCertificate } = who;
  const tenant = tenantOf(tenantId);
  if (clientId === undefined) throw invalid(`${at} names no clientId`);
  if ((clientSecret === undefined) === (clientCertificate === undefined)) {
    throw invalid(`${at} names one of clientSecret and clientCertificate`);
  }
  return async (signal) => {
    const client = { tenant, id: (await credentials.secret(clientId)).trim() };
    const proof =
      clientSecret === undefined
        ? { client_assertion: await assertionOf(await credentials.secret(clientCertificate ?? {}), client, asking) }
        : { client_secret: (await credentials.secret(clientSecret)).trim() };
    return asked(asking, client, proof, { anywhere: anywhereOf(asking, credentials), signal });
  };
}

export interface Account {
  readonly ref: AccountRefLike | undefined;
  /** In place of the annotations. */
  readonly clientId?: SecretRefLike | undefined;
  readonly tenantId?: SecretRefLike | string | undefined;
}

/** One of two places, and not of both. Throws `ProviderProblem`. */
function only(name: string, given: string, annotated: string): string {
  if (given !== '' && annotated !== '')
    throw invalid(`the store and the service account both say ${name}: one of them`);
  return given === '' ? annotated : given;
}

const textOf = async (value: SecretRefLike | string | undefined, credentials: Credentials): Promise<string> =>
  typeof value === 'object' ? (await credentials.secret(value)).trim() : (value ?? '');

/** Workload identity: a token of the service account is the proof (RFC 7523, section 2.2). Throws `ProviderProblem`. */
export function byAccount(asking: Asking, { ref, clientId, tenantId }: Account, credentials: Credentials): BearerLogin {
  if (ref === undefined) {
    throw invalid('WorkloadIdentity needs serviceAccountRef: the controller lends nobody its own token');
  }
  return async (signal) => {
    const {
      'azure.workload.identity/client-id': annotatedClient = '',
      'azure.workload.identity/tenant-id': annotatedTenant = '',
    } = await credentials.annotations(ref);
    const id = only('the client id', await textOf(clientId, credentials), annotatedClient);
    const tenant = only('the tenant id', await textOf(tenantId, credentials), annotatedTenant);
    if (id === '') throw invalid(`service account "${ref.name}" has no annotation azure.workload.identity/client-id`);
    const client = { id, tenant };
    const token = await credentials.token(ref, [AUDIENCE, ...(ref.audiences ?? [])], PROOF_S);
    return asked(asking, client, { client_assertion: token }, { anywhere: anywhereOf(asking, credentials), signal });
  };
}

/** Who the machine is that the controller runs on. `AZURE_POD_IDENTITY_AUTHORITY_HOST`, of Azure's libraries, names another server. */
export function ofMachine({ resource }: Asking, identity: string, { store }: Credentials): BearerLogin {
  if (store.kind !== 'ClusterSecretStore') {
    throw invalid('ManagedIdentity is the controller’s own machine, which is lent to a ClusterSecretStore alone');
  }
  const host = cloudVariable('AZURE_POD_IDENTITY_AUTHORITY_HOST');
  const url = new URL('/metadata/identity/oauth2/token', host === '' ? 'http://169.254.169.254' : host);
  url.searchParams.set('api-version', '2018-02-01');
  url.searchParams.set('resource', resource);
  if (identity !== '') url.searchParams.set(identity.includes('/') ? 'msi_res_id' : 'client_id', identity);
  return async (signal): Promise<Bearer> => {
    const whom = 'the machine’s metadata server';
    const asking = { whom, url, method: 'GET', timeout: REQUEST_MS, anywhere: true, body: new Uint8Array() };
    const answer = await exchange({ ...asking, headers: { metadata: 'true' } }, signal);
    const { status } = answer;
    if (status === 200) return bearerOf(objectOf(answer) ?? {}, whom);
    const kind = status === 400 ? 'denied' : problemKindOf(status);
    throw new ProviderProblem(kind, `cannot log in: ${whom} answers ${String(status)}: has it that identity?`);
  };
}

/** Throws `ProviderProblem` for what can never work. */
export function loginOf(config: AzureKvConfig, asking: Asking, credentials: Credentials): BearerLogin {
  const {
    authType = 'ServicePrincipal',
    authSecretRef = {},
    serviceAccountRef: ref,
    identityId = '',
    tenantId,
  } = config;
  if (authType === 'ManagedIdentity') return ofMachine(asking, identityId, credentials);
  if (authType === 'ServicePrincipal') {
    return byServicePrincipal(asking, { ...authSecretRef, tenantId, at: 'authSecretRef' }, credentials);
  }
  const { clientId, tenantId: named } = authSecretRef;
  return byAccount(asking, { ref, clientId, tenantId: named ?? tenantId }, credentials);
}
