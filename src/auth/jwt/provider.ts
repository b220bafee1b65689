/** Talking to the issuer for a login by browser: RFC 6749 with PKCE (RFC 7636), RFC 8628, OpenID Connect Core 1.0. */
import { fail } from '../../errors.ts';
import { sha256 } from '../../lib/crypto/hash.ts';
import type { Issuer } from '../../lib/jwt/discovery.ts';
import { askServer, type Reach } from '../../lib/outgoing/ask.ts';
import type { Outgoing } from '../../lib/outgoing/bounds.ts';
import { ServerUnavailable } from '../../lib/outgoing/unavailable.ts';
import { strictObject } from '../../lib/jwt/strict-json.ts';
import type { JwtConfig } from './mount.ts';

/** An issuer, and who we are to it. */
export interface Provider {
  readonly issuer: Issuer;
  readonly reach: Reach;
  readonly outgoing: Outgoing;
  readonly config: JwtConfig;
  readonly clientSecret: string;
  readonly signal: AbortSignal;
}

const BOUNDS = { timeout: 10_000, bytes: 256 * 1024 } as const;

type Members = Readonly<Record<string, unknown>>;
type Form = Readonly<Record<string, string>>;

/** Where the issuer has none. */
const lacking = (what: string): Error => fail('badRequest', `the issuer has no ${what}`);

export interface Asked {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  /** 0: however long ago the user logged in there. */
  readonly maxAge: number;
}

const scopeOf = (scopes: readonly string[]): string => [...new Set(['openid', ...scopes])].join(' ');

/** Where the browser is sent. */
export function authorizationUrl({ issuer, config }: Pick<Provider, 'issuer' | 'config'>, asked: Asked): string {
  if (issuer.authorizationEndpoint === undefined) throw lacking('authorization_endpoint');
  const url = new URL(issuer.authorizationEndpoint);
  const { responseTypes, responseMode, clientId } = config;
  const types = responseTypes.length === 0 ? ['code'] : responseTypes;
  const parameters: Form = {
    response_type: types.join(' '),
    client_id: clientId,
    redirect_uri: asked.redirectUri,
    scope: scopeOf(asked.scopes),
    state: asked.state,
    nonce: asked.nonce,
    ...(responseMode === 'form_post' ? { response_mode: responseMode } : {}),
    ...(asked.maxAge === 0 ? {} : { max_age: String(asked.maxAge) }),
    ...(types.includes('code')
      ? { code_challenge: sha256(asked.verifier).toString('base64url'), code_challenge_method: 'S256' }
      : {}),
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** RFC 6749, section 2.3.1: as the issuer says; in the header where it says nothing. */
function authenticated({ issuer, config, clientSecret }: Provider, form: Form): { body: string; headers: Form } {
  const methods = issuer.clientAuthentication;
  const inBody = methods.includes('client_secret_post') && !methods.includes('client_secret_basic');
  const id = { client_id: config.clientId };
  const body = new URLSearchParams(inBody ? { ...form, ...id, client_secret: clientSecret } : { ...form, ...id });
  const pair = [config.clientId, clientSecret].map((part) => new URLSearchParams({ '': part }).toString().slice(1));
  const header = { authorization: `Basic ${Buffer.from(pair.join(':')).toString('base64')}` };
  return {
    body: body.toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...(inBody ? {} : header) },
  };
}

/** Whether a server says that it cannot answer now. */
const isDown = (status: number): boolean => status >= 500 || status === 429;

/**
 * What it answers, also that it does not want to; undefined for what is no answer of the protocol. Rejects with
 * `issuerUnreachable` when it could not be asked.
 */
function posted(provider: Provider, address: string, form: Form): Promise<Members | undefined> {
  const { reach, signal } = provider;
  const asking = { ...reach, ...BOUNDS, signal, method: 'POST' as const, ...authenticated(provider, form) };
  return provider.outgoing.run(async () => {
    const { status, body } = await askServer(address, asking);
    const answer = strictObject(body, { length: BOUNDS.bytes });
    if (status === 200 || typeof answer?.['error'] === 'string') return answer;
    if (isDown(status)) throw new ServerUnavailable(`${new URL(address).origin} answers ${String(status)}`);
    return undefined;
  });
}

/** Tokens, or the error code that the issuer gives in place of them. */
export type Tokens =
  { readonly idToken: string; readonly accessToken: string | undefined } | { readonly error: string };

/** The codes of RFC 6749, section 5.2, and RFC 8628, section 3.5; what else comes is not repeated. */
const CODES: ReadonlySet<string> = new Set([
  ...['invalid_request', 'invalid_client', 'invalid_grant', 'unauthorized_client', 'unsupported_grant_type'],
  ...['invalid_scope', 'access_denied', 'authorization_pending', 'slow_down', 'expired_token'],
]);

function tokensOf(answer: Members | undefined): Tokens {
  const { error, id_token: idToken, access_token: accessToken } = answer ?? {};
  if (typeof error === 'string') return { error: CODES.has(error) ? error : 'an error of its own' };
  if (typeof idToken !== 'string') return { error: 'no id_token' };
  return { idToken, accessToken: typeof accessToken === 'string' ? accessToken : undefined };
}

function tokenEndpoint({ issuer }: Provider): string {
  if (issuer.tokenEndpoint === undefined) throw lacking('token_endpoint');
  return issuer.tokenEndpoint;
}

export async function exchanged(
  provider: Provider,
  { code, verifier, redirectUri }: { readonly code: string; readonly verifier: string; readonly redirectUri: string },
): Promise<Tokens> {
  const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: verifier };
  return tokensOf(await posted(provider, tokenEndpoint(provider), form));
}

