/** Workload identity federation: a token of somebody else's is exchanged for one of Google (RFC 8693). */
import { isObject, parseJson } from '../../client/json.ts';
import type { Credentials } from '../contract.ts';
import { askForToken, bearerOf, REQUEST_MS, type BearerLogin } from '../oauth.ts';
import { exchange, problemKindOf } from '../web-request.ts';
import { ProviderProblem } from '../contract.ts';
import type { FederationConfig } from './config.ts';
import { endpointOf } from './endpoints.ts';
import { ACCOUNT_TOKEN_S, byImpersonation, invalid, JWT_TYPE, SCOPE, TOKEN_EXCHANGE, WHOM } from './tokens.ts';

interface Subject {
  readonly token: string;
  readonly type: string;
  readonly audience: string;
  /** The account of Google to become; empty: none. */
  readonly account: string;
}

type Json = Readonly<Record<string, unknown>>;
type SubjectSource = (signal: AbortSignal) => Promise<Subject>;

const STS = 'https://sts.googleapis.com/v1/token';
const IMPERSONATION =
  /^https:\/\/iamcredentials\.googleapis\.com\/v1\/projects\/-\/serviceAccounts\/([^/\s]+):generateAccessToken$/;

const textAt = (json: Json, name: string): string => {
  const value = json[name];
  return typeof value === 'string' ? value : '';
};

function fromAccount(config: FederationConfig, credentials: Credentials): SubjectSource {
  const { serviceAccountRef: ref, audience = '', gcpServiceAccountEmail = '' } = config;
  if (ref === undefined || audience === '') {
    throw invalid('auth.workloadIdentityFederation.serviceAccountRef needs audience, that of the pool’s provider');
  }
  // Without audiences the token would be good at this cluster's API server; the provider of a pool takes its own name.
  const audiences = (ref.audiences ?? []).length === 0 ? [audience] : (ref.audiences ?? []);
  return async () => {
    const { 'iam.gke.io/gcp-service-account': annotated = '' } = await credentials.annotations(ref);
    const token = await credentials.token(ref, audiences, ACCOUNT_TOKEN_S);
    const account = annotated === '' ? gcpServiceAccountEmail : annotated;
    return { token, type: JWT_TYPE, audience, account };
  };
}

/** Files of the controller, its programs and its machine's identity are nobody's to name. */
function sourceOf(file: Json, endpoint: string): { readonly url: URL; readonly source: Json } {
  const { credential_source: source } = file;
  if (!isObject(source)) throw invalid('credConfig has no credential_source');
  for (const each of ['executable', 'file', 'environment_id', 'certificate']) {
    if (source[each] === undefined) continue;
    throw invalid(`credConfig: credential_source.${each} is of the controller itself, and not offered: url is`);
  }
  const url = textAt(source, 'url');
  if (url === '' || url !== endpoint) {
    throw invalid('credConfig: credential_source.url is not the address that externalTokenEndpoint names');
  }
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) throw invalid('externalTokenEndpoint is no https:// address');
  return { url: new URL(url), source };
}

function headersIn({ headers = {} }: Json): Readonly<Record<string, string>> {
  if (!isObject(headers)) throw invalid('credConfig: credential_source.headers holds texts by name');
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

/** The token as it stands, or a field of JSON. */
function tokenIn(answer: string, { format }: Json): string {
  const { type = 'text', subject_token_field_name: name } = isObject(format) ? format : {};
  if (type === 'text') return answer.trim();
  let token: unknown;
  try {
    const parsed = parseJson(answer);
    token = isObject(parsed) && typeof name === 'string' ? parsed[name] : undefined;
  } catch {
    // What the parser says may repeat the token.
  }
  if (typeof token === 'string' && token !== '') return token;
  throw new ProviderProblem(
    'unsuitable',
    'externalTokenEndpoint answers no JSON with the token in the field that credConfig names',
  );
}

function fileOf(text: string): Json {
  try {
    const parsed = parseJson(text);
    if (isObject(parsed) && parsed['type'] === 'external_account') return parsed;
  } catch {
    // It is told below.
  }
  throw invalid('credConfig is no JSON of the type external_account');
}

/** The account that the file says to become. */
function accountIn(file: Json): string {
  const impersonation = textAt(file, 'service_account_impersonation_url');
  if (impersonation === '') return '';
  const [, account] = IMPERSONATION.exec(impersonation) ?? [];
  try {
    if (account !== undefined) return decodeURIComponent(account);
  } catch {
    // Percent signs that encode nothing.
  }
  throw invalid('credConfig: service_account_impersonation_url is no address of iamcredentials.googleapis.com');
}

function fromFile(config: FederationConfig, credentials: Credentials): SubjectSource {
  const { credConfig = {}, externalTokenEndpoint = '', gcpServiceAccountEmail = '' } = config;
  const anywhere = credentials.store.kind === 'ClusterSecretStore';
  return async (signal) => {
    const file = fileOf(await credentials.configMap(credConfig));
    if (![STS, ''].includes(textAt(file, 'token_url'))) throw invalid(`credConfig: token_url is not ${STS}`);
    const { url, source } = sourceOf(file, externalTokenEndpoint);
    const whom = 'externalTokenEndpoint';
    const asking = { whom, url, anywhere, method: 'GET', timeout: REQUEST_MS, body: new Uint8Array() };
    const { status, body } = await exchange({ ...asking, headers: headersIn(source) }, signal);
    if (status !== 200) throw new ProviderProblem(problemKindOf(status), `${whom} answers ${String(status)}`);
    const audience = config.audience ?? textAt(file, 'audience');
    const type = textAt(file, 'subject_token_type') || JWT_TYPE;
    const account = accountIn(file) || gcpServiceAccountEmail;
    return { token: tokenIn(Buffer.from(body).toString('utf8'), source), type, audience, account };
  };
}

function subjectSource(config: FederationConfig, credentials: Credentials): SubjectSource {
  const { serviceAccountRef, credConfig, awsSecurityCredentials } = config;
  const at = 'auth.workloadIdentityFederation';
  if (awsSecurityCredentials !== undefined) {
    throw invalid(`${at}.awsSecurityCredentials is not offered: give a service account by serviceAccountRef`);
  }
  if ((serviceAccountRef === undefined) === (credConfig === undefined)) {
    throw invalid(`${at} names one of serviceAccountRef and credConfig`);
  }
  return serviceAccountRef === undefined ? fromFile(config, credentials) : fromAccount(config, credentials);
}

/** Throws `ProviderProblem` for what can never work. */
export function federated(config: FederationConfig, credentials: Credentials): BearerLogin {
  const source = subjectSource(config, credentials);
  return async (signal) => {
    const { token, type, audience, account } = await source(signal);
    if (audience === '') throw invalid('auth.workloadIdentityFederation names no audience');
    const form = {
      ...{ grant_type: TOKEN_EXCHANGE, audience, scope: SCOPE, subject_token: token, subject_token_type: type },
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    };
    const url = new URL(`${endpointOf('sts')}/v1/token`);
    const made = bearerOf(await askForToken({ whom: WHOM, url, anywhere: true, body: { form } }, signal), WHOM);
    return byImpersonation(made, account, signal);
  };
}
