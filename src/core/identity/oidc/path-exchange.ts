/** `token` of a provider: codes, or clients' own secrets, are turned into tokens (RFC 6749, section 3.2). */
import { fail, isLockstepError } from '../../../errors.ts';
import type { Call } from '../../../framework/call.ts';
import { field } from '../../../framework/field.ts';
import { pathsOf } from '../../../framework/path.ts';
import type { Reply } from '../../../framework/reply.ts';
import { digest, equalSecret, sha256 } from '../../../lib/crypto/hash.ts';
import { uuid } from '../../../lib/crypto/random.ts';
import { ACCESS_TOKEN_POLICY } from '../../policy/wrapping-policy.ts';
import type { IdentityMount } from '../asked.ts';
import type { Identity } from '../identity-store.ts';
import { claimsOfScopes, withClaims } from './claims.ts';
import { basicCredentials, provenClient } from './client-proof.ts';
import type { Authorization } from './codes.ts';
import { isAssigned } from './members.ts';
import { allows, type NamedKey } from './named-key.ts';
import { errorFields, TOKEN_HEADERS, tokenError, type TokenError } from './oauth-error.ts';
import type { OidcRecords } from './oidc-store.ts';
import { NEEDS_OPENID, scopesOf } from './path-authorize.ts';
import { issuerOf } from './path-provider.ts';
import { newGrant, revokeGrant } from './revoked-grants.ts';
import { allowsClient, type ClientRecord, type ProviderRecord } from './records.ts';

const at = pathsOf<IdentityMount>();

const text = (help: string) => field.string(help, { default: '' });
const secret = (help: string) => field.secret(help, { default: '' });

const fields = {
  name: field.name('Name of the provider.'),
  grant_type: text('authorization_code or client_credentials.'),
  code: secret('The code that `authorize` gave.'),
  redirect_uri: text('As it was at `authorize`.'),
  code_verifier: secret('Of PKCE (RFC 7636).'),
  scope: text('Of client_credentials: scopes, with blanks between; `openid` is one of them.'),
  client_id: text('The client, where it is in no header.'),
  client_secret: secret('Its secret, where it is in no header.'),
} as const;

type Asked = { readonly [Name in keyof typeof fields]: string };

class Refused extends Error {
  readonly code: TokenError;

  constructor(code: TokenError, description: string) {
    super(description);
    this.code = code;
  }
}

/** What holds for both grants. */
interface Exchange {
  readonly mount: IdentityMount;
  readonly call: Call;
  readonly asked: Asked;
  readonly records: OidcRecords;
  readonly provider: ProviderRecord;
  readonly issuer: string;
  readonly client: ClientRecord;
  readonly key: NamedKey;
}

function exchangeOf(mount: IdentityMount, asked: Asked, call: Call): Exchange {
  const { oidc } = mount.services.identities;
  const records = oidc.records(call.namespace.id);
  const provider = records.get('provider', asked.name);
  if (provider === undefined) throw new Refused('invalid_request', 'provider not found');
  const given = basicCredentials(call.authorization) ?? { id: asked.client_id, secret: asked.client_secret };
  if (given.id === '') throw new Refused('invalid_request', 'client_id parameter is required');
  const client = provenClient(records, given);
  if (client === undefined) throw new Refused('invalid_client', 'client failed to authenticate');
  if (!allowsClient(provider, client.id)) {
    throw new Refused('invalid_client', 'client is not authorized to use the provider');
  }
  const key = records.key(client.key);
  if (key === undefined) throw new Refused('server_error', `client key "${client.key}" not found`);
  if (!allows(key, client.id)) throw new Refused('invalid_client', 'client is not authorized to use the key');
  return {
    mount,
    call,
    asked,
    records,
    provider,
    issuer: issuerOf(oidc, call.namespace, asked.name, provider),
    client,
    key,
  };
}

