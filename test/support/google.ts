/**
 * A server that speaks as Google's token services, Secret Manager (REST, version 1) and metadata server do, in what the tests need.
 * It is ours: that it is not far off is shown by Google's own client for Python, which `provider-gcpsm.test.ts` sets on it.
 */
import { decodeJwt, exportPKCS8, generateKeyPair, jwtVerify, type CryptoKey } from 'jose';
import { randomUUID, type KeyObject } from 'node:crypto';
import { jsonServer, type Asked, type JsonReply } from './json-server.ts';

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
/** What Google's clients ask for where they become another account with it. */
const IAM_SCOPE = 'https://www.googleapis.com/auth/iam';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const PROJECT = 'shop';
/** Google answers with it whatever the request calls the project. */
const NUMBER = '123456789012';

export interface Version {
  readonly data: string;
  state: 'ENABLED' | 'DISABLED';
}

export interface StoredSecret {
  readonly given: Readonly<Record<string, unknown>>;
  labels: Readonly<Record<string, string>>;
  annotations: Readonly<Record<string, string>>;
  etag: number;
  readonly versions: Version[];
}

export interface GoogleServer extends AsyncDisposable {
  readonly url: string;
  /** The variables by which clients find it. */
  readonly variables: Readonly<Record<string, string>>;
  /** A file of credentials of that account. */
  readonly keyFile: (email: string) => Promise<string>;
  /** Whom the cluster's tokens are signed by. */
  readonly clusterToken: (claims: Readonly<Record<string, unknown>>) => Promise<string>;
  /** Takes tokens that are signed by this key for the cluster's, in place of those of `clusterToken`. */
  readonly trust: (key: KeyObject) => void;
  /** By their path: `projects/shop/secrets/a`. */
  readonly secrets: Map<string, StoredSecret>;
  /** Accounts that may all, by the name that their tokens are of. */
  readonly allowed: Set<string>;
  /** What was asked, in order: `POST /token`. */
  readonly asked: string[];
  /** Ends all tokens that it has given. */
  readonly revoke: () => void;
}

const problem = (code: number, status: string, message: string): JsonReply => ({
  status: code,
  body: { error: { code, status, message } },
});
const missing = (what: string): JsonReply =>
  problem(404, 'NOT_FOUND', `Secret [${what}] not found or has no versions.`);

