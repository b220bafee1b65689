/** `identity/oidc/client`: applications that people, or the applications themselves, log in to by a provider. */
import { fail } from '../../../errors.ts';
import { field, type JsonObject } from '../../../framework/field.ts';
import { pageFields } from '../../../framework/listing.ts';
import { pathsOf } from '../../../framework/path.ts';
import { reply } from '../../../framework/reply.ts';
import { randomBase62 } from '../../../lib/crypto/random.ts';
import { encodeRecord } from '../../../lib/record.ts';
import type { IdentityMount } from '../asked.ts';
import { detailed } from '../lists.ts';
import { DEFAULT_NAME, ensureDefaultKey } from './key-changes.ts';
import { oidcKeys } from './layout.ts';
import { checkRedirect } from './redirect.ts';
import { changeOidc, checkName, namesListing, type OidcWrites } from './oidc-store.ts';
import type { ClientRecord } from './records.ts';

const at = pathsOf<IdentityMount>();

const fields = {
  redirect_uris: field.list(
    'Where people may be sent back to; each is compared as a whole, but for ports of loopback.',
  ),
  assignments: field.list('Assignments that say who may log in; `allow_all` lets everybody.'),
  key: field.string('The key that its tokens are signed by; it never changes. `default` if not given.'),
  id_token_ttl: field.duration('How long ID tokens are good for; a day if not given.'),
  access_token_ttl: field.duration('How long access tokens are good for; a day if not given.'),
  client_type: field.string(
    'confidential, which has a secret, or public; it never changes. confidential if not given.',
  ),
  authorization_code: field.boolean('Whether people log in to it; true if not given.'),
  client_credentials: field.boolean('Whether it gets tokens for itself; false if not given.'),
} as const;

type Change = { readonly [Name in keyof typeof fields]: ReturnType<(typeof fields)[Name]['coerce']> };

const DAY = 86_400;
const ID_LENGTH = 32;
const SECRET_LENGTH = 64;
const MOST_URIS = 256;

const newClient = (name: string): ClientRecord => ({
  ...{ name, id: '', type: 'confidential', key: DEFAULT_NAME, redirectUris: [], assignments: [] },
  ...{ idTokenTtl: DAY, accessTokenTtl: DAY, authorizationCode: true, clientCredentials: false },
});

const unique = (given: readonly string[]): readonly string[] =>
  [...new Set(given.filter((each) => each !== ''))].sort();

/** Throws `badRequest` for what never changes. */
function typeOf(before: ClientRecord, given: string | undefined): ClientRecord['type'] {
  if (given === undefined) return before.type;
  if (before.id !== '' && given !== before.type) throw fail('badRequest', 'client_type modification is not allowed');
  if (given !== 'confidential' && given !== 'public') {
    throw fail('badRequest', `invalid client_type "${given.slice(0, 32)}"`);
  }
  return given;
}

function planned(before: ClientRecord, change: Change): ClientRecord {
  if (before.id !== '' && change.key !== undefined && change.key !== before.key) {
    throw fail('badRequest', 'key modification is not allowed');
  }
  return {
    ...before,
    type: typeOf(before, change.client_type),
    key: change.key ?? before.key,
    redirectUris: unique(change.redirect_uris ?? before.redirectUris),
    assignments: unique(change.assignments ?? before.assignments),
    idTokenTtl: change.id_token_ttl ?? before.idTokenTtl,
    accessTokenTtl: change.access_token_ttl ?? before.accessTokenTtl,
    authorizationCode: change.authorization_code ?? before.authorizationCode,
    clientCredentials: change.client_credentials ?? before.clientCredentials,
  };
}

