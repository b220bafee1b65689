/**
 * A server that speaks as Entra's token endpoint, Azure Key Vault (REST, version 7.4), a container registry's login and a machine's
 * metadata server do, in what the tests need. It is ours: that it is not far off is shown by Azure's own clients for Python, which
 * `provider-azurekv.test.ts` sets on it.
 */
import 'reflect-metadata';
import { X509CertificateGenerator } from '@peculiar/x509';
import { jwtVerify } from 'jose';
import { createPublicKey, KeyObject, randomUUID, webcrypto, X509Certificate } from 'node:crypto';
import { createAuthority, issueCertificate, newPrivateKey, publicKeyOf } from '../../src/lib/crypto/certificates.ts';
import { keyVault, type KeptVault } from './azure-key-vault.ts';
import { jsonServer, type Asked, type JsonReply } from './json-server.ts';

export const TENANT = '11111111-2222-3333-4444-555555555555';
/** What tokens are for. */
export const RESOURCE = 'https://vault.test';
export const MANAGEMENT = 'https://management.azure.com';
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export interface AzureServer extends AsyncDisposable {
  readonly url: string;
  /** PEM of the authority that its certificate is from. */
  readonly ca: string;
  readonly vault: KeptVault;
  /** Applications by their client id: a secret, or PEM of a certificate. */
  readonly applications: Map<string, { readonly secret?: string; readonly certificate?: string }>;
  /** Service accounts, by the subject of their tokens: the application that they are. */
  readonly federated: Map<string, string>;
  /** Takes tokens of service accounts that are signed by this key. */
  readonly trust: (key: KeyObject) => void;
  /** Principals that may all. */
  readonly allowed: Set<string>;
  readonly asked: string[];
  readonly revoke: () => void;
}

/** PEM of a certificate, and of it and its RSA key together. */
export async function applicationCertificate(): Promise<{ readonly certificate: string; readonly both: string }> {
  const signing = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const algorithm = { ...signing, publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 2_048 };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const made = await X509CertificateGenerator.createSelfSigned({
    ...{ name: 'CN=application', keys, signingAlgorithm: signing },
    ...{ notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) },
  });
  const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' });
  const certificate = `${made.toString('pem')}\n`;
  return { certificate, both: `${key}${certificate}` };
}

async function certificateOf(names: readonly string[]) {
  const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
  const authority = await createAuthority('Azure of tests', validity);
  const key = newPrivateKey();
  const publicKey = publicKeyOf(key);
  const cert = await issueCertificate({
    authority,
    ...validity,
    publicKey,
    commonName: 'azure',
    usage: 'server',
    names,
  });
  return { ca: authority.certificate, tls: { key, cert } };
}

async function isCertified(certificate: string, id: string, assertion: string, audience: string): Promise<boolean> {
  const { payload, protectedHeader } = await jwtVerify(assertion, createPublicKey(certificate), { audience });
  const { fingerprint256, fingerprint } = new X509Certificate(certificate);
  const [x5t, x5t256] = [fingerprint, fingerprint256].map((each) =>
    Buffer.from(each.replaceAll(':', ''), 'hex').toString('base64url'),
  );
  // Azure's client for Python pads them.
  const named = (header: string): string => String(protectedHeader[header] ?? '').replace(/=+$/, '');
  const { iss, sub, jti, exp = 0, iat = 0 } = payload;
  if (named('x5t#S256') !== x5t256 && named('x5t') !== x5t) return false;
  return iss === id && sub === id && jti !== undefined && exp - iat <= 700;
}

/** As Entra words it: what follows differs from try to try. */
const refused = (status: number, error: string, said: string): JsonReply => ({
  status,
  body: {
    error,
    error_description: `${said} Trace ID: ${randomUUID()} Correlation ID: ${randomUUID()} Timestamp: now`,
  },
});

