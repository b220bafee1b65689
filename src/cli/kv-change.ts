/** Changes that start from what is there: patch and rollback. */
import { ApiError } from '../client/api-error.ts';
import type { Envelope } from '../client/envelope.ts';
import { isObject } from '../client/json.ts';
import { command } from './command.ts';
import type { Context } from './context.ts';
import { CommandError, during, exit } from './errors.ts';
import { flag, UsageError } from './flags.ts';
import { mountFlag, pathArgument } from './kv-flags.ts';
import { apiPath, findPlace, needVersions } from './kv-path.ts';
import { showVersion } from './kv-view.ts';
import { parsePairs, type Data } from './pairs.ts';

interface Change {
  readonly path: string;
  /** Values to set; null removes a key (RFC 7396). */
  readonly data: Data;
  readonly cas: number | undefined;
}

export const patch = command({
  summary: 'Change some keys of a secret and keep the others',
  description:
    'The method "patch" lets the server merge and needs the patch capability; "rw" reads, merges here and writes, guarded ' +
    'by the version that was read. By default patch is tried, then rw where it is refused.',
  args: { usage: 'PATH K=V...', least: 1, most: Number.POSITIVE_INFINITY },
  flags: {
    ...mountFlag,
    cas: flag.integer('Change only if the newest version has this number.'),
    method: flag.text('How to merge.', { choices: ['patch', 'rw'] }),
    'remove-data': flag.items('A key to remove.', { value: 'key' }),
  },
  output: 'field',
  examples: [
    { note: 'Change one key:', line: 'kv patch -mount=secret web/db password=-' },
    { note: 'Remove one:', line: 'kv patch -mount=secret -remove-data=old web/db' },
  ],
  run: async (context, { values, args: [target = '', ...pairs] }) => {
    const removed = values['remove-data'].map((key) => [key, null] as const);
    const data = { ...(await parsePairs(context, pairs)), ...Object.fromEntries(removed) };
    if (Object.keys(data).length === 0) throw new UsageError('Must supply data');
    const place = await findPlace(context, target, values.mount);
    needVersions(place, 'K/V engine mount must be version 2 for patch support');
    const change = { path: apiPath(place, 'data'), data, cas: values.cas };
    const reply = await during(`Error writing data to ${change.path}`, merge(context, change, values.method));
    if (reply === undefined) context.out.success(`Success! Data written to: ${change.path}`);
    else if (context.out.field !== undefined) await context.out.envelope(reply);
    else await showVersion(context, reply, change.path);
  },
});

async function merge(context: Context, change: Change, method: string | undefined): Promise<Envelope | undefined> {
  if (method === 'rw') return mergeHere(context, change);
  const options = change.cas === undefined ? {} : { options: { cas: change.cas } };
  try {
    return await context.client.patch(change.path, { data: change.data, ...options });
  } catch (error) {
    // A token without the patch capability, or a server without the method.
    const refused = error instanceof ApiError && (error.status === 403 || error.status === 405);
    if (!refused || method === 'patch') throw error;
    return mergeHere(context, change);
  }
}

async function mergeHere(context: Context, { path, data, cas }: Change): Promise<Envelope | undefined> {
  const { current, version } = await readVersion(context, path, undefined);
  const merged = Object.entries({ ...current, ...data }).filter(([, value]) => value !== null);
  return context.client.write(path, { data: Object.fromEntries(merged), options: { cas: cas ?? version } });
}

export const rollback = command({
  summary: 'Write the data of an earlier version as the newest one',
  args: pathArgument,
  flags: { ...mountFlag, version: flag.integer('The version to go back to.') },
  output: 'field',
  examples: [{ note: 'Go back to version 2:', line: 'kv rollback -mount=secret -version=2 web/db' }],
  run: async (context, { values, args: [target = ''] }) => {
    if (values.version === undefined) throw new UsageError('Version flag must be specified');
    const place = await findPlace(context, target, values.mount);
    needVersions(place, 'K/V engine mount must be version 2 for rollback support');
    const path = apiPath(place, 'data');
    // The newest one only guards the write: it may be deleted, and then has no data.
    const { version: cas } = await readNewest(context, path);
    const { current } = await readVersion(context, path, values.version);
    const work = context.client.write(path, { data: current, options: { cas } });
    const reply = await during(`Error writing data to ${path}`, work);
    if (reply !== undefined) await context.out.envelope(reply);
  },
});

async function readNewest(context: Context, path: string): Promise<{ version: number; found: Envelope }> {
  const found = await during(`Error reading ${path}`, context.inquirer.read(path, { wrapTtl: '' }));
  const metadata = found?.data?.['metadata'];
  const version = isObject(metadata) ? metadata['version'] : undefined;
  if (found === undefined || typeof version !== 'number') {
    throw new CommandError(`No value found at ${path}`, exit.server);
  }
  return { version, found };
}

async function readVersion(
  context: Context,
  path: string,
  wanted: number | undefined,
): Promise<{ current: Data; version: number }> {
  const query = wanted === undefined ? {} : { version: String(wanted) };
  const found = await during(`Error reading ${path}`, context.inquirer.read(path, { query, wrapTtl: '' }));
  const data = found?.data?.['data'];
  const metadata = found?.data?.['metadata'];
  const version = isObject(metadata) ? metadata['version'] : undefined;
  if (!isObject(data) || typeof version !== 'number') {
    const what = wanted === undefined ? path : `${path} in version ${wanted}`;
    throw new CommandError(`No value found at ${what}`, exit.server);
  }
  return { current: data, version };
}
