/** As whom Google is asked: a service account's key, a service account of the cluster, or whoever the controller itself is. */
import { isObject, parseJson } from '../../client/json.ts';
import { pkcs8Pem } from '../../lib/crypto/private-keys.ts';
import { ProviderProblem, type Credentials } from '../contract.ts';
import { askForToken, bearerOf, objectOf, REQUEST_MS, type Bearer, type BearerLogin } from '../oauth.ts';
import { exchange } from '../web-request.ts';
import type { GcpAuthConfig, WorkloadIdentityConfig } from './config.ts';
import { endpointOf, metadataServer, tokenEndpointOf } from './endpoints.ts';
import { federated } from './federation.ts';
import { ACCOUNT_TOKEN_S, byImpersonation, invalid, JWT_TYPE, SCOPE, TOKEN_EXCHANGE, WHOM } from './tokens.ts';

/** Seconds that the proof lives: Google takes an hour at most. */
const PROOF_S = 600;
/** How far it is dated back for a clock that goes slow. */
const BACK_S = 10;

interface ServiceAccountKey {
  readonly email: string;
  readonly id: string;
  readonly pem: string;
  readonly tokenUri: string;
}

/** Rejects other types: files of credentials can name addresses, files and programs, which nobody gets run by a store. */
function keyIn(text: string): ServiceAccountKey {
  let parsed: unknown;
  try {
    parsed = parseJson(text);
  } catch {
    // What the parser says may repeat the key.
  }
  const field = (name: string): string => {
    const value = isObject(parsed) ? parsed[name] : undefined;
    return typeof value === 'string' ? value : '';
  };
  const type = field('type');
  if (type !== 'service_account') {
    const is = /^[a-z_]{1,40}$/.test(type) ? `of the type ${type}` : 'no JSON with a type';
    throw invalid(`the key of auth.secretRef is ${is}: a service account's key (service_account) is wanted`);
  }
  const universe = field('universe_domain');
  if (universe !== '' && universe !== 'googleapis.com')
    throw invalid('the key is of another universe than googleapis.com');
  const pem = pkcs8Pem(field('private_key'));
  if (pem === undefined || field('client_email') === '') {
    throw invalid('the key of auth.secretRef lacks client_email, or private_key with an RSA key in PEM');
  }
  return { email: field('client_email'), id: field('private_key_id'), pem, tokenUri: field('token_uri') };
}

/** RFC 7523, section 2.1, as Google has it. */
function byKey(auth: NonNullable<GcpAuthConfig['secretRef']>, credentials: Credentials): BearerLogin {
  const { secretAccessKeySecretRef: ref } = auth;
  if (ref === undefined) throw invalid('auth.secretRef names no secretAccessKeySecretRef');
  return async (signal) => {
    const { email, id, pem, tokenUri } = keyIn(await credentials.secret(ref));
    const url = tokenEndpointOf(tokenUri);
    const { SignJWT, importPKCS8 } = await import('jose');
    const now = Math.floor(Date.now() / 1_000);
    const assertion = await new SignJWT({ scope: SCOPE })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', ...(id === '' ? {} : { kid: id }) })
      .setIssuer(email)
      .setAudience(url.href)
      .setIssuedAt(now - BACK_S)
      .setExpirationTime(now + PROOF_S)
      .sign(await importPKCS8(pem, 'RS256'));
    const form = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion };
    return bearerOf(await askForToken({ whom: WHOM, url, anywhere: true, body: { form } }, signal), WHOM);
  };
}

/** Workload identity of GKE: the cluster's own pool is its identity provider. */
function byWorkloadIdentity(
  { serviceAccountRef: ref, clusterLocation = '', clusterName = '', clusterProjectID = '' }: WorkloadIdentityConfig,
  projectID: string,
  credentials: Credentials,
): BearerLogin {
  const project = clusterProjectID === '' ? projectID : clusterProjectID;
  if (project === '' || clusterLocation === '' || clusterName === '') {
    throw invalid(
      'auth.workloadIdentity needs clusterProjectID, clusterLocation and clusterName: nobody else is asked for them',
    );
  }
  const pool = `${project}.svc.id.goog`;
  const cluster = `projects/${project}/locations/${clusterLocation}/clusters/${clusterName}`;
  const audience = `identitynamespace:${pool}:https://container.googleapis.com/v1/${cluster}`;
  return async (signal) => {
    const annotations = await credentials.annotations(ref);
    const subject = await credentials.token(ref, [pool, ...(ref.audiences ?? [])], ACCOUNT_TOKEN_S);
    const json = {
      ...{ grant_type: TOKEN_EXCHANGE, audience, scope: SCOPE, subject_token: subject, subject_token_type: JWT_TYPE },
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    };
    const url = new URL(`${endpointOf('securetoken')}/v1/identitybindingtoken`);
    const bound = bearerOf(await askForToken({ whom: WHOM, url, anywhere: true, body: { json } }, signal), WHOM);
    return byImpersonation(bound, annotations['iam.gke.io/gcp-service-account'] ?? '', signal);
  };
}

/** Who the machine is that the controller runs on. */
async function ofMachine(signal: AbortSignal): Promise<Bearer> {
  const url = new URL('/computeMetadata/v1/instance/service-accounts/default/token', metadataServer());
  url.searchParams.set('scopes', SCOPE);
  const answer = await exchange(
    {
      ...{ whom: 'the metadata server', method: 'GET', url, timeout: REQUEST_MS, anywhere: true },
      ...{ headers: { 'metadata-flavor': 'Google' }, body: new Uint8Array() },
    },
    signal,
  );
  return bearerOf((answer.status === 200 ? objectOf(answer) : undefined) ?? {}, 'the metadata server');
}

/**
 * Without `auth` the controller's own account, for a ClusterSecretStore alone: who writes a SecretStore would read with its
 * rights. Throws `ProviderProblem` for what can never work.
 */
export function loginOf(auth: GcpAuthConfig | undefined, projectID: string, credentials: Credentials): BearerLogin {
  const { secretRef, workloadIdentity, workloadIdentityFederation } = auth ?? {};
  const ways = Object.entries({ secretRef, workloadIdentity, workloadIdentityFederation }).flatMap(([name, way]) =>
    way === undefined ? [] : [name],
  );
  if (ways.length > 1) throw invalid(`auth names ${ways.join(' and ')}: one of them`);
  if (secretRef !== undefined) return byKey(secretRef, credentials);
  if (workloadIdentity !== undefined) return byWorkloadIdentity(workloadIdentity, projectID, credentials);
  if (workloadIdentityFederation !== undefined) return federated(workloadIdentityFederation, credentials);
  if (credentials.store.kind === 'ClusterSecretStore') return ofMachine;
  const lent = 'the controller lends its own account to a ClusterSecretStore alone';
  throw new ProviderProblem(
    'invalid',
    `auth names none of secretRef, workloadIdentity, workloadIdentityFederation: ${lent}`,
  );
}
