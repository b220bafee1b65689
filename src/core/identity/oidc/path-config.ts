/** `identity/oidc/config`, and what anybody may read of identity tokens: where they are from, and by which keys. */
import { field } from '../../../framework/field.ts';
import { pathsOf } from '../../../framework/path.ts';
import { reply, type Reply } from '../../../framework/reply.ts';
import { randomIndexes } from '../../../lib/crypto/random.ts';
import { encodeRecord } from '../../../lib/record.ts';
import type { IdentityMount } from '../asked.ts';
import { checkIssuer, NO_ADDRESS, SET_EXPLICITLY } from './issuer.ts';
import { oidcKeys } from './layout.ts';
import { SIGNING_ALGORITHMS } from './named-key.ts';
import { changeOidc } from './oidc-store.ts';
import type { PublishedKeys } from './published.ts';

const at = pathsOf<IdentityMount>();

const config = at('oidc/config', {
  help: 'Which issuer identity tokens name.',
  fields: { issuer: field.string('Scheme, host and port; empty: the `api_addr` of the configuration.') },
  operations: {
    read: {
      summary: 'Read the issuer of identity tokens',
      writes: 'nothing',
      replies: { 200: { issuer: field.string('As it was set.') } },
      run: ({ services }, _values, { namespace }) => {
        const { oidc } = services.identities;
        const { issuer } = oidc.records(namespace.id).config();
        return { ...reply.ok({ issuer }), ...(issuer === '' && oidc.address === '' ? { warnings: [NO_ADDRESS] } : {}) };
      },
    },
    update: {
      summary: 'Set the issuer of identity tokens',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, { issuer }, { namespace }) => {
        if (issuer === undefined) return reply.empty;
        checkIssuer(issuer);
        await changeOidc(services.store, namespace.id, ({ tx }) => {
          tx.put(oidcKeys(namespace.id).config, encodeRecord({ issuer }));
        });
        return issuer === '' ? reply.empty : { ...reply.empty, warnings: [SET_EXPLICITLY] };
      },
    },
  },
});

/** As upstream: what changes rarely is kept for an hour. */
export const DISCOVERY_HEADERS = { 'Cache-Control': 'max-age=3600' } as const;

const texts = (help: string) => field.list(help);

export const discoveryFields = {
  issuer: field.string('What tokens name as `iss`.'),
  jwks_uri: field.string('Where the keys are.'),
  response_types_supported: texts('What `authorize` answers.'),
  subject_types_supported: texts('`public`: every client is told the same `sub`.'),
  id_token_signing_alg_values_supported: texts('Algorithms of signatures.'),
} as const;

export const keysFields = { keys: field.objects('Public keys (RFC 7517).') } as const;

const discovery = at('oidc/.well-known/openid-configuration', {
  help: 'Where identity tokens are from (OpenID Connect Discovery 1.0).',
  access: 'open',
  fields: {},
  operations: {
    read: {
      summary: 'Read where identity tokens are from',
      writes: 'nothing',
      form: 'bare',
      replies: { 200: discoveryFields },
      run: ({ services }, _values, { namespace }) => {
        const { oidc } = services.identities;
        const issuer = oidc.issuerOf(oidc.records(namespace.id).config().issuer, namespace, '');
        const bare = {
          ...{ issuer, jwks_uri: `${issuer}/.well-known/keys` },
          ...{ response_types_supported: ['id_token'], subject_types_supported: ['public'] },
          id_token_signing_alg_values_supported: SIGNING_ALGORITHMS,
        };
        return { status: 200, bare, headers: DISCOVERY_HEADERS };
      },
    },
  },
});

/** At a moment of chance within the time, as upstream: else all who keep the keys would ask anew at once. */
function cached({ keys, maxAge }: PublishedKeys): Pick<Reply, 'headers'> {
  if (keys.length === 0 || maxAge < 1) return {};
  return { headers: { 'Cache-Control': `max-age=${String(randomIndexes(maxAge, 1)[0] ?? 0)}` } };
}

const keys = at('oidc/.well-known/keys', {
  help: 'The public keys of identity tokens (RFC 7517).',
  access: 'open',
  fields: {},
  operations: {
    read: {
      summary: 'Read the keys of identity tokens',
      writes: 'nothing',
      form: 'bare',
      replies: { 200: keysFields },
      run: ({ services }, _values, { namespace, now }) => {
        const published = services.identities.oidc.published.ofRoles(namespace.id, now);
        return { status: 200, bare: { keys: published.keys }, ...cached(published) };
      },
    },
  },
});

export const configPaths = [config, discovery, keys];