export interface Device {
  readonly code: string;
  /** To be typed in at the address; undefined when the address has it. */
  readonly userCode: string | undefined;
  readonly url: string;
  /** Seconds; undefined: it does not say. */
  readonly interval: number | undefined;
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/** undefined where the issuer answers with something else. */
export async function startedDevice(provider: Provider, scopes: readonly string[]): Promise<Device | undefined> {
  const { deviceAuthorizationEndpoint: address } = provider.issuer;
  if (address === undefined) throw lacking('device_authorization_endpoint');
  const answer = (await posted(provider, address, { scope: scopeOf(scopes) })) ?? {};
  const code = textOf(answer['device_code']);
  // Older issuers say url for uri.
  const whole = textOf(answer['verification_uri_complete']) ?? textOf(answer['verification_url_complete']);
  const url = whole ?? textOf(answer['verification_uri']) ?? textOf(answer['verification_url']);
  if (code === undefined || url === undefined) return undefined;
  const { interval } = answer;
  return {
    ...{ code, url, userCode: whole === undefined ? textOf(answer['user_code']) : undefined },
    interval: Number.isSafeInteger(interval) && Number(interval) > 0 ? Number(interval) : undefined,
  };
}

export async function polledDevice(provider: Provider, code: string): Promise<Tokens> {
  const form = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: code };
  return tokensOf(await posted(provider, tokenEndpoint(provider), form));
}

/** What the issuer tells of the user besides; nothing where it does not, or is not asked in the right words. */
export async function userInfo(
  { issuer, reach, signal }: Provider,
  accessToken: string,
  subject: unknown,
): Promise<Members> {
  if (issuer.userinfoEndpoint === undefined) return {};
  try {
    const headers = { authorization: `Bearer ${accessToken}` };
    const { status, body } = await askServer(issuer.userinfoEndpoint, { ...reach, ...BOUNDS, signal, headers });
    const told = status === 200 ? strictObject(body, { length: BOUNDS.bytes }) : undefined;
    // Core, section 5.3.2: of another subject nothing may be taken.
    return told !== undefined && told['sub'] === subject ? told : {};
  } catch {
    signal.throwIfAborted();
    // As upstream: who needs a claim from there asks for it in the role, and is refused without it.
    return {};
  }
}