/** Throws `badRequest`. */
function check(writes: OidcWrites, client: ClientRecord): void {
  const missing = client.assignments.find((name) => writes.get('assignment', name) === undefined);
  if (missing !== undefined) throw fail('badRequest', `assignment "${missing.slice(0, 128)}" does not exist`);
  const key = writes.key(client.key);
  if (key === undefined) throw fail('badRequest', `key "${client.key.slice(0, 128)}" does not exist`);
  if (client.idTokenTtl > key.verificationTtl) {
    throw fail(
      'badRequest',
      "a client's id_token_ttl cannot be greater than the verification_ttl of the key it references",
    );
  }
  client.redirectUris.forEach(checkRedirect);
  if (client.redirectUris.length > MOST_URIS) throw fail('badRequest', `more than ${String(MOST_URIS)} redirect_uris`);
  // RFC 6749, section 4.4: whoever knows the id of a public client would be given its tokens.
  if (client.type === 'public' && client.clientCredentials) {
    throw fail('badRequest', 'client_credentials needs a client_type of confidential: a public client has no secret');
  }
}

function write(writes: OidcWrites, name: string, change: Change): void {
  const before = writes.get('client', name) ?? newClient(name);
  const client = planned(before, change);
  check(writes, client);
  const keys = oidcKeys(writes.namespace);
  const id = client.id === '' ? randomBase62(ID_LENGTH) : client.id;
  writes.put('client', name, { ...client, id });
  if (before.id !== '') return;
  writes.tx.put(keys.clientOfId(id), encodeRecord(name));
  if (client.type === 'public') return;
  writes.tx.put(keys.clientSecret(id), encodeRecord(`hvo_secret_${randomBase62(SECRET_LENGTH)}`));
}

/** Without the secret. */
function shown(client: ClientRecord): JsonObject {
  return {
    redirect_uris: client.redirectUris,
    assignments: client.assignments,
    key: client.key,
    id_token_ttl: client.idTokenTtl,
    access_token_ttl: client.accessTokenTtl,
    client_type: client.type,
    client_id: client.id,
    authorization_code: client.authorizationCode,
    client_credentials: client.clientCredentials,
  };
}

const client = at('oidc/client/:name', {
  help: 'An application that is logged in to.',
  fields: { name: field.name('Name of the client.'), ...fields },
  exists: ({ services }, { name }, { namespace }) =>
    services.identities.oidc.records(namespace.id).get('client', name) !== undefined,
  operations: {
    read: {
      summary: 'Read a client, with its secret',
      writes: 'nothing',
      replies: {
        200: {
          ...fields,
          client_id: field.string('Its id.'),
          client_secret: field.secret('Its secret; not of a public one, and at the hub alone.'),
        },
        404: 'empty',
      },
      run: ({ services }, { name }, { namespace }) => {
        const records = services.identities.oidc.records(namespace.id);
        const found = records.get('client', name);
        if (found === undefined) return reply.missing;
        const secret = records.clientSecret(found.id);
        return reply.ok({ ...shown(found), ...(secret === undefined ? {} : { client_secret: secret }) });
      },
    },
    update: {
      summary: 'Write a client',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, { name, ...change }, { namespace, now }) => {
        checkName('client', name);
        if ((change.key ?? DEFAULT_NAME) === DEFAULT_NAME) await ensureDefaultKey(services.store, namespace.id, now);
        await changeOidc(services.store, namespace.id, (writes) => {
          write(writes, name, change);
        });
        return reply.empty;
      },
    },
    delete: {
      summary: 'Delete a client',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, { name }, { namespace }) => {
        await changeOidc(services.store, namespace.id, (writes) => {
          const found = writes.get('client', name);
          if (found === undefined) return;
          const keys = oidcKeys(namespace.id);
          writes.delete('client', name);
          writes.tx.delete(keys.clientOfId(found.id));
          writes.tx.delete(keys.clientSecret(found.id));
        });
        return reply.empty;
      },
    },
  },
});

const names = at('oidc/client', {
  help: 'Names of all clients.',
  fields: pageFields,
  operations: {
    list: {
      summary: 'List clients',
      writes: 'nothing',
      replies: {
        200: { keys: field.list('Names.'), key_info: field.object('By name: all but the secret.') },
        404: 'empty',
      },
      run: ({ services }, asked, { namespace }) => {
        const records = services.identities.oidc.records(namespace.id);
        return detailed(namesListing(services.store, namespace.id, 'client'), asked, (name) => {
          const found = records.get('client', name);
          return found === undefined ? undefined : shown(found);
        });
      },
    },
  },
});

export const clientPaths = [client, names];
