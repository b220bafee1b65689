/** The general verbs: any path of the API. */
import type { Client } from '../client/client.ts';
import type { Envelope } from '../client/envelope.ts';
import { isObject } from '../client/json.ts';
import { command } from './command.ts';
import type { Context } from './context.ts';
import { CommandError, during, exit } from './errors.ts';
import { flag, UsageError, type ValuesOf } from './flags.ts';
import { toText } from './go-format.ts';
import { detailedTable } from './detailed-keys.ts';
import { parsePairs, parseTextPairs } from './pairs.ts';
import { headedTable } from './table.ts';

const many = Number.POSITIVE_INFINITY;

export const read = command({
  summary: 'Read data and retrieve secrets',
  description: 'Further K=V arguments are sent as query parameters.',
  args: { usage: 'PATH [K=V...]', least: 1, most: many },
  output: 'field',
  raw: true,
  examples: [
    { note: 'Read the details of the own token:', line: 'read auth/token/lookup-self' },
    { note: 'Read one field, for a script:', line: 'read -field=role_id auth/approle/role/web/role-id' },
  ],
  run: async (context, { args: [target = '', ...pairs] }) => {
    const path = cleanPath(target);
    const query = await parseTextPairs(context, pairs);
    if (context.out.format === 'raw') {
      const reply = await during(`Error reading ${path}`, context.client.request('GET', path, undefined, { query }));
      context.out.print(reply.body);
      return exit.ok;
    }
    const found = await during(`Error reading ${path}`, context.client.read(path, { query, reasons: true }));
    return showFound(context, found, path);
  },
});

export const write = command({
  summary: 'Write data, configuration and secrets',
  description:
    'Data are K=V arguments; K=@file takes a file, K=- standard input. "-" or "@file" alone is a JSON object of all data.',
  args: { usage: 'PATH [DATA K=V...]', least: 1, most: many },
  flags: { force: flag.boolean('Write without any data.', { aliases: ['f'] }) },
  output: 'field',
  examples: [
    { note: 'Make a role:', line: 'write auth/approle/role/web token_ttl=1h token_policies=web' },
    { note: 'Ask for a secret id, which takes no data:', line: 'write -f auth/approle/role/web/secret-id' },
  ],
  run: async (context, { values, args: [target = '', ...pairs] }) => {
    if (pairs.length === 0 && values.force !== true) throw new UsageError('Must supply data or use -force');
    const path = cleanPath(target);
    const data = await parsePairs(context, pairs);
    const body = pairs.length === 0 ? undefined : data;
    const reply = await during(`Error writing data to ${path}`, context.client.write(path, body));
    if (reply?.wrap_info !== undefined && path.startsWith('sys/wrapping/')) {
      await context.out.wrapping.envelope(reply);
      return exit.ok;
    }
    return showWritten(context, reply, `Success! Data written to: ${path}`);
  },
});

export const patch = command({
  summary: 'Change some fields of data or configuration',
  description: 'As `write`, but what is not given stays as it is. Not every path can be patched.',
  args: { usage: 'PATH [DATA K=V...]', least: 1, most: many },
  flags: { force: flag.boolean('Patch without any data.', { aliases: ['f'] }) },
  output: 'field',
  examples: [
    {
      note: 'Change the text of a policy that ends, and not its end:',
      line: 'patch sys/policies/acl/web policy=@web.hcl',
    },
  ],
  run: async (context, { values, args: [target = '', ...pairs] }) => {
    if (pairs.length === 0 && values.force !== true) throw new UsageError('Must supply data or use -force');
    const path = cleanPath(target);
    const data = await parsePairs(context, pairs);
    const reply = await during(`Error writing data to ${path}`, context.client.patch(path, data));
    return showWritten(context, reply, `Success! Data written to: ${path}`);
  },
});

export const remove = command({
  summary: 'Delete secrets and configuration',
  args: { usage: 'PATH [K=V...]', least: 1, most: many },
  output: 'field',
  examples: [{ note: 'Remove a role:', line: 'delete auth/approle/role/web' }],
  run: async (context, { args: [target = '', ...pairs] }) => {
    const path = cleanPath(target);
    const query = await parseTextPairs(context, pairs);
    const reply = await during(`Error deleting ${path}`, context.client.delete(path, { query }));
    return showWritten(context, reply, `Success! Data deleted (if it existed) at: ${path}`);
  },
});

const paging = {
  after: flag.text('Begin behind this key, where the path has pages.'),
  limit: flag.integer('So many keys at most, where the path has pages.'),
} as const;

const detail = {
  detailed: flag.boolean('Show what the path tells of each key, where it does.'),
} as const;

type Page = ValuesOf<typeof paging>;

async function pageOf(context: Context, { after, limit }: Page, pairs: readonly string[]) {
  const query = await parseTextPairs(context, pairs);
  return { ...query, ...(after === undefined ? {} : { after }), ...(limit === undefined ? {} : { limit: `${limit}` }) };
}

