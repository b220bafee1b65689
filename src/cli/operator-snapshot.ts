/** `operator snapshot`: all state of a node in one file, and back. */
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Writable } from 'node:stream';
import { randomBase62 } from '../lib/crypto/random.ts';
import { command, group } from './command.ts';
import type { Context } from './context.ts';
import { during } from './errors.ts';
import { flag, UsageError } from './flags.ts';
import { load, unload } from './snapshot-loaded.ts';
import { drill } from './operator-snapshot-drill.ts';
import { inspectFile, named, type Inspected } from './snapshot-file.ts';
import { alignColumns } from './table.ts';
import type { Terminal } from './terminal.ts';

const PATH = 'sys/storage/raft/snapshot';
const MIB = 1024 * 1024;

const save = command({
  summary: 'Write a snapshot of all state into a file',
  description:
    'It is of one moment, while writes go on, and encrypted as the store is: the unseal keys of today open it, so keep ' +
    'them elsewhere. It is checked before it takes the place of FILE; until then FILE stays as it is.',
  args: { usage: 'FILE', least: 1, most: 1 },
  examples: [{ note: 'Take one:', line: 'operator snapshot save lockstep.snap' }],
  run: async (context, { args: [path = ''] }) => {
    notStdio(path);
    const { client } = context;
    const partial = `${path}.${randomBase62(8)}.partial`;
    try {
      await receive(context, partial, (sink, progress) =>
        during('Error taking the snapshot', client.download(PATH, sink, { progress })),
      );
      const { meta } = await inspectFile(partial);
      await rename(partial, path);
      await syncFolder(dirname(path));
      context.out.print(`Success! Saved the snapshot of index ${String(meta.sequence)} to: ${path}`);
    } catch (error) {
      await rm(partial, { force: true });
      throw named(path, error);
    }
  },
});

/** Makes a file that is flushed once all of it is there. One that cannot be made is told before anything is asked for. */
async function receive(
  { terminal }: Context,
  path: string,
  fill: (sink: () => Writable, progress: (bytes: number) => void) => Promise<void>,
): Promise<void> {
  await (await open(path, 'wx', 0o600)).close();
  const progress = new Progress(terminal, 'received');
  try {
    await fill(() => createWriteStream(path, { flags: 'r+', flush: true }), progress.show);
  } finally {
    progress.end();
  }
}

const WARNING = [
  'The snapshot replaces all that the server holds. Revoked with it are all tokens (the one in use too), secret-ids and',
  'wrapped responses, unless -keep-credentials is set.',
].join('\n');
const AFTERWARDS = {
  revoked: [
    'Log in anew by a method that needs no token, or make a root token with "lockstep operator generate-root -init": it asks',
    'for a token with sudo unless the listener has disable_unauthed_generate_root_endpoints = false.',
  ].join('\n'),
  forced: 'The server is sealed unless its seal opens by itself: unseal it with the keys of the snapshot.',
};

const restore = command({
  summary: 'Replace all state by that of a snapshot',
  description:
    'The server serves what it has until the new content is complete and checked; a file that it refuses changes ' +
    'nothing. Tokens, secret-ids and wrapped responses of the snapshot are revoked, and the encryption key is rotated.',
  args: { usage: 'FILE', least: 1, most: 1 },
  flags: {
    force: flag.boolean('Take a snapshot of other keys. The server is sealed afterwards.', { aliases: ['f'] }),
    'keep-credentials': flag.boolean('Tokens, secret-ids and wrapped responses of the snapshot go on working.'),
  },
  examples: [
    { note: 'Back to an earlier moment of the same server:', line: 'operator snapshot restore lockstep.snap' },
    { note: "Another server's, whose unseal keys you have:", line: 'operator snapshot restore -force lockstep.snap' },
  ],
  run: async (context, { values, args: [path = ''] }) => {
    notStdio(path);
    const { client } = context;
    await inspectFile(path);
    const { size } = await stat(path);
    const keep = values['keep-credentials'] === true;
    if (!keep) context.out.note(WARNING);
    const progress = new Progress(context.terminal, `of ${mebibytes(size)} sent`);
    const query = keep ? { keep_credentials: 'true' } : {};
    const options = { query, length: size, contentType: 'application/gzip', progress: progress.show };
    const target = values.force === true ? `${PATH}-force` : PATH;
    try {
      const sent = client.upload(target, () => createReadStream(path), options);
      await during('Error restoring the snapshot', sent);
    } catch (error) {
      throw named(path, error);
    } finally {
      progress.end();
    }
    context.out.print(`Success! Restored the snapshot: ${path}`);
    if (values.force === true) context.out.note(AFTERWARDS.forced);
    if (!keep) context.out.note(AFTERWARDS.revoked);
  },
});

