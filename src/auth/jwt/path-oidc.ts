/** `oidc/…`: logins through a browser, which takes the issuer's answer back to a program (client) or to us (direct), or on
 * another device (device). */
import { fail, isLockstepError } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import { field, type Values } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply, type Reply } from '../../framework/reply.ts';
import { equalSecret } from '../../lib/crypto/hash.ts';
import { randomBase62 } from '../../lib/crypto/random.ts';
import type { Claims } from '../../lib/jwt/claims.ts';
import { idTokenClaims } from './id-token.ts';
import { grantAt, grantFor } from './login-grant.ts';
import { checkLoginAddress } from '../token-fields.ts';
import type { JwtConfig, JwtMount } from './mount.ts';
import { confirmPage, donePage, failedPage, postedPage } from './pages.ts';
import type { Pending } from './pending.ts';
import {
  authorizationUrl,
  exchanged,
  polledDevice,
  startedDevice,
  userInfo,
  type Provider,
  type Tokens,
} from './provider.ts';
import { isAllowedRedirect, splitNamespace } from './redirect.ts';
import { mustReadRole, nameOfLogin, readRole, type JwtRole } from './role.ts';

const at = pathsOf<JwtMount>();

const FAILED = 'OpenBao login failed.';
const failed = (why: string): Error => fail('badRequest', `${FAILED} ${why}`);
const unknownState = (): Error => failed('Expired or missing OAuth state.');
/** The code that stands for the one that came by form_post. */
const NO_CODE = 'no_code';
const POLL_SECONDS = 5;

/** Throws `badRequest` where logins by browser are not configured. */
function flowConfig(mount: JwtMount): JwtConfig {
  const config = mount.mustConfig();
  if (config.clientId === '') throw fail('badRequest', 'OIDC login is not configured for this mount');
  return config;
}

/** Rejects with `ServerUnavailable` when the issuer cannot be asked. */
async function providerOf(mount: JwtMount, config: JwtConfig, call: Call): Promise<Provider> {
  const signal = call.signal();
  const issuer = await mount.issuer(config, call.now).current(signal);
  const { outgoing, clientSecret = '' } = mount;
  return { issuer, reach: mount.reach(config), outgoing, config, clientSecret, signal };
}

/** A state of the redirect may carry a namespace behind it. */
const bareState = (state: string): string => state.split(',', 1)[0] ?? '';

const begun = {
  role: field.string('The role; the default one without.', { default: '' }),
  redirect_uri: field.string('Where the browser is sent back to; not for devices.', { default: '' }),
  client_nonce: field.string('Known to who begins the login alone, and asked for at its end.', { default: '' }),
};

/** Of what is kept of a login until its end: anybody may begin many. */
const LONGEST = { nonce: 1_024, redirect: 2_048, code: 4_096, idToken: 64 * 1024 } as const;

/** Throws `badRequest`. */
function checkLength(name: string, text: string, longest: number): void {
  if (text.length > longest) throw fail('badRequest', `${name} is longer than ${String(longest)} characters`);
}

interface Beginning {
  readonly config: JwtConfig;
  readonly role: JwtRole;
  readonly login: Omit<Pending, 'until' | 'redirectUri' | 'deviceCode'>;
}

async function beginDevice(mount: JwtMount, { config, role, login }: Beginning, call: Call): Promise<Reply> {
  const device = await startedDevice(await providerOf(mount, config, call), role.scopes);
  if (device === undefined) throw failed('The issuer does not begin a login by device.');
  const state = randomBase62(32);
  mount.pending.add(state, { ...login, redirectUri: '', deviceCode: device.code }, call.now);
  const seconds = role.pollInterval > 0 ? role.pollInterval : (device.interval ?? POLL_SECONDS);
  return reply.ok({
    auth_url: device.url,
    ...(device.userCode === undefined ? {} : { user_code: device.userCode }),
    state,
    poll_interval: String(seconds),
  });
}