export async function googleServer(): Promise<GoogleServer> {
  const keys = new Map<string, CryptoKey>();
  const cluster = await generateKeyPair('RS256');
  let clusterKey: CryptoKey | KeyObject = cluster.publicKey;
  const principals = new Map<string, string>();
  const allowed = new Set<string>();
  const secrets = new Map<string, StoredSecret>();
  const asked: string[] = [];
  const server = await jsonServer((request) => {
    asked.push(`${request.method} ${request.path}`);
    return answer(request);
  });
  const { url } = server;

  const give = (principal: string): JsonReply => {
    const token = `ya29.${randomUUID()}`;
    principals.set(token, principal);
    const kind = { token_type: 'Bearer', issued_token_type: ACCESS_TOKEN };
    return { status: 200, body: { access_token: token, expires_in: 3_600, ...kind } };
  };
  const grantProblem = (said: string): JsonReply => ({
    status: 400,
    body: { error: 'invalid_grant', error_description: said },
  });

  /** RFC 7523, as Google says it: the key of the issuer, the token endpoint as the audience, an hour at most. */
  async function byAssertion({ form }: Asked): Promise<JsonReply> {
    try {
      const assertion = form.get('assertion') ?? '';
      const key = keys.get(decodeJwt(assertion).iss ?? '');
      if (key === undefined) return grantProblem('Invalid grant: account not found');
      // Google's client for Python names Google's own endpoint, whichever it asks.
      const audience = [`${url}/token`, 'https://oauth2.googleapis.com/token'];
      const { payload } = await jwtVerify(assertion, key, { audience, algorithms: ['RS256'] });
      const { iat = 0, exp = 0, scope, iss = '' } = payload;
      if (scope !== SCOPE || exp - iat > 3_700) return grantProblem('Invalid JWT: scope or lifetime');
      return give(iss);
    } catch {
      return grantProblem('Invalid JWT Signature.');
    }
  }

  async function exchanged(subject: string, audiences: readonly string[]): Promise<JsonReply> {
    try {
      const { payload } = await jwtVerify(subject, clusterKey, { audience: [...audiences] });
      return give(`federated:${payload.sub ?? ''}`);
    } catch {
      return grantProblem('The ID Token is not valid for this pool.');
    }
  }

  function bySts({ form }: Asked): Promise<JsonReply> | JsonReply {
    const has = (name: string, value: string): boolean => form.get(name) === value;
    const right =
      has('grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange') &&
      has('requested_token_type', ACCESS_TOKEN) &&
      has('subject_token_type', 'urn:ietf:params:oauth:token-type:jwt') &&
      (has('scope', SCOPE) || has('scope', IAM_SCOPE));
    const audience = form.get('audience') ?? '';
    if (!right || !audience.startsWith('//iam.googleapis.com/')) return grantProblem('invalid request');
    return exchanged(form.get('subject_token') ?? '', [audience, `https:${audience}`]);
  }

  function byCluster({ json }: Asked): Promise<JsonReply> | JsonReply {
    const [, pool = '', cluster_ = ''] = /^identitynamespace:([^:]+):(.*)$/.exec(String(json['audience'])) ?? [];
    if (!cluster_.startsWith('https://container.googleapis.com/v1/projects/')) return grantProblem('invalid request');
    return exchanged(String(json['subject_token']), [pool]);
  }

  function impersonated({ path, json, bearer }: Asked): JsonReply {
    const [, account = ''] = /serviceAccounts\/([^/]+):generateAccessToken$/.exec(path) ?? [];
    if (!(principals.get(bearer) ?? '').startsWith('federated:')) return problem(401, 'UNAUTHENTICATED', 'no token');
    if (!Array.isArray(json['scope'])) return problem(400, 'INVALID_ARGUMENT', 'scope');
    const { body } = give(decodeURIComponent(account));
    // Without fractions of a second: Google's client for Python takes no others.
    const expireTime = new Date(Date.now() + 3_600_000).toISOString().replace(/\.\d+Z$/, 'Z');
    return { status: 200, body: { accessToken: body['access_token'], expireTime } };
  }

  function answer(request: Asked): Promise<JsonReply> | JsonReply {
    const { method, path, headers, query } = request;
    if (path === '/token') return byAssertion(request);
    if (path === '/v1/token') return bySts(request);
    if (path === '/v1/identitybindingtoken') return byCluster(request);
    if (path.endsWith(':generateAccessToken')) return impersonated(request);
    if (path === '/computeMetadata/v1/instance/service-accounts/default/token') {
      if (headers['metadata-flavor'] !== 'Google' || query.get('scopes') !== SCOPE) return { status: 403, body: {} };
      return give('machine');
    }
    const principal = principals.get(request.bearer);
    if (principal === undefined)
      return problem(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.');
    if (!allowed.has(principal)) return problem(403, 'PERMISSION_DENIED', `Permission denied on resource (${method}).`);
    return secretManager(secrets, request);
  }

  return {
    ...{ url, secrets, allowed, asked },
    variables: {
      CLOUDSDK_AUTH_TOKEN_HOST: `${url}/token`,
      CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER: url,
      CLOUDSDK_API_ENDPOINT_OVERRIDES_STS: url,
      CLOUDSDK_API_ENDPOINT_OVERRIDES_SECURETOKEN: url,
      CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS: url,
      GCE_METADATA_HOST: new URL(url).host,
    },
    keyFile: async (email) => {
      const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
      keys.set(email, publicKey);
      const key = { type: 'service_account', client_email: email, private_key: await exportPKCS8(privateKey) };
      return JSON.stringify({ ...key, private_key_id: 'one', project_id: PROJECT, token_uri: `${url}/token` });
    },
    clusterToken: async (claims) => {
      const { SignJWT } = await import('jose');
      const token = new SignJWT(claims).setProtectedHeader({ alg: 'RS256' }).setIssuedAt().setExpirationTime('10m');
      return token.sign(cluster.privateKey);
    },
    trust: (key) => {
      clusterKey = key;
    },
    revoke: () => {
      principals.clear();
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const named = (path: string): string => path.replace(`projects/${PROJECT}`, `projects/${NUMBER}`);

const shownSecret = (path: string, { given, labels, annotations, etag }: StoredSecret): object => ({
  ...given,
  ...{ name: named(path), createTime: '2026-01-01T00:00:00Z', labels, annotations, etag: `"${String(etag)}"` },
});

const shownVersion = (path: string, at: number, { state }: Version): object => ({
  ...{ name: `${named(path)}/versions/${String(at + 1)}`, createTime: '2026-01-01T00:00:00Z', state },
});

/** `labels.a=b AND labels.c=d`; undefined where it is something else. */
function labelsIn(filter: string): readonly (readonly [string, string])[] | undefined {
  if (filter === '') return [];
  const parts = filter.split(' AND ').map((part) => /^labels\.([\w-]+)=([\w-]+)$/.exec(part));
  return parts.includes(null) ? undefined : parts.map((part) => [part?.[1] ?? '', part?.[2] ?? ''] as const);
}

/** No page has more than three: that all are read shows. */
function paged(of: string, all: readonly object[], query: URLSearchParams): JsonReply {
  const from = Number(query.get('pageToken') ?? 0);
  const more = from + 3 < all.length ? { nextPageToken: String(from + 3) } : {};
  return { status: 200, body: { [of]: all.slice(from, from + 3), totalSize: all.length, ...more } };
}

function list(secrets: ReadonlyMap<string, StoredSecret>, parent: string, query: URLSearchParams): JsonReply {
  const wanted = labelsIn(query.get('filter') ?? '');
  if (wanted === undefined) return problem(400, 'INVALID_ARGUMENT', 'invalid filter');
  const found = [...secrets].filter(
    ([path, { labels }]) => path.startsWith(`${parent}/`) && wanted.every(([name, value]) => labels[name] === value),
  );
  return paged(
    'secrets',
    found.map(([path, secret]) => shownSecret(path, secret)),
    query,
  );
}

type Json = Readonly<Record<string, unknown>>;
type Texts = Readonly<Record<string, string>>;

function create(secrets: Map<string, StoredSecret>, parent: string, { query, json }: Asked): JsonReply {
  const path = `${parent}/${query.get('secretId') ?? ''}`;
  const regional = path.includes('/locations/');
  const { labels = {}, annotations = {}, ...given } = json;
  if (secrets.has(path)) return problem(409, 'ALREADY_EXISTS', `Secret [${named(path)}] already exists.`);
  // A global secret has to say how it is replicated, a regional one must not.
  if (regional === (given['replication'] !== undefined)) return problem(400, 'INVALID_ARGUMENT', 'secret.replication');
  const made = { given, labels: labels as Texts, annotations: annotations as Texts, etag: 1, versions: [] };
  secrets.set(path, made);
  return { status: 200, body: shownSecret(path, made) as Json };
}

function accessed(secret: StoredSecret, path: string, version: string): JsonReply {
  const at = version === 'latest' ? secret.versions.length - 1 : Number(version) - 1;
  const found = secret.versions[at];
  if (found === undefined) return missing(`${named(path)}/versions/${version}`);
  const name = `${named(path)}/versions/${String(at + 1)}`;
  if (found.state !== 'ENABLED')
    return problem(400, 'FAILED_PRECONDITION', `Secret Version [${name}] is in ${found.state} state.`);
  // As JSON of Protobuf has it: what is empty is left out.
  return { status: 200, body: { name, payload: found.data === '' ? {} : { data: found.data } } };
}

function changed(secret: StoredSecret, path: string, { query, json }: Asked): JsonReply {
  const mask = (query.get('updateMask') ?? '').split(',');
  if (json['etag'] !== undefined && json['etag'] !== `"${String(secret.etag)}"`)
    return problem(400, 'FAILED_PRECONDITION', 'etag does not match');
  if (mask.includes('labels')) secret.labels = (json['labels'] ?? {}) as Texts;
  if (mask.includes('annotations')) secret.annotations = (json['annotations'] ?? {}) as Texts;
  secret.etag += 1;
  return { status: 200, body: shownSecret(path, secret) as Json };
}

function versions(secret: StoredSecret, at: string, filter: string | null): readonly object[] {
  const all = secret.versions.flatMap((each, index) =>
    each.state === 'ENABLED' || filter !== 'state:ENABLED' ? [shownVersion(at, index, each)] : [],
  );
  return all.toReversed();
}

function added(secret: StoredSecret, at: string, { json }: Asked): JsonReply {
  const { data = '' } = (json['payload'] ?? {}) as { readonly data?: string };
  const made: Version = { data, state: 'ENABLED' };
  secret.versions.push(made);
  return { status: 200, body: shownVersion(at, secret.versions.length - 1, made) as Json };
}

function removed(secrets: Map<string, StoredSecret>, at: string, etag: string | null): JsonReply {
  if (etag !== null && etag !== `"${String(secrets.get(at)?.etag)}"`) {
    return problem(400, 'FAILED_PRECONDITION', 'etag does not match');
  }
  secrets.delete(at);
  return { status: 200, body: {} };
}

function ofSecret(secret: StoredSecret, at: string, rest: string, asked: Asked): JsonReply {
  const { method, query } = asked;
  const [, version] = /^\/versions\/([\w-]+):access$/.exec(rest) ?? [];
  if (version !== undefined) return accessed(secret, at, version);
  if (rest === '/versions') return paged('versions', versions(secret, at, query.get('filter')), query);
  if (rest === ':addVersion' && method === 'POST') return added(secret, at, asked);
  if (rest !== '') return problem(404, 'NOT_FOUND', 'Method not found.');
  return method === 'PATCH' ? changed(secret, at, asked) : { status: 200, body: shownSecret(at, secret) as Json };
}

function secretManager(secrets: Map<string, StoredSecret>, asked: Asked): JsonReply {
  const { method, path, query } = asked;
  const [, parent = '', key, rest = ''] =
    /^\/v1\/(projects\/[^/]+(?:\/locations\/[^/]+)?\/secrets)(?:\/([\w-]+)([:/].*)?)?$/.exec(path) ?? [];
  if (parent === '') return problem(404, 'NOT_FOUND', 'Method not found.');
  if (key === undefined) return method === 'POST' ? create(secrets, parent, asked) : list(secrets, parent, query);
  const at = `${parent}/${key}`;
  const secret = secrets.get(at);
  if (secret === undefined) return missing(named(at));
  return method === 'DELETE' && rest === ''
    ? removed(secrets, at, query.get('etag'))
    : ofSecret(secret, at, rest, asked);
}