export async function azureServer(): Promise<AzureServer> {
  const { ca, tls } = await certificateOf(['localhost']);
  const principals = new Map<string, { readonly who: string; readonly of: string }>();
  const applications: AzureServer['applications'] = new Map();
  const federated = new Map<string, string>();
  const allowed = new Set<string>();
  const asked: string[] = [];
  let clusterKey: KeyObject | undefined;
  const server = await jsonServer((request) => {
    asked.push(`${request.method} ${request.path}`);
    return answer(request);
  }, tls);
  const { url } = server;
  const vault = keyVault(url);

  const give = (who: string, of: string, named = 'access_token'): JsonReply => {
    const token = `eyJ.${randomUUID()}`;
    principals.set(token, { who, of });
    return { status: 200, body: { [named]: token, expires_in: 3_599, token_type: 'Bearer' } };
  };

  /** That the application is who it says: by its certificate, or by a token of a service account that is federated with it. */
  async function isProved(id: string, assertion: string, audience: string): Promise<boolean> {
    const { certificate } = applications.get(id) ?? {};
    if (certificate !== undefined) return isCertified(certificate, id, assertion, audience);
    if (clusterKey === undefined) return false;
    const { payload } = await jwtVerify(assertion, clusterKey, { audience: 'api://AzureADTokenExchange' });
    return federated.get(payload.sub ?? '') === id;
  }

  async function byClient({ path, form }: Asked): Promise<JsonReply> {
    if (path !== `/${TENANT}/oauth2/v2.0/token`)
      return refused(400, 'invalid_request', 'AADSTS90002: Tenant not found.');
    const [id, scope] = [form.get('client_id') ?? '', form.get('scope') ?? ''];
    if (form.get('grant_type') !== 'client_credentials') return refused(400, 'unsupported_grant_type', 'AADSTS70003');
    const of = [RESOURCE, MANAGEMENT].find((each) => scope.split(' ').includes(`${each}/.default`));
    if (of === undefined) return refused(400, 'invalid_scope', 'AADSTS1002012');
    const secret = form.get('client_secret');
    if (secret !== null) {
      const known = applications.get(id)?.secret === secret;
      return known ? give(id, of) : refused(401, 'invalid_client', 'AADSTS7000215: Invalid client secret provided.');
    }
    const proof = form.get('client_assertion') ?? '';
    if (form.get('client_assertion_type') !== ASSERTION) return refused(400, 'invalid_request', 'AADSTS900144');
    const proved = await isProved(id, proof, `${url}${path}`).catch(() => false);
    return proved ? give(id, of) : refused(401, 'invalid_client', 'AADSTS700027: The assertion is not valid.');
  }

  /** A registry's own tokens for one of Entra. */
  function byRegistry({ path, form }: Asked): JsonReply {
    if (form.get('service') !== new URL(url).host) return { status: 400, body: { errors: [{ code: 'BAD_REQUEST' }] } };
    const [type, given] = path.endsWith('exchange')
      ? ['access_token', 'access_token']
      : ['refresh_token', 'refresh_token'];
    const principal = principals.get(form.get(given) ?? '');
    const right = form.get('grant_type') === type && principal !== undefined && allowed.has(principal.who);
    const of = type === 'access_token' ? MANAGEMENT : 'registry';
    if (!right || principal.of !== of) return { status: 401, body: { errors: [{ code: 'UNAUTHORIZED' }] } };
    if (type === 'access_token') return give(principal.who, 'registry', 'refresh_token');
    return give(`${principal.who} ${form.get('scope') ?? ''}`, 'registry');
  }

  function ofMachine({ headers, query }: Asked): JsonReply {
    const identity = query.get('client_id') ?? 'machine';
    if (headers['metadata'] !== 'true' || query.get('api-version') !== '2018-02-01') return { status: 400, body: {} };
    if (!allowed.has(identity)) return { status: 400, body: { error: 'invalid_request' } };
    const { status, body } = give(identity, query.get('resource') ?? '');
    return { status, body: { ...body, expires_in: '86399' } };
  }

  /** What MSAL looks up first. */
  const discovery = (tenant: string): JsonReply => ({
    status: 200,
    body: {
      issuer: `${url}/${tenant}/v2.0`,
      token_endpoint: `${url}/${tenant}/oauth2/v2.0/token`,
      authorization_endpoint: `${url}/${tenant}/oauth2/v2.0/authorize`,
    },
  });

  function answer(request: Asked): Promise<JsonReply> | JsonReply {
    const { path } = request;
    if (path.endsWith('/oauth2/v2.0/token')) return byClient(request);
    if (path.endsWith('/.well-known/openid-configuration')) return discovery(path.split('/')[1] ?? '');
    if (path === '/oauth2/exchange' || path === '/oauth2/token') return byRegistry(request);
    if (path === '/metadata/identity/oauth2/token') return ofMachine(request);
    const principal = principals.get(request.bearer);
    if (principal?.of !== RESOURCE) {
      const challenge = `Bearer authorization="${url}/${TENANT}", resource="${RESOURCE}"`;
      const error = { code: 'Unauthorized', message: 'AKV10000: Request is missing a Bearer or PoP token.' };
      return { status: 401, body: { error }, headers: { 'www-authenticate': challenge } };
    }
    if (!allowed.has(principal.who)) {
      const error = {
        code: 'Forbidden',
        message: 'Caller is not authorized.',
        innererror: { code: 'ForbiddenByRbac' },
      };
      return { status: 403, body: { error } };
    }
    return vault.answer(request);
  }

  return {
    ...{ url, ca, vault, applications, federated, allowed, asked },
    trust: (key) => {
      clusterKey = key;
    },
    revoke: () => {
      principals.clear();
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