async function beginBrowser(mount: JwtMount, beginning: Beginning, redirect: string, call: Call): Promise<Reply> {
  const { config, role, login } = beginning;
  if (redirect === '') throw fail('badRequest', 'missing redirect_uri');
  const { uri, namespace } = config.namespaceInState ? splitNamespace(redirect) : { uri: redirect, namespace: '' };
  // As upstream: an empty address, and nothing of why.
  if (!isAllowedRedirect(uri, role.redirectUris)) return reply.ok({ auth_url: '' });
  const { issuer } = await providerOf(mount, config, call);
  const state = randomBase62(32);
  const { nonce, verifier } = login;
  const asked = { nonce, verifier, redirectUri: uri, scopes: role.scopes, maxAge: role.maxAge };
  const shownState = namespace === '' ? state : `${state},ns=${namespace}`;
  const url = authorizationUrl({ issuer, config }, { ...asked, state: shownState });
  mount.pending.add(state, { ...login, redirectUri: uri }, call.now);
  const polling = { state, poll_interval: String(role.pollInterval > 0 ? role.pollInterval : POLL_SECONDS) };
  return reply.ok({ auth_url: url, ...(role.callbackMode === 'direct' ? polling : {}) });
}

const authUrl = at('oidc/auth_url', {
  help: 'Begins a login by browser.',
  access: 'open',
  fields: begun,
  operations: {
    update: {
      summary: 'Begin a login by browser',
      writes: 'local',
      replies: {
        200: {
          auth_url: field.string('Where the browser goes; empty where it may not come back as asked.'),
          state: field.string('What to poll with.'),
          poll_interval: field.string('Seconds between polls.'),
          user_code: field.string('To be typed in at the address.'),
        },
      },
      run: (mount, values, call) => {
        const config = flowConfig(mount);
        const name = nameOfLogin(config, values.role);
        const role = mustReadRole(mount.view.shared, name);
        if (role.type !== 'oidc') throw fail('badRequest', 'role with jwt role_type is not allowed');
        const { client_nonce: clientNonce } = values;
        if (clientNonce === '' && role.callbackMode !== 'client') throw fail('badRequest', 'missing client_nonce');
        checkLength('client_nonce', clientNonce, LONGEST.nonce);
        checkLength('redirect_uri', values.redirect_uri, LONGEST.redirect);
        const { address } = call.client;
        const login = { role: name, nonce: randomBase62(32), verifier: randomBase62(64), clientNonce, address };
        const beginning = { config, role, login };
        return role.callbackMode === 'device'
          ? beginDevice(mount, beginning, call)
          : beginBrowser(mount, beginning, values.redirect_uri, call);
      },
    },
  },
});

const answered = {
  state: field.string('Which login it is.', { default: '' }),
  code: field.secret('What the issuer gives for its tokens.', { default: '' }),
  id_token: field.secret('The ID token itself, by form_post.', { default: '' }),
  client_nonce: field.string('As it was given when the login began.', { default: '' }),
  error: field.string('Why the issuer does not log in.', { default: '' }),
  error_description: field.string('The same in its words.', { default: '' }),
  error_uri: field.string('Where it says more.', { default: '' }),
  confirmation: field.string('The user says that this is their own login.', { default: '' }),
};
type Answered = Values<typeof answered>;

/** A login that goes on: with what is known of it today. */
interface Continued {
  readonly config: JwtConfig;
  readonly role: JwtRole;
  readonly pending: Pending;
}

/** The codes of RFC 6749, section 4.1.2.1. What else comes is not repeated: it is anybody's text. */
const ERRORS: ReadonlySet<string> = new Set([
  ...['invalid_request', 'unauthorized_client', 'access_denied', 'unsupported_response_type'],
  ...['invalid_scope', 'server_error', 'temporarily_unavailable'],
]);

function errorOf({ error }: Answered): string | undefined {
  const code = error.trim().toLowerCase();
  if (code === '') return undefined;
  return ERRORS.has(code) ? code : 'The issuer answered with an error of its own.';
}

/** Also by form_post, before. */
function checkAnswer(values: Answered, { posted }: Pending): void {
  const error = errorOf(values) ?? posted?.error;
  if (error !== undefined) throw failed(error);
}

