/** `userinfo` of a provider (OpenID Connect Core 1.0, section 5.3): what an access token's scopes say, as it is now. */
import type { Call } from '../../../framework/call.ts';
import { field } from '../../../framework/field.ts';
import { pathsOf, type Operation } from '../../../framework/path.ts';
import type { Reply } from '../../../framework/reply.ts';
import type { IdentityMount } from '../asked.ts';
import { claimsOfScopes, withClaims } from './claims.ts';
import { isAssigned } from './members.ts';
import { userinfoError } from './oauth-error.ts';
import { entityOf } from './path-token.ts';
import { allowsClient } from './records.ts';

const at = pathsOf<IdentityMount>();

const DENIED = 'permission denied';

const isBearer = ({ authorization = '', token }: Call): boolean =>
  /^bearer +(\S+) *$/i.exec(authorization)?.[1] === token;

function userinfo(mount: IdentityMount, name: string, call: Call): Reply {
  const { namespace, token = '', now } = call;
  const { tokens, identities } = mount.services;
  const records = identities.oidc.records(namespace.id);
  const provider = records.get('provider', name);
  if (provider === undefined) return userinfoError('invalid_request', 'provider not found');
  if (!isBearer(call)) return userinfoError('invalid_token', 'access token must be sent as a Bearer token');
  const access = tokens.find(token)?.record.access;
  if (access === undefined) return userinfoError('invalid_token', 'access token is malformed or invalid');
  if (access.provider !== name) return userinfoError('invalid_token', DENIED);
  const client = records.clientOfId(access.client);
  if (client === undefined) return userinfoError('access_denied', 'client not found');
  const who = entityOf(mount, call);
  if (who === undefined) return userinfoError('access_denied', 'identity entity associated with the request not found');
  if (!isAssigned(records, who, client.assignments)) {
    return userinfoError('access_denied', 'identity entity not authorized by client assignment');
  }
  if (!allowsClient(provider, client.id)) {
    return userinfoError('access_denied', 'client is not authorized to use the provider');
  }
  // Scopes that the provider has lost say nothing any more.
  const scopes = access.scopes.filter((scope) => provider.scopes.includes(scope));
  const claims = claimsOfScopes(records, scopes, who, now);
  if (typeof claims === 'string') return userinfoError('invalid_request', claims.replaceAll('"', "'"));
  return { status: 200, bare: withClaims({ sub: who.record.id }, claims) };
}

const operation: Operation<{ readonly name: string }, IdentityMount> = {
  summary: 'Read the claims of an access token',
  writes: 'nothing',
  form: 'bare',
  // The claims are those of the templates; errors are OAuth's.
  replies: { 200: 'any', 400: 'any', 401: 'any', 403: 'any' },
  run: (mount, { name }, call) => userinfo(mount, name, call),
};

export const userinfoPath = at('oidc/provider/:name/userinfo', {
  help: 'What a client may know of who has logged in.',
  fields: { name: field.name('Name of the provider.') },
  refusal: ({ status }) => (status === 403 ? userinfoError('invalid_token', DENIED) : undefined),
  operations: { read: operation, update: operation },
});
