/** One snapshot beside the live data: `operator snapshot load` and `unload`, and `recover`. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { command } from './command.ts';
import { cleanPath, showWritten } from './data.ts';
import { CommandError, during } from './errors.ts';
import { flag, UsageError } from './flags.ts';
import { parseTextPairs } from './pairs.ts';
import { inspectFile, named } from './snapshot-file.ts';

const LOAD = 'sys/storage/raft/snapshot-load';
const FROM = 'sys/storage/raft/snapshot-auto/snapshot-load';

export const load = command({
  summary: 'Load a snapshot beside the live data, to read and recover single secrets',
  description:
    'Nothing of the live data changes. One is loaded at a time, for 72 hours, or until the node is sealed. Read with ' +
    '"read PATH read_snapshot_id=ID", recover with "recover".',
  args: { usage: '[FILE]', least: 0, most: 1 },
  flags: {
    from: flag.text("Instead of FILE: the newest of the server's block snapshot of this name."),
    url: flag.text('With -from: another one, by its name or URL at the target.'),
  },
  output: 'field',
  examples: [
    { note: 'A file:', line: 'operator snapshot load lockstep.snap' },
    { note: 'What a schedule keeps:', line: 'operator snapshot load -from=hourly' },
  ],
  run: async (context, { values, args: [path] }) => {
    if ((path === undefined) === (values.from === undefined)) throw new UsageError('give either FILE or -from');
    const { client, inquirer } = context;
    if (path === undefined) {
      const data = values.url === undefined ? undefined : { url: values.url };
      const reply = await during('Error loading the snapshot', client.write(`${FROM}/${values.from ?? ''}`, data));
      return showWritten(context, reply, 'Success! Loaded the snapshot');
    }
    await inspectFile(path);
    const options = { length: (await stat(path)).size, contentType: 'application/gzip' };
    try {
      await during(
        'Error loading the snapshot',
        client.upload(LOAD, () => createReadStream(path), options),
      );
    } catch (error) {
      throw named(path, error);
    }
    const found = await during('Error reading its id', inquirer.list(LOAD));
    const [id] = (found?.data?.['keys'] ?? []) as readonly string[];
    if (id === undefined) throw new CommandError('the snapshot was loaded, and unloaded again by somebody else', 1);
    return showWritten(context, await inquirer.read(`${LOAD}/${id}`), 'Success! Loaded the snapshot');
  },
});

export const unload = command({
  summary: 'Unload the snapshot that is loaded',
  args: { usage: 'ID', least: 1, most: 1 },
  examples: [{ note: 'When all is recovered:', line: 'operator snapshot unload 2403d301-94f2-46a1-a39d-02be83e2831a' }],
  run: async (context, { args: [id = ''] }) => {
    const path = `${LOAD}/${id}`;
    const known = await during(`Error reading ${path}`, context.inquirer.read(path));
    if (known === undefined) throw new CommandError(`no snapshot ${id} is loaded: list ${LOAD}`, 1);
    await during('Error unloading the snapshot', context.client.delete(path));
    context.out.success(`Success! Unloaded the snapshot: ${id}`);
  },
});

export const recover = command({
  summary: 'Bring a secret back from the snapshot that is loaded',
  description:
    'What stands at PATH now is replaced by what stood there; of KV version 2 it becomes a new version. What was ' +
    'destroyed since is not given back. Further K=V arguments are sent as query parameters: version=3.',
  args: { usage: 'PATH [K=V...]', least: 1, most: Number.POSITIVE_INFINITY },
  flags: { 'snapshot-id': flag.text('The id of the loaded snapshot.') },
  output: 'field',
  examples: [{ note: 'A secret:', line: 'recover -snapshot-id=2403d301-94f2-46a1-a39d-02be83e2831a secret/data/app' }],
  run: async (context, { values, args: [target = '', ...pairs] }) => {
    const id = values['snapshot-id'];
    if (id === undefined || id === '') throw new UsageError('give -snapshot-id: "operator snapshot load" tells it');
    const path = cleanPath(target);
    const query = await parseTextPairs(context, pairs);
    const options = { query, headers: { 'X-Vault-Recover-Snapshot-Id': id } };
    const reply = await during(`Error recovering ${path}`, context.client.write(path, undefined, options));
    return showWritten(context, reply, `Success! Recovered: ${path}`);
  },
});