function checkClientNonce({ clientNonce }: Pending, given: string): void {
  if (clientNonce !== '' && !equalSecret(given, clientNonce)) throw fail('badRequest', 'invalid client_nonce');
}

/** The tokens of the answer. Throws `badRequest`. */
async function tokensFor(provider: Provider, pending: Pending, values: Answered): Promise<Tokens> {
  const { posted } = pending;
  const given = values.code === NO_CODE ? '' : values.code;
  const code = given === '' ? (posted?.code ?? '') : given;
  if (code !== '') return exchanged(provider, { ...pending, code });
  if (posted === undefined || posted.idToken === '') throw failed('No code or id_token received.');
  return { idToken: posted.idToken, accessToken: undefined };
}

interface Exchange {
  readonly continued: Continued;
  readonly provider: Provider;
  readonly tokens: Tokens;
}

/** Of tokens: the claims that hold, with what the issuer tells of the user besides. */
async function claimsOf(mount: JwtMount, { continued, provider, tokens }: Exchange, call: Call): Promise<Claims> {
  const { config, role, pending } = continued;
  if ('error' in tokens) throw failed(`The issuer gives no tokens: ${tokens.error}.`);
  const nonce = pending.deviceCode === undefined ? pending.nonce : undefined;
  const answering = { config, role, nonce, keys: mount.keys(config, call.now), now: call.now, signal: call.signal() };
  const claims = await idTokenClaims(tokens.idToken, answering);
  const { accessToken } = tokens;
  if (accessToken === undefined) return claims;
  // What is signed goes before what is told.
  return { ...(await userInfo(provider, accessToken, claims['sub'])), ...claims };
}

function continuedFrom(mount: JwtMount, pending: Pending): Continued {
  const role = readRole(mount.view.shared, pending.role);
  if (role === undefined) throw failed('Role could not be found');
  return { config: flowConfig(mount), role, pending };
}

function granted({ role, pending }: Continued, claims: Claims, { client }: Call): Reply {
  checkLoginAddress(role.token, client.address);
  return { status: 200, grant: grantAt(grantFor({ name: pending.role, role }, claims), role, client.address) };
}

async function answeredClaims(mount: JwtMount, continued: Continued, values: Answered, call: Call): Promise<Claims> {
  const provider = await providerOf(mount, continued.config, call);
  const tokens = await tokensFor(provider, continued.pending, values);
  return claimsOf(mount, { continued, provider, tokens }, call);
}

const asParameters = ({ state, code }: Answered): Readonly<Record<string, string>> => ({ state, code });

/** The browser came to us: a program polls for the outcome, and people read pages. */
async function direct(mount: JwtMount, continued: Continued, values: Answered, call: Call): Promise<Reply> {
  const { role, pending } = continued;
  const state = bareState(values.state);
  if (pending.claims !== undefined || pending.isAnswered === true) throw unknownState();
  const { address } = pending;
  if (!role.disableConfirmation && values.confirmation === '' && errorOf(values) === undefined) {
    return confirmPage(asParameters(values), { address, role: pending.role });
  }
  // Used once, while the program goes on polling.
  mount.pending.giveBack(state, { ...pending, isAnswered: true });
  try {
    checkAnswer(values, pending);
    const claims = await answeredClaims(mount, continued, values, call);
    mount.pending.giveBack(state, { ...pending, claims });
    return donePage;
  } catch (error) {
    mount.pending.take(state, call.now);
    if (!isLockstepError(error)) throw error;
    return failedPage(error.message);
  }
}

async function callback(mount: JwtMount, values: Answered, call: Call): Promise<Reply> {
  const state = bareState(values.state);
  const found = mount.pending.find(state, call.now);
  if (found === undefined || found.deviceCode !== undefined) throw unknownState();
  const continued = continuedFrom(mount, found);
  if (continued.role.callbackMode === 'direct') return direct(mount, continued, values, call);
  // Used once, whatever comes of it.
  if (mount.pending.take(state, call.now) === undefined) throw unknownState();
  checkAnswer(values, found);
  checkClientNonce(found, values.client_nonce);
  return granted(continued, await answeredClaims(mount, continued, values, call), call);
}

