/** What lies around the versions of a secret. */
import { command, group } from './command.ts';
import { showWritten } from './data.ts';
import { CommandError, during, exit } from './errors.ts';
import { flag } from './flags.ts';
import { mountFlag, pathArgument } from './kv-flags.ts';
import { apiPath, findPlace, needVersions } from './kv-path.ts';
import { showMetadata } from './kv-view.ts';

const noVersions = 'Metadata not supported on KV Version 1';

const get = command({
  summary: 'Show the metadata of a secret and of all its versions',
  args: pathArgument,
  flags: mountFlag,
  output: 'format',
  examples: [{ note: 'Show them:', line: 'kv metadata get -mount=secret web/db' }],
  run: async (context, { values, args: [target = ''] }) => {
    const place = await findPlace(context, target, values.mount);
    needVersions(place, noVersions, exit.local);
    const path = apiPath(place, 'metadata');
    const found = await during(`Error reading ${path}`, context.client.read(path));
    if (found === undefined) throw new CommandError(`No value found at ${path}`, exit.server);
    await showMetadata(context, found, path);
  },
});

const settings = {
  ...mountFlag,
  'cas-required': flag.boolean('Whether every write must name the version that it follows.'),
  'custom-metadata': flag.map('A pair of your own.'),
  'delete-version-after': flag.duration('How long a version lives; 0 for ever.'),
  'max-versions': flag.integer('How many versions are kept; 0: as the mount says.'),
};

type Settings = { readonly [K in keyof typeof settings]: ReturnType<(typeof settings)[K]['parse']> };

/** Only what was given is sent: the server keeps the rest. */
function bodyOf(values: Settings, custom: Readonly<Record<string, string | null>>): Readonly<Record<string, unknown>> {
  const after = values['delete-version-after'];
  return {
    ...(values['cas-required'] === undefined ? {} : { cas_required: values['cas-required'] }),
    ...(values['max-versions'] === undefined ? {} : { max_versions: values['max-versions'] }),
    ...(after === undefined ? {} : { delete_version_after: `${after}s` }),
    ...(Object.keys(custom).length === 0 ? {} : { custom_metadata: custom }),
  };
}

const put = command({
  summary: 'Set the metadata of a secret; custom metadata are replaced',
  args: pathArgument,
  flags: settings,
  output: 'format',
  examples: [{ note: 'Keep five versions:', line: 'kv metadata put -mount=secret -max-versions=5 web/db' }],
  run: async (context, { values, args: [target = ''] }) => {
    const place = await findPlace(context, target, values.mount);
    needVersions(place, noVersions, exit.local);
    const path = apiPath(place, 'metadata');
    const work = context.client.write(path, bodyOf(values, values['custom-metadata']));
    const reply = await during(`Error writing data to ${path}`, work);
    return showWritten(context, reply, `Success! Data written to: ${path}`);
  },
});

const patch = command({
  summary: 'Change some metadata of a secret and keep the others',
  args: pathArgument,
  flags: { ...settings, 'remove-custom-metadata': flag.items('A custom key to remove.', { value: 'key' }) },
  output: 'format',
  examples: [{ note: 'Add a custom pair:', line: 'kv metadata patch -mount=secret -custom-metadata=owner=web web/db' }],
  run: async (context, { values, args: [target = ''] }) => {
    const place = await findPlace(context, target, values.mount);
    needVersions(place, noVersions, exit.local);
    const path = apiPath(place, 'metadata');
    const removed = Object.fromEntries(values['remove-custom-metadata'].map((key) => [key, null]));
    const body = bodyOf(values, { ...values['custom-metadata'], ...removed });
    const reply = await during(`Error writing data to ${path}`, context.client.patch(path, body));
    return showWritten(context, reply, `Success! Data written to: ${path}`);
  },
});

const remove = command({
  summary: 'Remove a secret for good: all versions and metadata',
  args: pathArgument,
  flags: mountFlag,
  output: 'format',
  examples: [{ note: 'Remove it:', line: 'kv metadata delete -mount=secret web/db' }],
  run: async (context, { values, args: [target = ''] }) => {
    const place = await findPlace(context, target, values.mount);
    needVersions(place, noVersions, exit.local);
    const path = apiPath(place, 'metadata');
    const reply = await during(`Error deleting ${path}`, context.client.delete(path));
    return showWritten(context, reply, `Success! Data deleted (if it existed) at: ${path}`);
  },
});

export const metadata = group({
  summary: 'Work with the metadata of secrets',
  examples: [{ note: 'Show the versions of a secret:', line: 'kv metadata get -mount=secret web/db' }],
  commands: { delete: remove, get, patch, put },
});
