/** The hub's regions. */
import { isObject } from '../client/json.ts';
import { command, group } from './command.ts';
import type { Context } from './context.ts';
import { cleanPath } from './data.ts';
import { CommandError, during, exit } from './errors.ts';
import { flag } from './flags.ts';
import { toText } from './go-format.ts';
import { dataRows } from './secret-view.ts';
import { headedTable, keyValueTable } from './table.ts';

const region = { usage: 'NAME', least: 1, most: 1 } as const;

const add = command({
  summary: 'Register a region at the hub and print its one-time join token',
  description:
    'The token is valid for one hour and for this name, and shown this once, alone on standard output. Bring it to the ' +
    'region in a file (join_token_file) or the environment, never as an argument. Without -path the region receives ' +
    'nothing until it is given paths.',
  args: region,
  flags: {
    path: flag.list('What the region may hold: `secret/eu/` a subtree, `secret/x` a path.', { value: 'prefix' }),
    write: flag.list('What it may write of that; default: all.', { value: 'prefix' }),
  },
  output: 'field',
  examples: [
    { note: 'Register eu, which may hold two trees:', line: 'regions add -path=secret/eu/ -path=secret/common/ eu' },
    { note: 'Straight into a file:', line: 'regions add -path=secret/eu/ eu > join-token' },
  ],
  run: async (context, { values, args: [name = ''] }) => {
    const path = `sys/regions/${cleanPath(name)}`;
    const body = { paths: values.path, ...(values.write.length === 0 ? {} : { writes: values.write }) };
    const reply = await during(`Error adding the region ${name}`, context.client.write(path, body));
    if (reply === undefined) throw new CommandError(`Error adding the region ${name}: no join token came`, exit.server);
    const token = reply.data?.['join_token'];
    if (!context.out.isTable || typeof token !== 'string') {
      await context.out.envelope(reply);
      return;
    }
    context.out.note(`Registered ${name}. Its join token, valid once and for one hour, is shown only now:`);
    context.out.print(token);
    context.out.warnings(reply);
  },
});

const list = command({
  summary: 'List the regions',
  output: 'format',
  examples: [{ note: 'List them:', line: 'regions list' }],
  run: showAll,
});

async function showAll(context: Context): Promise<void> {
  const found = await during('Error listing regions', context.client.list('sys/regions'));
  const keys = found?.data?.['keys'];
  const names = Array.isArray(keys) ? keys.map(toText) : [];
  if (names.length === 0 && context.out.format === 'table') {
    throw new CommandError('There are no regions, or this server is no hub.', exit.server);
  }
  const info = found?.data?.['key_info'];
  const details = isObject(info) ? info : undefined;
  await context.out.value(details ?? names, () => regionsTable(names, details));
}

const shownFields = ['connected', 'index', 'lag', 'enrolled', 'blocked', 'paths', 'writes'];

function regionsTable(names: readonly string[], info: Readonly<Record<string, unknown>> | undefined): string {
  const details = names.map((name) => (isObject(info?.[name]) ? info[name] : {}));
  const fields = shownFields.filter((field) => details.some((detail) => field in detail));
  const rows = names.map((name, at) => [name, ...fields.map((field) => toText(details[at]?.[field] ?? ''))]);
  return headedTable(['Region', ...fields.map(titleOf)], rows);
}

function titleOf(field: string): string {
  return field.replaceAll('_', ' ').replace(/^[a-z]/, (first) => first.toUpperCase());
}

const tune = command({
  summary: 'Change what a region may hold and write',
  description:
    'The paths given take the place of all that were there. What a region may no longer hold is purged there, what it ' +
    'newly may hold is sent, both at once. -add-path adds instead, and undoes nothing that others add at the same moment.',
  args: region,
  flags: {
    path: flag.list('What the region may hold: `secret/eu/` a subtree, `secret/x` a path.', { value: 'prefix' }),
    'add-path': flag.list('What it may hold beside what is there.', { value: 'prefix' }),
    write: flag.list('What it may write of that.', { value: 'prefix' }),
  },
  examples: [
    { note: 'Let eu hold one tree:', line: 'regions tune -path=secret/eu/ eu' },
    { note: 'And another:', line: 'regions tune -add-path=secret/shared/ eu' },
  ],
  run: async (context, { values, args: [name = ''] }) => {
    const { path, write, 'add-path': added } = values;
    if (path.length + added.length + write.length === 0) {
      throw new CommandError('Give at least one -path, -add-path or -write.', exit.local);
    }
    const body = {
      ...(path.length === 0 ? {} : { paths: path }),
      ...(added.length === 0 ? {} : { add_paths: added }),
      ...(write.length === 0 ? {} : { writes: write }),
    };
    await during(`Error changing the region ${name}`, context.client.patch(`sys/regions/${cleanPath(name)}`, body));
    context.out.success(`Success! Changed the region: ${name}`);
  },
});

const remove = command({
  summary: 'Cut a region off at once and forget it',
  description: 'What it held must be taken as known to whoever has its disks: the reply lists what to rotate.',
  args: region,
  output: 'format',
  examples: [{ note: 'Remove it:', line: 'regions remove eu' }],
  run: async (context, { args: [name = ''] }) => {
    const work = context.client.delete(`sys/regions/${cleanPath(name)}`);
    const reply = await during(`Error removing the region ${name}`, work);
    context.out.success(`Success! Removed the region (if it existed): ${name}`);
    if (reply !== undefined && reply.data !== null) await context.out.envelope(reply);
  },
});

const status = command({
  summary: 'Show a region: its state, index, lag and paths',
  description: 'Without a name: on a region how it stands to its hub, on the hub all regions.',
  args: { usage: '[NAME]', least: 0, most: 1 },
  output: 'format',
  examples: [{ note: 'Show one:', line: 'regions status eu' }],
  run: async (context, { args: [name] }) => {
    const path = name === undefined ? 'sys/regions' : `sys/regions/${cleanPath(name)}`;
    const found = await during('Error reading regions', context.client.read(path));
    const data = found?.data ?? undefined;
    if (data === undefined && name === undefined) return showAll(context);
    if (data === undefined)
      throw new CommandError(`There is no region "${name}", or this server is no hub.`, exit.server);
    await context.out.value(data, () => keyValueTable(dataRows(data)));
  },
});

export const regions = group({
  summary: 'Register, list, show, change and remove regions',
  examples: [{ note: 'Register one:', line: 'regions add -path=secret/eu/ eu' }],
  commands: { add, list, remove, status, tune },
});
