/** `identity/oidc/scope`: claims that a client can ask for by a name. */
import { fail } from '../../../errors.ts';
import { field } from '../../../framework/field.ts';
import { listed, pageFields } from '../../../framework/listing.ts';
import { pathsOf } from '../../../framework/path.ts';
import { reply } from '../../../framework/reply.ts';
import type { IdentityMount } from '../asked.ts';
import { checkTemplate, templateText } from './claims-template.ts';
import { changeOidc, checkName, namesListing } from './oidc-store.ts';

const at = pathsOf<IdentityMount>();

/** The scope that makes a request one of OpenID Connect; it has no template. */
export const OPENID = 'openid';
const LONGEST_DESCRIPTION = 1_024;

const fields = {
  template: field.string('Claims, as JSON with identity selectors in it, or that in base64.'),
  description: field.string('What it is for.'),
} as const;

const scope = at('oidc/scope/:name', {
  help: 'Claims that clients can ask for.',
  fields: { name: field.name('Name of the scope.'), ...fields },
  exists: ({ services }, { name }, { namespace }) =>
    services.identities.oidc.records(namespace.id).get('scope', name) !== undefined,
  operations: {
    read: {
      summary: 'Read a scope',
      writes: 'nothing',
      replies: { 200: fields, 404: 'empty' },
      run: ({ services }, { name }, { namespace }) => {
        const found = services.identities.oidc.records(namespace.id).get('scope', name);
        return found === undefined ? reply.missing : reply.ok({ ...found });
      },
    },
    update: {
      summary: 'Write a scope',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, { name, template, description }, { namespace }) => {
        if (name === OPENID) throw fail('badRequest', `the "${OPENID}" scope name is reserved`);
        checkName('scope', name);
        if ((description?.length ?? 0) > LONGEST_DESCRIPTION) throw fail('badRequest', 'description is too long');
        const text = template === undefined ? undefined : templateText(template);
        if (text !== undefined) checkTemplate(text);
        await changeOidc(services.store, namespace.id, (writes) => {
          const before = writes.get('scope', name) ?? { template: '', description: '' };
          writes.put('scope', name, {
            template: text ?? before.template,
            description: description ?? before.description,
          });
        });
        return reply.empty;
      },
    },
    delete: {
      summary: 'Delete a scope',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, { name }, { namespace }) => {
        await changeOidc(services.store, namespace.id, (writes) => {
          const users = writes.namesOf('provider', ({ scopes }) => scopes.includes(name));
          if (users.length > 0) {
            const why = `it is currently referenced by these providers: ${users.join(', ')}`;
            throw fail('badRequest', `unable to delete scope "${name}" because ${why}`);
          }
          writes.delete('scope', name);
        });
        return reply.empty;
      },
    },
  },
});

const names = at('oidc/scope', {
  help: 'Names of all scopes.',
  fields: pageFields,
  operations: {
    list: {
      summary: 'List scopes',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Names.') }, 404: 'empty' },
      run: ({ services }, asked, { namespace }) => listed(namesListing(services.store, namespace.id, 'scope'), asked),
    },
  },
});

export const scopePaths = [scope, names];
