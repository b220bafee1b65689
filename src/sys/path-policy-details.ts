/** `sys/policies/detailed`: policies with all that is known of them. */
import type { Node } from '../core/node.ts';
import { fail } from '../errors.ts';
import type { Call } from '../framework/call.ts';
import { field, type JsonObject } from '../framework/field.ts';
import { pageFields, type Asked } from '../framework/listing.ts';
import { pathsOf } from '../framework/path.ts';
import { reply, type Reply } from '../framework/reply.ts';
import { factsShown, namesBelow } from './path-policy.ts';

const at = pathsOf<Node>();

/** Documents can be long: more of them are asked for in parts. */
const MOST = 10_000;

function detailed(node: Node, call: Call, folder: string, asked: Asked): Reply {
  const names = namesBelow(node, call, folder, asked);
  if (names.length > MOST) {
    throw fail(
      'badRequest',
      `there are more than ${String(MOST)} policies: ask for them in parts, with limit and after`,
    );
  }
  const info = names.flatMap((name): [string, JsonObject][] => {
    const found = node.services.policies.describe(call.namespace.id, name);
    return found === undefined ? [] : [[name, { name, policy: found.text, ...factsShown(found) }]];
  });
  return reply.keys(names, { key_info: Object.fromEntries(info) });
}

const replies = { 200: { keys: field.list('Names.'), key_info: field.object('By name.') }, 404: 'empty' } as const;

const all = at('policies/detailed/acl', {
  help: 'All ACL policies with their documents.',
  namespaces: true,
  fields: pageFields,
  operations: {
    list: {
      summary: 'List policies with details',
      writes: 'nothing',
      replies,
      run: (node, asked, call) => detailed(node, call, '', asked),
    },
  },
});

const below = at('policies/detailed/acl/:name...', {
  help: 'The ACL policies below a folder with their documents.',
  namespaces: true,
  fields: { name: field.name('The folder.'), ...pageFields },
  operations: {
    list: {
      summary: 'List policies below a folder with details',
      writes: 'nothing',
      replies,
      run: (node, values, call) => detailed(node, call, values.name, values),
    },
  },
});

export const policyDetailPaths = [all, below];
