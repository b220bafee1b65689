/** `sys/regions`: the hub's regions; what each may hold and how far it is. */
import type { RegionRules } from '../core/cluster.ts';
import type { Node } from '../core/node.ts';
import { fail } from '../errors.ts';
import { field, type Values } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';
import { defined } from '../lib/defined.ts';

const at = pathsOf<Node>();

const regions = at('regions', {
  help: 'Names of the hub’s regions; on a region, how it stands to its hub.',
  fields: {},
  operations: {
    list: {
      summary: 'List regions',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Names.'), key_info: field.object('By name.') }, 404: 'empty' },
      run: ({ hub }) => {
        const names = hub.list();
        return reply.keys(names, { key_info: Object.fromEntries(names.map((name) => [name, hub.describe(name)])) });
      },
    },
    read: {
      summary: 'Show how this region stands to its hub',
      writes: 'nothing',
      replies: { 200: 'any', 404: 'empty' },
      run: ({ link }) => (link === undefined ? reply.missing : reply.ok(link.status())),
    },
  },
});

const rules = {
  paths: field.list(
    'What the region may hold: `secret/eu/` (a subtree), `sys/policies/acl/eu-*` (names), `secret/x` (a path).',
  ),
  add_paths: field.list(
    'Instead of `paths`: what joins that which it may hold, whatever others add at the same moment.',
  ),
  writes: field.list('What it may write, within what it may hold; all of that if empty.'),
};

function given({ paths, add_paths: addPaths, writes }: Values<typeof rules>): RegionRules {
  if (paths !== undefined && addPaths !== undefined) {
    throw fail('badRequest', 'give paths, which takes the place of what is there, or add_paths, which joins it');
  }
  return defined({ paths, addPaths, writes });
}

const region = at('regions/:name', {
  help: 'One region of the hub.',
  access: 'root',
  fields: { name: field.name('Name of the region.'), ...rules },
  exists: (node, { name }) => node.hub.describe(name) !== undefined,
  operations: {
    read: {
      summary: 'Show a region',
      writes: 'nothing',
      replies: { 200: 'any', 404: 'empty' },
      run: ({ hub }, { name }) => {
        const found = hub.describe(name);
        return found === undefined ? reply.missing : reply.ok(found);
      },
    },
    update: {
      summary: 'Add a region, or let it join anew; gives its join token, which works once and for one hour',
      writes: 'local',
      replies: { 200: { name: field.string('Name.'), join_token: field.secret('For the region’s join_token_file.') } },
      run: async ({ hub }, { name, ...values }) => reply.ok({ name, join_token: await hub.add(name, given(values)) }),
    },
    patch: {
      summary: 'Change what a region may hold and write',
      writes: 'local',
      replies: { 204: 'empty' },
      run: async ({ hub }, { name, ...values }) => {
        await hub.setRules(name, given(values));
        return reply.empty;
      },
    },
    delete: {
      summary: 'Remove a region; it is cut off at once',
      writes: 'local',
      replies: { 200: { warnings: field.list('What to rotate.') } },
      run: async ({ hub }, { name }) => {
        const found = hub.describe(name);
        if (found === undefined) return reply.empty;
        await hub.remove(name);
        const held = found['paths'];
        const list = Array.isArray(held) ? held.join(', ') : '';
        return { status: 200, data: {}, warnings: [`"${name}" held ${list}: rotate what must not stay known there`] };
      },
    },
  },
});

export const regionPaths = [regions, region];
