/** `sys/policies/password`: what generated passwords look like. */
import { keysBelow } from '../core/keys-below.ts';
import { keys } from '../core/keys.ts';
import { assertThere } from '../core/namespaces/namespace-changes.ts';
import type { Node } from '../core/node.ts';
import { generatePassword, parsePasswordPolicy } from '../core/policy/password-policy.ts';
import { fail } from '../errors.ts';
import type { Call } from '../framework/call.ts';
import { field } from '../framework/field.ts';
import { listed } from '../framework/listing.ts';
import { pathsOf } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';
import { encodeRecord, recordAt } from '../lib/record.ts';
import { documentOf } from './path-policy.ts';

const at = pathsOf<Node>();

interface Kept {
  readonly policy: string;
}

/** Throws what Vault answers, 404, where there is none. */
function documentAt(node: Node, { namespace }: Call, name: string): string {
  const found = recordAt<Kept>(node.services.store, keys.passwordPolicy(namespace.id, name));
  if (found === undefined) throw fail('unsupportedPath', 'policy does not exist');
  return found.policy;
}

const name = field.name('Name of the policy.');

const list = at('policies/password', {
  help: 'Names of all password policies.',
  namespaces: true,
  fields: {
    after: field.string('Names behind this one.', { default: '' }),
    limit: field.integer('At most so many names.', { default: 0 }),
  },
  operations: {
    list: {
      summary: 'List password policies',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Names.') }, 404: 'empty' },
      run: ({ services }, asked, { namespace }) =>
        listed(keysBelow(services.store, keys.passwordPolicies(namespace.id)), asked),
    },
  },
});

const one = at('policies/password/:name', {
  help: 'One password policy.',
  namespaces: true,
  fields: { name, policy: field.string('The document, HCL or JSON; base64 is taken too.') },
  operations: {
    read: {
      summary: 'Read a password policy',
      writes: 'nothing',
      replies: { 200: { policy: field.string('The document.') }, 404: 'empty' },
      run: (node, values, call) => reply.ok({ policy: documentAt(node, call, values.name) }),
    },
    update: {
      summary: 'Write a password policy',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async (node, values, { namespace }) => {
        if (values.policy === undefined || values.policy === '') throw fail('badRequest', 'missing policy');
        const policy = documentOf(values.policy);
        // One that nothing meets is refused now, not when a password is needed.
        generatePassword(parsePasswordPolicy(policy));
        await node.services.store.transact((tx) => {
          assertThere(tx, namespace);
          tx.put(keys.passwordPolicy(namespace.id, values.name), encodeRecord({ policy } satisfies Kept));
        });
        return reply.empty;
      },
    },
    delete: {
      summary: 'Delete a password policy',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async (node, values, { namespace }) => {
        await node.services.store.transact((tx) => {
          tx.delete(keys.passwordPolicy(namespace.id, values.name));
        });
        return reply.empty;
      },
    },
  },
});

const generate = at('policies/password/:name/generate', {
  help: 'A password that meets a policy. It is kept nowhere.',
  namespaces: true,
  fields: { name },
  operations: {
    read: {
      summary: 'Generate a password',
      writes: 'nothing',
      replies: { 200: { password: field.secret('The password.') }, 404: 'empty' },
      run: (node, values, call) =>
        reply.ok({ password: generatePassword(parsePasswordPolicy(documentAt(node, call, values.name))) }),
    },
  },
});

export const passwordPolicyPaths = [list, one, generate];