const inspect = command({
  summary: 'Say what a snapshot file holds, and whether it is whole',
  description:
    'Needs no server and no keys: it checks all sums, and counts records by the class and area of their keys (h hub-only, ' +
    's shared, l local), which lie in clear. Whether the keys of a server fit, only that server can tell. A damaged ' +
    'file exits with 1.',
  args: { usage: 'FILE', least: 1, most: 1 },
  local: true,
  output: 'format',
  examples: [{ note: 'Check last night:', line: 'operator snapshot inspect lockstep.snap' }],
  run: async (context, { args: [path = ''] }) => {
    notStdio(path);
    await show(context, await inspectFile(path));
  },
});

const commands = { drill, inspect, load, restore, save, unload };

export const snapshot = group({
  summary: 'Save, check and restore all state',
  examples: [{ note: 'Take one:', line: 'operator snapshot save lockstep.snap' }],
  commands,
});

/** The names that OpenBao's command line has; there is no Raft here. */
export const raft = group({
  summary: 'Snapshots, by the names that OpenBao has for them',
  examples: [{ note: 'Take one:', line: 'operator raft snapshot save lockstep.snap' }],
  commands: { snapshot },
});

async function show(context: Context, { meta, areas }: Inspected): Promise<void> {
  const fields = [
    ['id', 'ID', `lockstep-${meta.epoch}-${String(meta.sequence)}`],
    ['index', 'Index', meta.sequence],
    ['time', 'Time', new Date(meta.time).toISOString()],
    ['version', 'Version', meta.format],
    ['records', 'Records', meta.records],
    ['chunks', 'Chunks', meta.chunks],
    ['size', 'Size', meta.bytes],
  ] as const;
  const json = new Map<string, unknown>(fields.map(([name, , value]) => [name, value]));
  json.set('areas', areas);
  await context.out.value(json, () => {
    const head = alignColumns(fields.map(([, title, value]) => [title, String(value)]));
    const rows = areas.map(({ area, records, deletions, bytes }) => [area, ...[records, deletions, bytes].map(String)]);
    return `${head}\n\n${alignColumns([['Area', 'Records', 'Deletions', 'Bytes'], ...rows])}`;
  });
}

function notStdio(path: string): void {
  if (path !== '-') return;
  throw new UsageError('"-" is not taken: a snapshot is checked as a file, so name one');
}

/** A rename is durable once its folder is. */
async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}

const mebibytes = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;

/** One line of standard error that is written over, where a person looks at it. */
class Progress {
  readonly #stream: Terminal['stderr'];
  readonly #what: string;
  #shown = -1;

  constructor({ stderr }: Terminal, what: string) {
    this.#stream = stderr;
    this.#what = what;
  }

  readonly show = (bytes: number): void => {
    const step = Math.floor(bytes / MIB);
    if (this.#stream.isTTY !== true || step === this.#shown) return;
    this.#shown = step;
    this.#stream.write(`\r${mebibytes(bytes)} ${this.#what}`);
  };

  end(): void {
    if (this.#shown >= 0) this.#stream.write('\n');
    this.#shown = -1;
  }
}