export const list = command({
  summary: 'List what lies below a path',
  args: { usage: 'PATH [K=V...]', least: 1, most: many },
  flags: { ...paging, ...detail },
  output: 'format',
  examples: [{ note: 'List the roles of AppRole:', line: 'list auth/approle/role' }],
  run: async (context, { values, args: [target = '', ...pairs] }) => {
    const path = cleanPath(target);
    const query = await pageOf(context, values, pairs);
    const found = await during(`Error listing ${path}`, context.client.list(path, { query, reasons: true }));
    return values.detailed === true ? showDetailed(context, found, path) : showKeys(context, found, path);
  },
});

export const scan = command({
  summary: 'List all that lies below a path, at any depth',
  description: 'Needs the capability `scan`. Not every path can be scanned.',
  args: { usage: 'PATH [K=V...]', least: 1, most: many },
  flags: { ...paging, ...detail },
  output: 'format',
  examples: [{ note: 'Name all secrets of a team:', line: 'scan secret/metadata/team' }],
  run: async (context, { values, args: [target = '', ...pairs] }) => {
    const path = cleanPath(target);
    const query = { ...(await pageOf(context, values, pairs)), scan: 'true' };
    const found = await during(`Error scanning ${path}`, context.client.read(path, { query, reasons: true }));
    return values.detailed === true ? showDetailed(context, found, path) : showKeys(context, found, path);
  },
});

export const unwrap = command({
  summary: 'Unwrap a wrapped reply',
  description: 'Without an argument the own token (VAULT_TOKEN) is the one to unwrap.',
  args: { usage: '[TOKEN]', least: 0, most: 1 },
  output: 'field',
  examples: [{ note: 'Unwrap:', line: 'unwrap hvs.CAESI...' }],
  run: async (context, { args: [token] }) => {
    const { client } = context;
    const reply = await during('Error unwrapping', unwrapWith(client, token === '-' ? await context.stdin() : token));
    // A request that was approved may have no reply; whatever else is wrapped has one.
    if (reply === undefined) context.out.success('Success! The approved request is done.');
    else await context.out.wrapping.envelope(reply);
  },
});

/** Without a token of one's own the wrapping token goes in its place, not beside itself: it can be used only once. */
export function unwrapWith(client: Client, token: string | undefined): Promise<Envelope | undefined> {
  const own = client.settings.token ?? '';
  const given = token?.trim();
  if (given === undefined || given === own) return client.write('sys/wrapping/unwrap');
  if (own === '') return client.write('sys/wrapping/unwrap', undefined, { token: given });
  return client.write('sys/wrapping/unwrap', { token: given });
}

export const pathHelp = command({
  summary: 'Show what a path of the API takes',
  args: { usage: 'PATH', least: 1, most: 1 },
  output: 'format',
  examples: [{ note: 'Show all paths of an engine:', line: 'path-help secret' }],
  run: async (context, { args: [target = ''] }) => {
    const path = cleanPath(target);
    const work = context.client.read(path, { query: { help: '1' } });
    const found = await during('Error retrieving help', work);
    const help = found?.data?.['help'];
    if (typeof help !== 'string') throw new CommandError(`There is no help for ${path}`, exit.server);
    await context.out.value(found?.data, () => help.trimEnd());
  },
});

/** Without blanks, a leading and trailing slashes, as Vault's clients take paths. */
export function cleanPath(text: string): string {
  return text.trim().replace(/^\/+|\/+$/g, '');
}

export async function showFound(context: Context, found: Envelope | undefined, path: string): Promise<number> {
  if (found === undefined) throw new CommandError(`No value found at ${path}`, exit.server);
  await context.out.envelope(found);
  return exit.ok;
}

/** A reply without content is a success that has nothing to show but that. */
export async function showWritten(context: Context, reply: Envelope | undefined, success: string): Promise<number> {
  const empty =
    reply === undefined || (reply.data === null && reply.auth === undefined && reply.wrap_info === undefined);
  if (reply !== undefined && (!empty || context.out.format !== 'table')) await context.out.envelope(reply);
  else {
    context.out.success(success);
    if (reply !== undefined) context.out.warnings(reply);
  }
  return exit.ok;
}

/** `data.keys` of a list. */
export async function showKeys(context: Context, found: Envelope | undefined, path: string): Promise<number> {
  if (found?.wrap_info !== undefined) return showFound(context, found, path);
  const keys = found?.data?.['keys'];
  const empty = !Array.isArray(keys) || keys.length === 0;
  if (empty && context.out.format === 'table') throw new CommandError(`No value found at ${path}`, exit.server);
  if (empty) {
    await context.out.value({}, () => '');
    return exit.server;
  }
  await context.out.value(keys, () =>
    headedTable(
      ['Keys'],
      keys.map((key) => [toText(key)]),
    ),
  );
  if (found !== undefined) context.out.warnings(found);
  return exit.ok;
}

/** With what the reply tells of each key: a column a field, in the order of their names. As a whole in other formats. */
async function showDetailed(context: Context, found: Envelope | undefined, path: string): Promise<number> {
  const keys = found?.data?.['keys'];
  const info = found?.data?.['key_info'];
  if (found === undefined || !Array.isArray(keys) || keys.length === 0) return showKeys(context, found, path);
  if (context.out.format !== 'table') {
    await context.out.envelope(found);
    return exit.ok;
  }
  if (!isObject(info)) return showKeys(context, found, path);
  context.out.print(detailedTable(keys, info));
  context.out.warnings(found);
  return exit.ok;
}