function checkVerifier({ challenge }: Authorization, { type }: ClientRecord, verifier: string): void {
  if (challenge === undefined) {
    if (type === 'public') throw new Refused('invalid_request', 'PKCE is required for public clients');
    if (verifier !== '') throw new Refused('invalid_request', 'unexpected code_verifier for token exchange');
    return;
  }
  if (verifier === '') throw new Refused('invalid_request', 'expected code_verifier for token exchange');
  const derived = challenge.method === 'plain' ? verifier : sha256(verifier).toString('base64url');
  if (!equalSecret(derived, challenge.value)) {
    throw new Refused('invalid_grant', 'invalid code_verifier for token exchange');
  }
}

/** What the code stands for; from here on it is used, whatever comes of it. One that comes again ends what it gave. */
async function taken({ mount, call, asked, client }: Exchange, grant: Grant): Promise<Authorization> {
  const { store, identities } = mount.services;
  if (asked.code === '') throw new Refused('invalid_request', 'code parameter is required');
  const use = { namespace: call.namespace.id, client: client.id, now: call.now, ...grant };
  const found = identities.oidc.codes.take(asked.code, use);
  if (found !== undefined && 'replayed' in found) await revokeGrant(store, found.replayed);
  if (found === undefined || 'replayed' in found) {
    throw new Refused('invalid_grant', 'authorization grant is invalid or expired');
  }
  return found.authorization;
}

interface Grant {
  readonly grant: string;
  readonly end: number;
}

async function authorizationOf(exchange: Exchange, grant: Grant): Promise<Authorization> {
  const { name, redirect_uri: uri } = exchange.asked;
  const { client } = exchange;
  const found = await taken(exchange, grant);
  if (found.client !== client.id) throw new Refused('invalid_grant', 'authorization code was not issued to the client');
  if (found.provider !== name) throw new Refused('invalid_grant', 'authorization code was not issued by the provider');
  if (uri === '') throw new Refused('invalid_request', 'redirect_uri parameter is required');
  if (found.redirectUri !== uri) {
    throw new Refused(
      'invalid_grant',
      'redirect_uri does not match the redirect_uri used in the authorization request',
    );
  }
  return found;
}

/** The person may have left the assignment, or be no more, since the code was given. */
function personOf({ mount, call, records, client }: Exchange, { entity }: Authorization): Identity {
  const who = mount.services.identities.known.identity(call.namespace.id, entity);
  if (who === undefined) {
    throw new Refused('invalid_request', 'identity entity associated with the request not found');
  }
  if (!isAssigned(records, who, client.assignments)) {
    throw new Refused('invalid_request', 'identity entity not authorized by client assignment');
  }
  return who;
}

/** The left half of the hash of the signature's algorithm (OpenID Connect Core 1.0, section 3.1.3.6). */
function halfHash({ algorithm }: NamedKey, value: string): string {
  const bits = algorithm === 'EdDSA' ? '512' : algorithm.slice(2);
  const name = bits === '256' ? 'sha2-256' : bits === '384' ? 'sha2-384' : 'sha2-512';
  const hash = digest(name, Buffer.from(value));
  return hash.subarray(0, hash.length / 2).toString('base64url');
}

interface Granted {
  readonly who: Identity;
  readonly scopes: readonly string[];
  readonly grant: string;
}

/** A batch token that opens the provider's `userinfo` and nothing else. */
async function accessToken({ mount, call, asked, client }: Exchange, { who, scopes, grant }: Granted) {
  const made = await mount.services.tokens.create({
    type: 'batch',
    namespace: call.namespace.id,
    policies: [ACCESS_TOKEN_POLICY],
    path: `${call.mountPath}${call.path}`,
    meta: { oidc_token_type: 'access token' },
    displayName: '',
    ttl: client.accessTokenTtl,
    ...{ numUses: 0, maxTtl: 0, explicitMaxTtl: 0, period: 0, renewable: false, boundCidrs: [], role: '' },
    noDefaultPolicy: true,
    entity: who.record.id,
    access: { client: client.id, provider: asked.name, scopes, grant },
  });
  return made.id;
}

