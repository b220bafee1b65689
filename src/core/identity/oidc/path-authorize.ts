/**
 * `authorize` of a provider (OpenID Connect Core 1.0, section 3.1.2): whoever asks with a token of an entity gets a code for a
 * client. As upstream it answers JSON to who asks for the person, and sends nobody anywhere itself.
 */
import type { Call } from '../../../framework/call.ts';
import { fail } from '../../../errors.ts';
import { field } from '../../../framework/field.ts';
import { pathsOf, type Operation } from '../../../framework/path.ts';
import type { Reply } from '../../../framework/reply.ts';
import type { Token } from '../../tokens/token.ts';
import type { IdentityMount } from '../asked.ts';
import type { Challenge } from './codes.ts';
import { isAssigned } from './members.ts';
import { errorFields } from './oauth-error.ts';
import type { OidcRecords } from './oidc-store.ts';
import { OPENID } from './path-scope.ts';
import { entityOf } from './path-token.ts';
import { allowsClient, type ClientRecord, type ProviderRecord } from './records.ts';
import { isRegistered } from './redirect.ts';

const at = pathsOf<IdentityMount>();

const fields = {
  name: field.name('Name of the provider.'),
  client_id: field.string('The client.', { default: '' }),
  scope: field.string('Scopes, with blanks between; `openid` is one of them.', { default: '' }),
  redirect_uri: field.string('Where the person is sent back to.', { default: '' }),
  response_type: field.string('`code`.', { default: '' }),
  state: field.string('Comes back as it is.', { default: '' }),
  nonce: field.string('Comes back in the ID token.', { default: '' }),
  max_age: field.integer('How many seconds ago the person may have logged in at most.'),
  code_challenge: field.string('Of PKCE (RFC 7636); public clients need it.'),
  code_challenge_method: field.string('S256 or plain.', { default: 'plain' }),
} as const;

interface Asked {
  readonly name: string;
  readonly client_id: string;
  readonly scope: string;
  readonly redirect_uri: string;
  readonly response_type: string;
  readonly state: string;
  readonly nonce: string;
  readonly max_age: number | undefined;
  readonly code_challenge: string | undefined;
  readonly code_challenge_method: string;
}

/** Codes of OpenID Connect, and those of upstream that its user interface looks for. */
type AuthorizeError =
  | 'invalid_request'
  | 'invalid_client_id'
  | 'invalid_redirect_uri'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'access_denied'
  | 'unsupported_response_type'
  | 'request_not_supported'
  | 'request_uri_not_supported'
  | 'max_age_violation';

class Refused extends Error {
  readonly code: AuthorizeError;

  constructor(code: AuthorizeError, description: string) {
    super(description);
    this.code = code;
  }
}

const LONGEST_STATE = 8_192;
const LONGEST_NONCE = 2_048;

interface Authorizing {
  readonly records: OidcRecords;
  readonly asked: Asked;
}

function clientIn({ records, asked }: Authorizing): ClientRecord {
  const { client_id: id, redirect_uri: uri } = asked;
  if (id === '') throw new Refused('invalid_client_id', 'client_id parameter is required');
  const client = records.clientOfId(id);
  if (client === undefined) throw new Refused('invalid_client_id', 'client with client_id not found');
  if (!client.authorizationCode) {
    throw new Refused('invalid_grant', 'client not allowed to perform authorization code credential flow');
  }
  if (uri === '') throw new Refused('invalid_request', 'redirect_uri parameter is required');
  if (!isRegistered(uri, client.redirectUris)) {
    throw new Refused('invalid_redirect_uri', 'redirect_uri is not allowed for the client');
  }
  return client;
}

function providerIn({ records, asked }: Authorizing): ProviderRecord {
  const provider = records.get('provider', asked.name);
  if (provider === undefined) throw new Refused('invalid_request', 'provider not found');
  if (!allowsClient(provider, asked.client_id)) {
    throw new Refused('unauthorized_client', 'client is not authorized to use the provider');
  }
  return provider;
}

/** Those that the provider has, each once and sorted; undefined when `openid` is not among what was asked for. */
export function scopesOf(asked: string, { scopes }: ProviderRecord): readonly string[] | undefined {
  const wanted = [...new Set(asked.split(' '))].sort();
  if (!wanted.includes(OPENID)) return undefined;
  return wanted.filter((scope) => scope !== OPENID && scopes.includes(scope));
}

export const NEEDS_OPENID = `scope parameter must contain the "${OPENID}" value`;

