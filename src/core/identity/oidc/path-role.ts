/** `identity/oidc/role`: what identity tokens say, for whom they are, and for how long. */
import { fail } from '../../../errors.ts';
import { field } from '../../../framework/field.ts';
import { listed, pageFields } from '../../../framework/listing.ts';
import { pathsOf } from '../../../framework/path.ts';
import { reply } from '../../../framework/reply.ts';
import { randomBase62 } from '../../../lib/crypto/random.ts';
import type { IdentityMount } from '../asked.ts';
import { checkTemplate, templateText } from './claims-template.ts';
import { DEFAULT_NAME, ensureDefaultKey } from './key-changes.ts';
import { changeOidc, checkName, namesListing, type OidcWrites } from './oidc-store.ts';
import type { RoleRecord } from './records.ts';

const at = pathsOf<IdentityMount>();

const fields = {
  key: field.string('The key that its tokens are signed by.'),
  template: field.string('Claims, as JSON with identity selectors in it, or that in base64.'),
  client_id: field.string('For whom its tokens are (`aud`); made by chance if not given.'),
  ttl: field.duration('How long they are good for; a day if not given.'),
} as const;

interface Change {
  readonly key: string | undefined;
  readonly template: string | undefined;
  readonly client_id: string | undefined;
  readonly ttl: number | undefined;
}

const NEW_ROLE: RoleRecord = { key: '', template: '', clientId: '', ttl: 86_400 };
const CLIENT_ID_LENGTH = 26;
const LONGEST_CLIENT_ID = 1_024;

/** Throws `badRequest`. */
function changed(writes: OidcWrites, before: RoleRecord, change: Change): RoleRecord {
  const name = change.key ?? before.key;
  if (name === '') throw fail('badRequest', 'the key parameter is required');
  const template = change.template === undefined ? before.template : templateText(change.template);
  checkTemplate(template);
  const key = writes.key(name);
  if (key === undefined) throw fail('badRequest', `cannot find key "${name.slice(0, 128)}"`);
  const ttl = change.ttl ?? before.ttl;
  if (ttl > key.verificationTtl) {
    throw fail('badRequest', "a role's token ttl cannot be longer than the verification_ttl of the key it references");
  }
  const clientId = change.client_id ?? before.clientId;
  if (clientId.length > LONGEST_CLIENT_ID) throw fail('badRequest', 'client_id is too long');
  return { key: name, template, ttl, clientId: clientId === '' ? randomBase62(CLIENT_ID_LENGTH) : clientId };
}

const role = at('oidc/role/:name', {
  help: 'What identity tokens say.',
  fields: { name: field.name('Name of the role.'), ...fields },
  exists: ({ services }, { name }, { namespace }) =>
    services.identities.oidc.records(namespace.id).get('role', name) !== undefined,
  operations: {
    read: {
      summary: 'Read a role',
      writes: 'nothing',
      replies: { 200: fields, 404: 'empty' },
      run: ({ services }, { name }, { namespace }) => {
        const found = services.identities.oidc.records(namespace.id).get('role', name);
        if (found === undefined) return reply.missing;
        return reply.ok({ client_id: found.clientId, key: found.key, template: found.template, ttl: found.ttl });
      },
    },
    update: {
      summary: 'Write a role',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, { name, ...change }, { namespace, now }) => {
        checkName('role', name);
        if (change.key === DEFAULT_NAME) await ensureDefaultKey(services.store, namespace.id, now);
        await changeOidc(services.store, namespace.id, (writes) => {
          writes.put('role', name, changed(writes, writes.get('role', name) ?? NEW_ROLE, change));
        });
        return reply.empty;
      },
    },
    delete: {
      summary: 'Delete a role',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, { name }, { namespace }) => {
        await changeOidc(services.store, namespace.id, (writes) => {
          writes.delete('role', name);
        });
        return reply.empty;
      },
    },
  },
});

const names = at('oidc/role', {
  help: 'Names of all roles.',
  fields: pageFields,
  operations: {
    list: {
      summary: 'List roles',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Names.') }, 404: 'empty' },
      run: ({ services }, asked, { namespace }) => listed(namesListing(services.store, namespace.id, 'role'), asked),
    },
  },
});

export const rolePaths = [role, names];
