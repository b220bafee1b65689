/** `identity/oidc/provider`: an OpenID provider, and what anybody may read of it. */
import { fail } from '../../../errors.ts';
import { field } from '../../../framework/field.ts';
import { pageFields } from '../../../framework/listing.ts';
import { pathsOf } from '../../../framework/path.ts';
import { reply } from '../../../framework/reply.ts';
import type { IdentityMount } from '../asked.ts';
import { detailed } from '../lists.ts';
import { compileTemplate } from './claims-template.ts';
import { checkIssuer, SET_EXPLICITLY } from './issuer.ts';
import { DEFAULT_NAME } from './key-changes.ts';
import { SIGNING_ALGORITHMS } from './named-key.ts';
import { changeOidc, checkName, namesListing, type OidcWrites } from './oidc-store.ts';
import type { Oidc } from './oidc.ts';
import { DISCOVERY_HEADERS, discoveryFields, keysFields } from './path-config.ts';
import { OPENID } from './path-scope.ts';
import { allowsClient, DEFAULT_PROVIDER, type ProviderRecord } from './records.ts';

const at = pathsOf<IdentityMount>();

const fields = {
  issuer: field.string('Scheme, host and port; empty: the `api_addr` of the configuration.'),
  allowed_client_ids: field.list('Ids of the clients that use it; `*` allows all.'),
  scopes_supported: field.list('Scopes that clients can ask for, beside `openid`.'),
} as const;

interface Change {
  readonly issuer: string | undefined;
  readonly allowed_client_ids: readonly string[] | undefined;
  readonly scopes_supported: readonly string[] | undefined;
}

export interface InNamespace {
  readonly id: string;
  readonly path: string;
}

export const issuerOf = (oidc: Oidc, namespace: InNamespace, name: string, { issuer }: ProviderRecord): string =>
  oidc.issuerOf(issuer, namespace, `/provider/${name}`);

const unique = (given: readonly string[]): readonly string[] =>
  [...new Set(given.filter((each) => each !== ''))].sort();

function planned(before: ProviderRecord, change: Change): ProviderRecord {
  return {
    issuer: checkIssuer(change.issuer ?? before.issuer),
    allowedClientIds: unique(change.allowed_client_ids ?? before.allowedClientIds),
    scopes: unique(change.scopes_supported ?? before.scopes),
  };
}

/** Scopes that make the same claim. Throws `badRequest` for one that is not there. */
function conflicts(writes: OidcWrites, { scopes }: ProviderRecord): readonly string[] {
  const from = new Map<string, string>();
  return scopes.flatMap((name) => {
    const scope = writes.get('scope', name);
    if (scope === undefined) throw fail('badRequest', `scope "${name.slice(0, 128)}" does not exist`);
    return compileTemplate(scope.template).names.flatMap((claim) => {
      const other = from.get(claim);
      from.set(claim, name);
      if (other === undefined) return [];
      const remedy = 'a request for both is refused';
      return [
        `Found scope templates with conflicting top-level keys: "${claim}" in scopes "${name}", "${other}": ${remedy}`,
      ];
    });
  });
}

function shown(oidc: Oidc, namespace: InNamespace, name: string, found: ProviderRecord) {
  return {
    issuer: issuerOf(oidc, namespace, name, found),
    allowed_client_ids: found.allowedClientIds,
    scopes_supported: found.scopes,
  };
}

const provider = at('oidc/provider/:name', {
  help: 'An OpenID provider.',
  fields: { name: field.name('Name of the provider.'), ...fields },
  exists: ({ services }, { name }, { namespace }) =>
    services.identities.oidc.records(namespace.id).get('provider', name) !== undefined,
  operations: {
    read: {
      summary: 'Read a provider',
      writes: 'nothing',
      replies: { 200: fields, 404: 'empty' },
      run: ({ services }, { name }, { namespace }) => {
        const { oidc } = services.identities;
        const found = oidc.records(namespace.id).get('provider', name);
        return found === undefined ? reply.missing : reply.ok(shown(oidc, namespace, name, found));
      },
    },
    update: {
      summary: 'Write a provider',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, { name, ...change }, { namespace }) => {
        checkName('provider', name);
        const warnings = await changeOidc(services.store, namespace.id, (writes) => {
          const none = { ...DEFAULT_PROVIDER, allowedClientIds: [] };
          const record = planned(writes.get('provider', name) ?? none, change);
          const found = conflicts(writes, record);
          writes.put('provider', name, record);
          return record.issuer === '' ? found : [SET_EXPLICITLY, ...found];
        });
        return { ...reply.empty, warnings };
      },
    },
    delete: {
      summary: 'Delete a provider',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, { name }, { namespace }) => {
        if (name === DEFAULT_NAME) throw fail('badRequest', `deletion of OIDC provider "${DEFAULT_NAME}" not allowed`);
        await changeOidc(services.store, namespace.id, (writes) => {
          writes.delete('provider', name);
        });
        return reply.empty;
      },
    },
  },
});