/** response_mode form_post: the browser posts; who began the login then asks. */
function postedBack(mount: JwtMount, values: Answered, call: Call): Reply | Promise<Reply> {
  const config = flowConfig(mount);
  if (config.responseMode !== 'form_post') throw fail('unsupportedOperation');
  const state = bareState(values.state);
  const pending = mount.pending.find(state, call.now);
  if (pending === undefined || pending.posted !== undefined) return failedPage('Expired or missing OAuth state.');
  checkLength('code', values.code, LONGEST.code);
  checkLength('id_token', values.id_token, LONGEST.idToken);
  const error = errorOf(values);
  const posted = { code: values.code, idToken: values.id_token, error };
  mount.pending.giveBack(state, { ...pending, posted });
  const continued = continuedFrom(mount, { ...pending, posted });
  if (continued.role.callbackMode === 'direct') return direct(mount, continued, values, call);
  return error === undefined ? postedPage : failedPage(error);
}

const HTML = ['text/html'];

const callbackPath = at('oidc/callback', {
  help: 'Ends a login by browser.',
  access: 'open',
  fields: answered,
  operations: {
    read: {
      summary: 'End a login by browser',
      writes: 'local',
      replies: { 200: 'any', 400: 'any' },
      form: HTML,
      run: callback,
    },
    update: {
      summary: 'Take what the issuer posts through the browser',
      writes: 'local',
      replies: { 200: 'any', 400: 'any' },
      form: HTML,
      run: postedBack,
    },
  },
});

/** Whether the issuer has said nothing that would end a login: it was not reached, or nobody waited for it to be. */
const isUnanswered = (error: unknown, call: Call): boolean =>
  !isLockstepError(error) || error.code === 'issuerUnreachable' || call.signal().aborted;

/** RFC 8628, section 3.5: a login by device outlives polls that do not reach the issuer, after which to poll less often. */
async function pollDevice(mount: JwtMount, continued: Continued, state: string, call: Call): Promise<Reply> {
  const { pending } = continued;
  let tokens = pending.tokens;
  try {
    const provider = await providerOf(mount, continued.config, call);
    tokens ??= await polledDevice(provider, pending.deviceCode ?? '');
    if ('error' in tokens && (tokens.error === 'authorization_pending' || tokens.error === 'slow_down')) {
      mount.pending.giveBack(state, pending);
      throw fail('badRequest', tokens.error);
    }
    return granted(continued, await claimsOf(mount, { continued, provider, tokens }, call), call);
  } catch (error) {
    if (!isUnanswered(error, call)) throw error;
    // The device code may be used up: then its tokens are what the login goes on with.
    mount.pending.giveBack(state, tokens === undefined || 'error' in tokens ? pending : { ...pending, tokens });
    if (!isLockstepError(error, 'issuerUnreachable')) throw error;
    throw fail('badRequest', 'slow_down', { detail: error.detail ?? 'unknown' });
  }
}

const poll = at('oidc/poll', {
  help: 'Asks whether a login by browser, in the modes direct and device, is over.',
  access: 'open',
  fields: {
    state: field.string('Which login it is.', { default: '' }),
    client_nonce: field.string('As it was given when the login began.', { default: '' }),
  },
  operations: {
    update: {
      summary: 'Ask whether a login is over',
      writes: 'local',
      replies: { 200: 'empty' },
      run: (mount, { state, client_nonce: clientNonce }, call) => {
        const pending = mount.pending.take(state, call.now);
        if (pending === undefined) throw unknownState();
        checkClientNonce(pending, clientNonce);
        const continued = continuedFrom(mount, pending);
        if (continued.role.callbackMode === 'device' && pending.deviceCode !== undefined) {
          return pollDevice(mount, continued, state, call);
        }
        if (pending.claims !== undefined) return granted(continued, pending.claims, call);
        mount.pending.giveBack(state, pending);
        throw fail('badRequest', 'authorization_pending');
      },
    },
  },
});

export const oidcPaths = [authUrl, callbackPath, poll];
