/** `sys/policies/who-can`: policies, groups, entities and logins by which something can be done. */
import type { Node } from '../core/node.ts';
import { whoCan } from '../core/who-can.ts';
import { fail } from '../errors.ts';
import { field } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';
import { askedPath, wantedField } from './wanted.ts';

const at = pathsOf<Node>();

const LIMIT = 1_000;
const MOST = 10_000;

const question = at('policies/who-can', {
  help: 'Who can do something: by which policies, groups, entities and logins. Holders of a root token can do all, and are not told.',
  namespaces: true,
  fields: {
    path: field.required(field.string('The path, as a request would have it.')),
    operation: wantedField,
    limit: field.integer(`Of each kind at most so many, up to ${String(MOST)}.`, { default: LIMIT }),
  },
  operations: {
    update: {
      summary: 'Ask who can do something',
      writes: 'nothing',
      replies: {
        200: {
          policies: field.objects('Rules that grant it where no other goes first: namespace, name, line, path.'),
          groups: field.objects('Groups with such a policy: namespace, name, policies.'),
          entities: field.objects('Entities that can: namespace, name, id, policies, logins.'),
          logins: field.objects(
            'Logins that give it: namespace, mount, name, policies, conditional (to those whose values fill a template so, or whom a program or a claim gives such a policy), by_program.',
          ),
          truncated: field.list('Kinds of which there are more than the limit.'),
        },
      },
      run: async (node, { path, operation = 'read', limit }, { namespace }) => {
        if (limit < 1 || limit > MOST) throw fail('badRequest', `limit must be between 1 and ${String(MOST)}`);
        const asked = { namespace, path: askedPath(path, operation), wanted: operation, limit };
        return reply.ok({ ...(await whoCan(node.services, asked)) });
      },
    },
  },
});

export const whoCanPaths = [question];
