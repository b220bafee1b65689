/** What an API server says of its service accounts' tokens: who issues them, and by which keys they are verified. */
import type { KubernetesApi } from './api.ts';
import { segmentOf } from './objects.ts';
import { KubernetesProblem } from './problem.ts';

export interface TokenIssuer {
  readonly issuer: string;
  /** The JWKS document, as it came. */
  readonly jwks: string;
  /** The keys in it. */
  readonly keys: readonly Readonly<Record<string, unknown>>[];
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Rejects with `KubernetesProblem`, as all of these. */
export async function tokenKeys(api: KubernetesApi): Promise<Pick<TokenIssuer, 'jwks' | 'keys'>> {
  const path = '/openid/v1/jwks';
  const jwks = await api.text(path);
  let document: unknown;
  try {
    document = JSON.parse(jwks);
  } catch {
    document = undefined;
  }
  const keys: unknown = isObject(document) ? document['keys'] : undefined;
  if (!Array.isArray(keys) || keys.length === 0 || !keys.every(isObject)) {
    throw new KubernetesProblem(`${api.access.server}${path} holds no keys`);
  }
  return { jwks, keys };
}

export async function tokenIssuer(api: KubernetesApi): Promise<TokenIssuer> {
  const path = '/.well-known/openid-configuration';
  const discovered = await api.json(path);
  const issuer = isObject(discovered) ? discovered['issuer'] : undefined;
  if (typeof issuer !== 'string' || issuer === '')
    throw new KubernetesProblem(`${api.access.server}${path} names no issuer`);
  return { issuer, ...(await tokenKeys(api)) };
}

export interface TokenRequest {
  readonly namespace: string;
  readonly name: string;
  /** None: the API server's own. */
  readonly audiences: readonly string[];
  /** Seconds. */
  readonly life: number;
}

/** A token of that service account, for those audiences alone. */
export async function requestToken(
  api: KubernetesApi,
  { namespace, name, audiences, life }: TokenRequest,
): Promise<string> {
  const path = `/api/v1/namespaces/${segmentOf(namespace)}/serviceaccounts/${segmentOf(name)}/token`;
  const spec = { audiences, expirationSeconds: life };
  const made = await api.create(path, { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec });
  const status = isObject(made) ? made['status'] : undefined;
  const token = isObject(status) ? status['token'] : undefined;
  if (typeof token !== 'string') throw new KubernetesProblem(`${api.access.server}${path} gave no token`);
  return token;
}
