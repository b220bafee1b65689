/** What is built in. Nothing can be added. */
import { isObject } from '../client/json.ts';
import { command, group } from './command.ts';
import type { Context } from './context.ts';
import { CommandError, during, exit } from './errors.ts';
import { defined } from '../lib/defined.ts';
import { flag, UsageError } from './flags.ts';
import { toText } from './go-format.ts';
import type { Data } from './pairs.ts';
import type { Row } from './secret-view.ts';
import { headedTable } from './table.ts';

const TYPES = ['auth', 'database', 'secret'] as const;

function typeOf(given: string): (typeof TYPES)[number] {
  const found = TYPES.find((type) => type === given.toLowerCase());
  if (found !== undefined) return found;
  throw new CommandError(`Error parsing type: "${given}" is not a supported plugin type`, exit.server);
}

const list = command({
  summary: 'List what is built in: auth methods, databases and secret engines',
  args: { usage: '[TYPE]', least: 0, most: 1 },
  flags: { detailed: flag.boolean('With their standing.') },
  output: 'format',
  examples: [{ note: 'List auth methods:', line: 'plugin list auth' }],
  run: async (context, { values, args: [given] }) => {
    const type = given === undefined ? undefined : typeOf(given);
    const found = await during('Error listing available plugins', context.client.read('sys/plugins/catalog'));
    const data = found?.data ?? {};
    const detailed = values.detailed === true;
    const details = detailsOf(data).filter((each) => type === undefined || each['type'] === type);
    const shown = (type === undefined ? TYPES : [type]).map((each) => [each, data[each] ?? null] as const);
    const told = details.map((each) => new Map(detailFields.map((name) => [name, each[name] ?? ''])));
    await context.out.value({ ...Object.fromEntries(shown), details: told }, () =>
      tableOf(details, { type: type === undefined || detailed, detailed }),
    );
  },
});

/** In the order of OpenBao's JSON. */
const detailFields = ['type', 'name', 'version', 'builtin', 'deprecation_status'];

const detailsOf = ({ detailed }: Data): readonly Data[] => (Array.isArray(detailed) ? detailed.filter(isObject) : []);

function tableOf(details: readonly Data[], shown: { readonly type: boolean; readonly detailed: boolean }): string {
  const columns: readonly (readonly [string, string])[] = [
    ['Name', 'name'],
    ...(shown.type ? ([['Type', 'type']] as const) : []),
    ['Version', 'version'],
    ...(shown.detailed ? ([['Deprecation Status', 'deprecation_status']] as const) : []),
  ];
  const rows = details.map((each) => columns.map(([, name]) => toText(each[name] ?? '')));
  return headedTable(
    columns.map(([heading]) => heading),
    rows,
  );
}

const info = command({
  summary: 'Show one auth method, database or secret engine',
  args: { usage: 'TYPE NAME', least: 2, most: 2 },
  flags: { version: flag.text('Its version: only the built-in one is there.') },
  output: 'field',
  examples: [{ note: 'Show AppRole:', line: 'plugin info auth approle' }],
  run: async (context, { values, args: [given = '', name = ''] }) => {
    const found = await readOne(context, `${typeOf(given)}/${name}`, values.version);
    if (found === undefined) {
      throw new CommandError(`Error reading plugin named ${name}: there is no such plugin`, exit.server);
    }
    const data = found.data ?? {};
    if (context.out.field !== undefined) return context.out.oneField(data[context.out.field], 'secret');
    const shown = Object.keys(data).sort();
    // As OpenBao's: what there is none of is an empty list in a table.
    const rows = shown.map((key): Row => [key, toText(data[key] ?? [])]);
    await context.out.rows(rows, data);
  },
});

function readOne(context: Context, path: string, version: string | undefined) {
  const query = version === undefined ? {} : { version };
  return during(`Error reading plugin ${path}`, context.client.read(`sys/plugins/catalog/${path}`, { query }));
}

const reload = command({
  summary: 'Ask for a reload, as scripts of other servers do',
  description:
    'What is built in has nothing to be started again: the server looks whether there is such a plug-in, or such mounts, and answers.',
  flags: {
    plugin: flag.text('Its name.'),
    mounts: flag.list('Paths of mounts, in its place.'),
    scope: flag.text('Kept for old scripts; has no effect.'),
  },
  output: 'format',
  examples: [{ note: 'All mounts of one:', line: 'plugin reload -plugin=approle' }],
  run: async (context, { values }) => {
    const { plugin, mounts, scope } = values;
    if ((plugin === undefined) === (mounts.length === 0)) {
      throw new UsageError('Must specify exactly one of -plugin or -mounts');
    }
    const body = { ...defined({ plugin, scope }), ...(mounts.length === 0 ? {} : { mounts }) };
    const path = 'sys/plugins/reload/backend';
    const found = await during('Error reloading plugin/mounts', context.client.write(path, body));
    const what = plugin === undefined ? `mounts: ${mounts.join(', ')}` : `plugin: ${plugin}`;
    await context.out.value(found?.data ?? {}, () => `Success! Reloaded ${what}`);
  },
});

export const pluginGroup = group({
  summary: 'Look at what is built in',
  description: 'Auth methods, databases and secret engines are part of this program: none is registered.',
  examples: [{ note: 'List all:', line: 'plugin list' }],
  commands: { info, list, reload },
});