function checkKind({ response_type: type }: Asked, { body, query }: Call): void {
  const given = (name: string): boolean => Object.hasOwn(body, name) || Object.hasOwn(query, name);
  if (given('request')) throw new Refused('request_not_supported', 'request parameter is not supported');
  if (given('request_uri')) throw new Refused('request_uri_not_supported', 'request_uri parameter is not supported');
  if (type === '') throw new Refused('invalid_request', 'response_type parameter is required');
  if (type !== 'code') throw new Refused('unsupported_response_type', 'unsupported response_type value');
}

function challengeOf(asked: Asked, { type }: ClientRecord): Challenge | undefined {
  const { code_challenge: value, code_challenge_method: given } = asked;
  if (value === undefined) {
    if (type === 'public') throw new Refused('invalid_request', 'PKCE is required for public clients');
    return undefined;
  }
  const method = given === '' ? 'plain' : given;
  if (method !== 'plain' && method !== 'S256') throw new Refused('invalid_request', 'invalid code_challenge_method');
  if (value.length < 43 || value.length > 128) throw new Refused('invalid_request', 'invalid code_challenge');
  return { value, method };
}

/** When the person logged in, in milliseconds: a token that theirs made is no login, however new it is. */
function loggedInAt({ services: { tokens } }: IdentityMount, { record }: Token): number {
  let login = record;
  while (login.parent !== undefined) {
    const parent = tokens.byKey(login.parent)?.record;
    // Made for somebody else, by an alias that a token role allows: whoever made it vouches for them.
    if (parent?.entity !== record.entity) break;
    login = parent;
  }
  return login.createdAt;
}

/** Seconds since the epoch at which the person logged in, where that is asked for. */
function authTimeOf(mount: IdentityMount, { max_age: most }: Asked, { token, now }: Call): number | undefined {
  if (most === undefined) return undefined;
  if (most < 1) throw new Refused('invalid_request', 'max_age must be greater than zero');
  const found = token === undefined ? undefined : mount.services.tokens.find(token);
  if (found === undefined) throw new Refused('access_denied', 'token associated with request not found');
  const at = Math.floor(loggedInAt(mount, found) / 1_000);
  if (Math.floor(now / 1_000) - at > most) {
    throw new Refused('max_age_violation', 'active re-authentication is required by max_age');
  }
  return at;
}

function authorize(mount: IdentityMount, asked: Asked, call: Call): string {
  const { namespace, now } = call;
  const { oidc } = mount.services.identities;
  const records = oidc.records(namespace.id);
  const client = clientIn({ records, asked });
  const provider = providerIn({ records, asked });
  checkKind(asked, call);
  const scopes = scopesOf(asked.scope, provider);
  if (scopes === undefined) throw new Refused('invalid_request', NEEDS_OPENID);
  const who = entityOf(mount, call);
  if (who === undefined) {
    throw new Refused('access_denied', 'identity entity must be associated with the request');
  }
  if (!isAssigned(records, who, client.assignments)) {
    throw new Refused('access_denied', 'identity entity not authorized by client assignment');
  }
  if (asked.nonce.length > LONGEST_NONCE) throw new Refused('invalid_request', 'nonce is too long');
  const about = { namespace: namespace.id, provider: asked.name, client: client.id, entity: who.record.id };
  const given = { redirectUri: asked.redirect_uri, nonce: asked.nonce, scopes };
  const challenge = challengeOf(asked, client);
  return oidc.codes.give({ ...about, ...given, challenge, authTime: authTimeOf(mount, asked, call) }, now);
}

const refusalOf = (error: AuthorizeError, description: string, state: string): Reply => ({
  status: 400,
  bare: { error, error_description: description, state },
});

function answer(mount: IdentityMount, asked: Asked, call: Call): Reply {
  // The code would have to be used where it was given, and what signs is not here.
  if (mount.services.forward !== undefined) throw fail('elsewhere', 'people log in at the hub: ask there');
  const isLong = asked.state.length > LONGEST_STATE;
  const state = isLong ? '' : asked.state;
  try {
    if (isLong) throw new Refused('invalid_request', 'state is too long');
    return { status: 200, bare: { code: authorize(mount, asked, call), state } };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return refusalOf(error.code, error.message, state);
  }
}

const operation: Operation<Asked, IdentityMount> = {
  summary: 'Get an authorization code for a client',
  writes: 'local',
  form: 'bare',
  replies: {
    200: { code: field.secret('To be used once, within five minutes.'), state: field.string('As it was sent.') },
    400: { ...errorFields, state: field.string('As it was sent.') },
  },
  run: answer,
};

export const authorizePath = at('oidc/provider/:name/authorize', {
  help: 'Gives a code to who may log in to a client.',
  refusal: ({ status, message }) => (status === 400 ? refusalOf('invalid_request', message, '') : undefined),
  fields,
  operations: { read: operation, update: operation },
});
