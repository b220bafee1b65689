/** `operator snapshot drill`: a restore for practice, by a process of its own, which alone can open a store. */
import { spawn, type ChildProcess } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { contentDigest } from '../lib/crypto/content-digest.ts';
import { command } from './command.ts';
import type { Context } from './context.ts';
import { CommandError, during } from './errors.ts';
import { flag, UsageError } from './flags.ts';
import { alignColumns } from './table.ts';

const EXECUTABLE = fileURLToPath(new URL('../../bin/lockstep', import.meta.url));

interface Sampled {
  readonly path: string;
  readonly namespace: string;
  readonly version?: number;
  readonly digest: string;
}

interface Report {
  readonly index: number;
  readonly taken: string;
  readonly bytes: number;
  readonly seconds: Readonly<Record<'restore' | 'unseal' | 'read' | 'total', number>>;
  readonly counts: Readonly<Record<string, number>>;
  readonly nonce: string;
  readonly sampled: readonly Sampled[];
}

/** How the sampled secrets stand beside those of the server. */
interface Compared {
  readonly same: number;
  /** Written since. */
  readonly changed: number;
  /** Deleted or destroyed since, or pushed out by newer versions. */
  readonly absent: number;
}

export const drill = command({
  summary: 'Restore a snapshot for practice, and say how long it took',
  description:
    'The snapshot is put into a folder of its own on this machine, unsealed with the keys given, and read to its last ' +
    'record; nothing listens, no server is touched, no value is shown, and nothing stays. Anything that would keep it ' +
    'from being restored ends it with 1, by name. With -compare, secrets are also compared with those of the server, by ' +
    'digests under a key of this run: of KV version 2 the same version must be the same.',
  args: { usage: '[FILE]', least: 0, most: 1 },
  flags: {
    config: flag.list("The server's configuration: its seal, and with -from its snapshot blocks.", { value: 'path' }),
    from: flag.text('Instead of FILE: the newest that this block snapshot of the configuration keeps.'),
    keys: flag.text('A file with unseal keys, one a line; "-" is standard input. Not with auto-unseal.'),
    sample: flag.integer('How many secrets are read as a client reads them; default 100.'),
    compare: flag.boolean('Compare those with the secrets of the server.'),
  },
  output: 'format',
  examples: [
    { note: 'With the keys on standard input:', line: 'operator snapshot drill -keys=- lockstep.snap' },
    {
      note: 'What the schedule took last, with the auto-unseal of the configuration:',
      line: 'operator snapshot drill -config=/etc/lockstep/hub.hcl -from=hourly',
    },
  ],
  run: async (context, { values, args: [path] }) => {
    if ((path === undefined) === (values.from === undefined)) throw new UsageError('give either FILE or -from');
    const report = await restored(context, [
      ...values.config.map((file) => `-config=${file}`),
      ...given('from', values.from),
      ...given('file', path),
      ...given('keys', values.keys),
      ...given('sample', values.sample),
    ]);
    const compared = values.compare === true ? await compare(context, report) : undefined;
    await show(context, report, compared);
  },
});

const given = (name: string, value: string | number | undefined): readonly string[] =>
  value === undefined ? [] : [`-${name}=${String(value)}`];

async function restored({ terminal }: Context, argv: readonly string[]): Promise<Report> {
  const child = spawn(EXECUTABLE, ['snapshot-drill', ...argv], { stdio: ['pipe', 'pipe', 'pipe'] });
  // It reads them only where keys come that way.
  child.stdin.on('error', () => undefined);
  if (argv.includes('-keys=-')) terminal.stdin.pipe(child.stdin);
  else child.stdin.end();
  const [out, said, code] = await Promise.all([text(child.stdout), text(child.stderr), closed(child)]);
  terminal.stdin.unpipe(child.stdin);
  if (code !== 0) throw new CommandError(`The drill failed: ${said.trim()}`, 1);
  return JSON.parse(out) as Report;
}

async function closed(child: ChildProcess): Promise<number | null> {
  const [code] = (await once(child, 'close')) as [number | null];
  return code;
}

/** Throws for a version that never changes and yet is another one. */
async function compare({ inquirer }: Context, { sampled, nonce }: Report): Promise<Compared> {
  const counts = { same: 0, changed: 0, absent: 0 };
  for (const { path, namespace, version, digest } of sampled) {
    const live = await liveData(inquirer, { path: namespace + path, version });
    if (live === undefined) counts.absent += 1;
    else if (contentDigest(nonce, live) === digest) counts.same += 1;
    else if (version === undefined) counts.changed += 1;
    else
      throw new CommandError(
        `The drill failed: version ${String(version)} of ${namespace}${path} is not the server's`,
        1,
      );
  }
  return counts;
}

async function liveData(
  client: Context['inquirer'],
  { path, version }: { readonly path: string; readonly version: number | undefined },
): Promise<unknown> {
  const options = version === undefined ? {} : { query: { version: String(version) } };
  const reply = await during('Error reading from the server', client.read(path, options));
  const data = reply?.data;
  return (version === undefined ? data : (data as { readonly data?: unknown } | undefined)?.data) ?? undefined;
}

async function show(context: Context, report: Report, compared: Compared | undefined): Promise<void> {
  const { index, taken, bytes, seconds, counts, sampled } = report;
  const json = new Map<string, unknown>(
    Object.entries({ index, taken, bytes, seconds, counts, sampled: sampled.length }),
  );
  if (compared !== undefined) json.set('compared', compared);
  await context.out.value(json, () => {
    const rows = [
      ['Index', String(index)],
      ['Taken', taken],
      ['Size', String(bytes)],
      ...Object.entries(counts).map(([name, count]) => [name.charAt(0).toUpperCase() + name.slice(1), String(count)]),
      ['Sampled', String(sampled.length)],
      ...(compared === undefined
        ? []
        : Object.entries(compared).map(([name, count]) => [`Live: ${name}`, String(count)])),
      ...Object.entries(seconds).map(([name, time]) => [`Seconds: ${name}`, time.toFixed(3)]),
    ];
    return `The snapshot can be restored.\n\n${alignColumns(rows)}`;
  });
}
