/** `lockstep snapshot-drill`: what `operator snapshot drill` runs. Prints a report as JSON, or why it failed. */
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { loadServerConfig, type ServerConfig } from '../config/server.ts';
import { fail, isLockstepError } from '../errors.ts';
import { errorCode } from '../lib/error-code.ts';
import { parseFlags } from '../lib/program/arguments.ts';
import { drill, type DrillReport } from './drill.ts';
import { schedulesOf } from './snapshot-targets.ts';

const OPTIONS = {
  config: { type: 'string', multiple: true },
  from: { type: 'string' },
  file: { type: 'string' },
  keys: { type: 'string' },
  sample: { type: 'string' },
} as const;

type Values = ReturnType<typeof parse>;
const parse = (argv: readonly string[]) => parseFlags(argv, OPTIONS);

/** One a line; from a file, or from standard input. */
async function keysOf({ keys }: Values): Promise<readonly string[]> {
  if (keys === undefined) return [];
  const given = keys === '-' ? await text(process.stdin) : readFileSync(keys, 'utf8');
  return given.split('\n').filter((line) => line.trim() !== '');
}

/** The newest that the target of a block holds, of whatever node, in a file of its own. */
async function fetch(
  config: ServerConfig | undefined,
  name: string,
  into: string,
  signal: AbortSignal,
): Promise<string> {
  const schedule = config && schedulesOf(config).find((each) => each.name === name);
  if (schedule === undefined) {
    const where = config === undefined ? 'without -config there' : 'in the configuration there';
    throw fail('invalidConfig', `${where} is no block snapshot "${name}": give the file that has it with -config`);
  }
  const target = await schedule.target();
  const timed = (await target.list(schedule.filePrefix, signal)).flatMap((kept) => {
    const [, time] = /-(\d{8}T\d{9}Z)\.snap$/.exec(kept.name) ?? [];
    return time === undefined ? [] : [{ name: kept.name, time }];
  });
  const newest = timed.sort((a, b) => (a.time < b.time ? -1 : 1)).at(-1);
  if (newest === undefined) throw fail('notFound', `there is no snapshot in ${target.urlOf(schedule.filePrefix)}*`);
  const path = join(into, 'snapshot');
  await pipeline(await target.read(newest.name, signal), createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  return path;
}

async function report(values: Values, signal: AbortSignal): Promise<DrillReport> {
  const config = values.config === undefined ? undefined : loadServerConfig({ files: values.config });
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-drill-'));
  try {
    const path = values.from === undefined ? (values.file ?? '') : await fetch(config, values.from, folder, signal);
    const keys = await keysOf(values);
    return await drill({ path, keys, config, sample: Number(values.sample ?? 100), signal, below: folder });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function reasonOf(error: unknown): string {
  if (isLockstepError(error)) return error.message;
  const code = errorCode(error);
  if (!(error instanceof Error && 'path' in error)) return `it failed: ${code}`;
  const path = String(error.path);
  return code === 'ENOENT' ? `cannot read ${path}: there is no such file` : `cannot use ${path}: ${code}`;
}

/** Exit code 0 when it could be restored, 1 when not. Told to end, it removes what it made. */
export async function run(argv: readonly string[]): Promise<number> {
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      ending.abort(fail('internal', `ended by ${signal}`));
    });
  }
  try {
    process.stdout.write(`${JSON.stringify(await report(parse(argv), ending.signal))}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\n`);
    return 1;
  }
}
