/** `sys/plugins`: the catalogue of what is built in. Nothing can be added to it. */
import type { Node } from '../core/node.ts';
import { fail } from '../errors.ts';
import type { Call } from '../framework/call.ts';
import { field, type JsonObject } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply, type Reply } from '../framework/reply.ts';
import { version } from '../lib/version.ts';

const at = pathsOf<Node>();

/** Made by the node itself, never mounted by anybody. */
const OWN: ReadonlySet<string> = new Set(['cubbyhole', 'system', 'token']);
const VERSION = `v${version}+builtin`;
const TYPES = ['auth', 'database', 'secret'] as const;
type PluginType = (typeof TYPES)[number];

function namesOf({ registry }: Node, type: string): readonly string[] {
  const known: Readonly<Record<PluginType, readonly string[]>> = {
    auth: Object.keys(registry.auth),
    database: [],
    secret: Object.keys(registry.engines),
  };
  const names = TYPES.some((each) => each === type) ? known[type as PluginType] : undefined;
  if (names === undefined) throw fail('badRequest', `"${type}" is no type of plug-in: it is auth, database or secret`);
  return names.filter((name) => !OWN.has(name)).sort();
}

const described = (type: string, name: string): JsonObject => ({
  ...{ type, name, version: VERSION, builtin: true, deprecation_status: 'supported' },
});

const builtIn = (): never => {
  throw fail('badRequest', 'every plug-in is built in: the catalogue cannot be changed');
};

const catalog = at('plugins/catalog', {
  help: 'What is built in.',
  namespaces: true,
  fields: {},
  operations: {
    read: {
      summary: 'All plug-ins',
      writes: 'nothing',
      replies: {
        200: {
          auth: field.list('Auth methods.'),
          database: field.list('Databases.'),
          secret: field.list('Secret engines.'),
          detailed: field.objects('All of them.'),
        },
      },
      run: (node) => {
        const all = TYPES.map((type) => [type, namesOf(node, type)] as const);
        const detailed = all.flatMap(([type, names]) => names.map((name) => described(type, name)));
        return reply.ok({ ...Object.fromEntries(all), detailed });
      },
    },
  },
});

const ofType = at('plugins/catalog/:type', {
  help: 'Plug-ins of one type.',
  namespaces: true,
  fields: { type: field.name('auth, database or secret.') },
  operations: {
    list: {
      summary: 'Plug-ins of a type',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Names.') }, 404: 'empty' },
      run: (node, { type }) => reply.keys(namesOf(node, type)),
    },
  },
});

const one = at('plugins/catalog/:type/:name', {
  help: 'One plug-in.',
  namespaces: true,
  access: 'root',
  fields: {
    type: field.name('auth, database or secret.'),
    name: field.name('Name of the plug-in.'),
    version: field.string('Only the built-in one is there.', { default: '' }),
  },
  operations: {
    read: {
      summary: 'Show a plug-in',
      writes: 'nothing',
      replies: {
        200: {
          name: field.string('Its name.'),
          version: field.string('Its version.'),
          builtin: field.boolean('Always.'),
          command: field.string('Empty: it is no program of its own.'),
          sha256: field.string('Empty.'),
          args: field.any('Nothing.'),
          deprecation_status: field.string('supported.'),
        },
        404: 'empty',
      },
      run: (node, values) => {
        const { type, name } = values;
        const wanted = values.version === '' || values.version === VERSION;
        if (!wanted || !namesOf(node, type).includes(name)) return reply.missing;
        const { deprecation_status } = described(type, name);
        return reply.ok({
          ...{ name, version: VERSION, builtin: true, command: '', sha256: '', args: null },
          deprecation_status,
        });
      },
    },
    update: { summary: 'Refused: all is built in', writes: 'nothing', replies: {}, run: builtIn },
    delete: { summary: 'Refused: all is built in', writes: 'nothing', replies: {}, run: builtIn },
  },
});

/** Every mount that is named must be there; otherwise who asks would take it for reloaded. */
function reloaded(node: Node, given: { plugin: string; mounts: readonly string[] }, call: Call): Reply {
  const { plugin, mounts } = given;
  if ((plugin === '') === (mounts.length === 0)) throw fail('badRequest', 'plugin or mounts must be provided');
  if (plugin !== '' && ![...namesOf(node, 'auth'), ...namesOf(node, 'secret')].includes(plugin)) {
    throw fail('badRequest', 'plugin not found in the catalog: see sys/plugins/catalog');
  }
  for (const mount of mounts) {
    const path = mount.endsWith('/') ? mount : `${mount}/`;
    if (node.services.mounts.at(call.namespace.id, path) === undefined) {
      throw fail('badRequest', 'nothing is mounted at one of the mounts: see sys/mounts');
    }
  }
  return reply.ok({ reload_id: call.id });
}

const reload = at('plugins/reload/backend', {
  help: 'Answers as if plug-ins were processes: what is built in has nothing to be started again.',
  fields: {
    plugin: field.string('Name of a plug-in.', { default: '' }),
    mounts: field.list('Paths of mounts.', { default: [] }),
    scope: field.string('Kept for old clients; has no effect.', { default: '' }),
  },
  operations: {
    update: {
      summary: 'Reload a plug-in',
      writes: 'nothing',
      replies: { 200: { reload_id: field.string('Of this request.') } },
      run: (node, values, call) => reloaded(node, values, call),
    },
  },
});

export const pluginPaths = [catalog, ofType, one, reload];
