/** Key-value secrets, version 1 and 2. */
import { command, group } from './command.ts';
import { cleanPath, showKeys, showWritten } from './data.ts';
import { CommandError, during, exit } from './errors.ts';
import { flag, UsageError } from './flags.ts';
import { metadata } from './kv-metadata.ts';
import { apiPath, findPlace, needVersions } from './kv-path.ts';
import { patch, rollback } from './kv-change.ts';
import { showSecret, showVersion } from './kv-view.ts';
import { parsePairs } from './pairs.ts';
import { mountFlag, pathArgument, versionsFlag } from './kv-flags.ts';

const get = command({
  summary: 'Retrieve a secret',
  args: pathArgument,
  flags: { ...mountFlag, version: flag.integer('The version to read; default the newest.') },
  output: 'field',
  examples: [
    { note: 'Read a secret:', line: 'kv get -mount=secret web/db' },
    {
      note: 'Read one field of version 1, for a script:',
      line: 'kv get -mount=secret -version=1 -field=password web/db',
    },
  ],
  run: async (context, { values, args: [target = ''] }) => {
    const place = await findPlace(context, target, values.mount);
    const path = apiPath(place, 'data');
    const query = values.version === undefined || place.version === 1 ? {} : { version: String(values.version) };
    const found = await during(`Error reading ${path}`, context.client.read(path, { query }));
    if (found === undefined) throw new CommandError(`No value found at ${path}`, exit.server);
    await showSecret(context, found, path, place.version);
  },
});

const put = command({
  summary: 'Write a secret, in version 2 as its next version',
  description:
    'K=@file takes a file, K=- standard input. "-" or "@file" alone is a JSON object of all keys, so that no value ' +
    'stands in the process list.',
  args: { usage: 'PATH K=V...', least: 1, most: Number.POSITIVE_INFINITY },
  flags: {
    ...mountFlag,
    cas: flag.integer('Write only if the newest version has this number; 0: only if there is none.'),
  },
  output: 'field',
  examples: [
    { note: 'Write two keys:', line: 'kv put -mount=secret web/db user=web password=-' },
    { note: 'Write a JSON object:', line: 'kv put -mount=secret web/db @db.json' },
  ],
  run: async (context, { values, args: [target = '', ...pairs] }) => {
    const data = await parsePairs(context, pairs);
    if (Object.keys(data).length === 0) throw new UsageError('Must supply data');
    const place = await findPlace(context, target, values.mount);
    const path = apiPath(place, 'data');
    const options = values.cas === undefined || values.cas < 0 ? {} : { cas: values.cas };
    const body = place.version === 2 ? { data, options } : data;
    const reply = await during(`Error writing data to ${path}`, context.client.write(path, body));
    if (reply === undefined) context.out.success(`Success! Data written to: ${path}`);
    else if (context.out.field !== undefined) await context.out.envelope(reply);
    else await showVersion(context, reply, path);
  },
});

const remove = command({
  summary: 'Delete the newest version, or those named',
  description: 'Deleted versions can be undeleted; kv destroy removes their data.',
  args: pathArgument,
  flags: { ...mountFlag, ...versionsFlag },
  output: 'field',
  examples: [{ note: 'Delete versions 1 and 2:', line: 'kv delete -mount=secret -versions=1,2 web/db' }],
  run: async (context, { values, args: [target = ''] }) => {
    const place = await findPlace(context, target, values.mount);
    const shown = apiPath(place, 'data');
    const { client } = context;
    if (values.versions.length === 0) {
      const reply = await during(`Error deleting ${shown}`, client.delete(shown));
      return showWritten(context, reply, `Success! Data deleted (if it existed) at: ${shown}`);
    }
    needVersions(place, 'K/V engine mount must be version 2 to delete versions');
    const body = { versions: values.versions };
    const reply = await during(`Error deleting ${shown}`, client.write(apiPath(place, 'delete'), body));
    return showWritten(context, reply, `Success! Data deleted (if it existed) at: ${shown}`);
  },
});

/** Undelete and destroy: a list of versions, sent to a path of their own. */
function ofVersions(verb: 'undelete' | 'destroy', summary: string) {
  return command({
    summary,
    args: pathArgument,
    flags: { ...mountFlag, ...versionsFlag },
    output: 'field',
    examples: [{ note: 'For version 3:', line: `kv ${verb} -mount=secret -versions=3 web/db` }],
    run: async (context, { values, args: [target = ''] }) => {
      if (values.versions.length === 0) {
        throw new UsageError(`No versions provided, use the "-versions" flag to specify the version to ${verb}.`);
      }
      const place = await findPlace(context, target, values.mount);
      needVersions(place, `K/V engine mount must be version 2 for ${verb} support`);
      const path = apiPath(place, verb);
      const work = context.client.write(path, { versions: values.versions });
      const reply = await during(`Error writing data to ${path}`, work);
      return showWritten(context, reply, `Success! Data written to: ${path}`);
    },
  });
}

const list = command({
  summary: 'List the secrets below a path',
  args: { usage: 'PATH', least: 0, most: 1 },
  flags: mountFlag,
  output: 'format',
  examples: [{ note: 'List all of a mount:', line: 'kv list -mount=secret' }],
  run: async (context, { values, args: [target] }) => {
    if (target === undefined && values.mount === undefined) {
      throw new UsageError('Not enough arguments (expected 1, got 0)');
    }
    const place = await findPlace(context, target ?? '', values.mount);
    const path = apiPath(place, 'metadata');
    return showKeys(context, await during(`Error listing ${path}`, context.client.list(path)), path);
  },
});

const scan = command({
  summary: 'List the secrets below a path, at any depth',
  description: 'Needs the capability `scan`.',
  args: { usage: 'PATH', least: 0, most: 1 },
  flags: mountFlag,
  output: 'format',
  examples: [{ note: 'Name all of a mount:', line: 'kv scan -mount=secret' }],
  run: async (context, { values, args: [target] }) => {
    if (target === undefined && values.mount === undefined) {
      throw new UsageError('Not enough arguments (expected 1, got 0)');
    }
    const place = await findPlace(context, target ?? '', values.mount);
    const path = apiPath(place, 'metadata');
    const work = context.client.read(path, { query: { scan: 'true' } });
    return showKeys(context, await during(`Error scanning ${path}`, work), path);
  },
});

const enableVersioning = command({
  summary: 'Turn a mount of version 1 into version 2',
  args: { usage: 'MOUNT', least: 1, most: 1 },
  examples: [{ note: 'Turn versions on:', line: 'kv enable-versioning secret' }],
  run: async (context, { args: [target = ''] }) => {
    const mount = cleanPath(target);
    const work = context.client.request('POST', `sys/mounts/${mount}/tune`, { options: { version: '2' } });
    await during(`Error tuning secrets engine ${mount}/`, work);
    context.out.print(`Success! Tuned the secrets engine at: ${mount}/`);
  },
});

export const kv = group({
  summary: 'Work with secrets of key-value engines',
  description: 'Whether a mount has versions is found out by itself.',
  examples: [
    { note: 'Write, then read a secret:', line: 'kv put -mount=secret web/db user=web' },
    { note: 'The mount may also lead the path:', line: 'kv get secret/web/db' },
  ],
  commands: {
    delete: remove,
    destroy: ofVersions('destroy', 'Remove the data of versions for good'),
    'enable-versioning': enableVersioning,
    get,
    list,
    metadata,
    patch,
    put,
    rollback,
    scan,
    undelete: ofVersions('undelete', 'Bring deleted versions back'),
  },
});