async function byCode(exchange: Exchange): Promise<Reply> {
  const { mount, call, asked, records, client, key, issuer } = exchange;
  const { oidc } = mount.services.identities;
  const end = call.now + client.accessTokenTtl * 1_000;
  const grant = newGrant(end);
  const given = await authorizationOf(exchange, { grant, end });
  const who = personOf(exchange, given);
  checkVerifier(given, client, asked.code_verifier);
  const claims = claimsOfScopes(records, given.scopes, who, call.now);
  if (typeof claims === 'string') throw new Refused('invalid_request', claims);
  const access = await accessToken(exchange, { who, scopes: given.scopes, grant });
  const issued = Math.floor(call.now / 1_000);
  const own = {
    ...{ iss: issuer, namespace: call.namespace.id, sub: who.record.id, aud: client.id },
    ...{ exp: issued + client.idTokenTtl, iat: issued, nonce: given.nonce, auth_time: given.authTime },
    ...{ at_hash: halfHash(key, access), c_hash: halfHash(key, asked.code) },
  };
  const idToken = await oidc.signer.sign(call.namespace.id, key, withClaims(own, claims));
  return granted({ access_token: access, expires_in: client.accessTokenTtl, id_token: idToken });
}

/** A token for the client itself, signed: nobody asks here whether it holds. */
async function byClient(exchange: Exchange): Promise<Reply> {
  const { mount, call, asked, records, provider, client, key, issuer } = exchange;
  const scopes = scopesOf(asked.scope, provider);
  if (scopes === undefined) throw new Refused('invalid_request', NEEDS_OPENID);
  const claims = claimsOfScopes(records, scopes, undefined, call.now);
  if (typeof claims === 'string') throw new Refused('invalid_request', claims);
  const issued = Math.floor(call.now / 1_000);
  const own = {
    ...{ iss: issuer, namespace: call.namespace.id, sub: client.id, aud: client.id },
    ...{ exp: issued + client.idTokenTtl, iat: issued, jti: uuid() },
  };
  const signed = await mount.services.identities.oidc.signer.sign(call.namespace.id, key, withClaims(own, claims));
  return granted({ access_token: signed, expires_in: client.idTokenTtl });
}

const granted = (tokens: Readonly<Record<string, string | number>>): Reply => ({
  status: 200,
  bare: { ...tokens, token_type: 'Bearer' },
  headers: TOKEN_HEADERS,
});

const NOT_THIS_FLOW = 'client is not authorized to use given credentials flow';

async function exchanged(mount: IdentityMount, asked: Asked, call: Call): Promise<Reply> {
  const exchange = exchangeOf(mount, asked, call);
  const { client } = exchange;
  switch (asked.grant_type) {
    case 'authorization_code':
      if (!client.authorizationCode) throw new Refused('invalid_grant', NOT_THIS_FLOW);
      return byCode(exchange);
    case 'client_credentials':
      if (!client.clientCredentials || client.type === 'public') throw new Refused('invalid_grant', NOT_THIS_FLOW);
      return byClient(exchange);
    default:
      throw new Refused('unsupported_grant_type', 'unsupported grant_type or parameter is empty value');
  }
}

async function answer(mount: IdentityMount, asked: Asked, call: Call): Promise<Reply> {
  if (mount.services.forward !== undefined) throw fail('elsewhere', 'tokens are signed at the hub: ask there');
  try {
    return await exchanged(mount, asked, call);
  } catch (error) {
    if (error instanceof Refused) return tokenError(error.code, error.message);
    // What names the cause and its remedy, in the shape that the client reads.
    if (isLockstepError(error) && error.status === 400) return tokenError('invalid_request', error.message);
    throw error;
  }
}

export const exchangePath = at('oidc/provider/:name/token', {
  help: 'Turns a code, or the secret of a client, into tokens.',
  access: 'open',
  refusal: ({ status, message }) => (status === 400 ? tokenError('invalid_request', message) : undefined),
  fields,
  operations: {
    update: {
      summary: 'Get tokens',
      writes: 'local',
      form: 'bare',
      replies: {
        200: {
          token_type: field.string('`Bearer`.'),
          access_token: field.secret('For `userinfo`; of client_credentials, the signed token itself.'),
          id_token: field.secret('Who has logged in, signed; not of client_credentials.'),
          expires_in: field.duration('How long the access token is good for.'),
        },
        400: errorFields,
        401: errorFields,
        500: errorFields,
      },
      run: answer,
    },
  },
});