const names = at('oidc/provider', {
  help: 'Names of all providers.',
  fields: {
    ...pageFields,
    allowed_client_id: field.string('Of those alone that allow this client.', { default: '' }),
  },
  operations: {
    list: {
      summary: 'List providers',
      writes: 'nothing',
      replies: {
        200: { keys: field.list('Names.'), key_info: field.object('By name: what is known of it.') },
        404: 'empty',
      },
      run: ({ services }, { allowed_client_id: client, ...asked }, { namespace }) => {
        const { oidc } = services.identities;
        const records = oidc.records(namespace.id);
        return detailed(namesListing(services.store, namespace.id, 'provider'), asked, (name) => {
          const found = records.get('provider', name);
          if (found === undefined || (client !== '' && !allowsClient(found, client))) return undefined;
          return shown(oidc, namespace, name, found);
        });
      },
    },
  },
});

const texts = (help: string) => field.list(help);

const discovery = at('oidc/provider/:name/.well-known/openid-configuration', {
  help: 'How clients use a provider (OpenID Connect Discovery 1.0).',
  access: 'open',
  fields: { name: field.name('Name of the provider.') },
  operations: {
    read: {
      summary: 'Read how a provider is used',
      writes: 'nothing',
      form: 'bare',
      replies: {
        200: {
          ...discoveryFields,
          authorization_endpoint: field.string('Where codes are given.'),
          token_endpoint: field.string('Where codes are turned into tokens.'),
          userinfo_endpoint: field.string('Where access tokens are turned into claims.'),
          request_parameter_supported: field.boolean('Whether requests may be signed.'),
          request_uri_parameter_supported: field.boolean('Whether requests may lie elsewhere.'),
          scopes_supported: texts('Scopes.'),
          claims_supported: texts('Said by the scopes.'),
          grant_types_supported: texts('Ways to a token.'),
          token_endpoint_auth_methods_supported: texts('How clients prove who they are.'),
          code_challenge_methods_supported: texts('Of PKCE.'),
        },
        404: 'empty',
      },
      run: ({ services }, { name }, { namespace }) => {
        const { oidc } = services.identities;
        const found = oidc.records(namespace.id).get('provider', name);
        if (found === undefined) return reply.missing;
        return {
          status: 200,
          bare: metadataOf(issuerOf(oidc, namespace, name, found), found),
          headers: DISCOVERY_HEADERS,
        };
      },
    },
  },
});

const metadataOf = (issuer: string, { scopes }: ProviderRecord) => ({
  issuer,
  jwks_uri: `${issuer}/.well-known/keys`,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  userinfo_endpoint: `${issuer}/userinfo`,
  request_parameter_supported: false,
  request_uri_parameter_supported: false,
  id_token_signing_alg_values_supported: SIGNING_ALGORITHMS,
  response_types_supported: ['code'],
  scopes_supported: [...scopes, OPENID],
  claims_supported: [],
  subject_types_supported: ['public'],
  grant_types_supported: ['authorization_code', 'client_credentials'],
  // `none` is for public clients, which then need PKCE.
  token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
  code_challenge_methods_supported: ['S256', 'plain'],
});

const keys = at('oidc/provider/:name/.well-known/keys', {
  help: 'The public keys of the tokens that a provider gives (RFC 7517).',
  access: 'open',
  fields: { name: field.name('Name of the provider.') },
  operations: {
    read: {
      summary: 'Read the keys of a provider',
      writes: 'nothing',
      form: 'bare',
      replies: { 200: keysFields, 404: 'empty' },
      run: ({ services }, { name }, { namespace, now }) => {
        const { oidc } = services.identities;
        const found = oidc.records(namespace.id).get('provider', name);
        if (found === undefined) return reply.missing;
        return { status: 200, bare: { keys: oidc.published.ofProvider(namespace.id, name, found, now).keys } };
      },
    },
  },
});

export const providerPaths = [provider, names, discovery, keys];
