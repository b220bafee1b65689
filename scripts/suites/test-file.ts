/** Runs one test file in a process group of its own, so that a file that hangs is ended with all that it started. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Outcome } from './outcome.ts';

export interface FileResult {
  readonly file: string;
  readonly milliseconds: number;
  readonly outcomes: readonly Outcome[];
  /** What the file wrote to standard output and error, in order, for when it fails. */
  readonly output: string;
}

const reporter = join(import.meta.dirname, 'reporter.ts');
/** Without it every test file would take the types out of, and compile, hundreds of modules anew: 0.5 s of CPU each. */
const compiled = join(import.meta.dirname, '../../.cache/compiled');
const running = new Set<ChildProcess>();

export async function runFile(root: string, file: string, seconds: number): Promise<FileResult> {
  const started = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-test-'));
  const events = join(folder, 'events.jsonl');
  const options = ['--disable-warning=ExperimentalWarning', `--test-reporter=${reporter}`];
  const child = spawn(process.execPath, [...options, `--test-reporter-destination=${events}`, file], {
    cwd: root,
    detached: true,
    // Set where this runs below `node --test`, and would make the file report there.
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, NODE_COMPILE_CACHE: compiled },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { end, output } = await outlast(child, seconds);
  const outcomes = existsSync(events) ? parse(readFileSync(events, 'utf8')) : [];
  rmSync(folder, { recursive: true });
  const problem = problemOf(end, outcomes);
  return {
    file,
    milliseconds: performance.now() - started,
    outcomes: problem === undefined ? outcomes : [...outcomes, { result: 'failed', name: file, detail: problem }],
    output,
  };
}

/** Ends every test process still running; for when the runner itself is told to stop. */
export function endAll(): void {
  for (const child of running) endGroup(child);
}

/** Resolves once the child and its pipes are closed: by themselves, or after `seconds` by force. */
async function outlast(child: ChildProcess, seconds: number): Promise<{ end: string; output: string }> {
  running.add(child);
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
  const closed = Promise.withResolvers<string>();
  let late = false;
  const deadline = setTimeout(() => {
    late = true;
    endGroup(child);
  }, seconds * 1000);
  child.on('error', (error) => closed.resolve(error.message));
  // What outlives its test file would hold the pipes, a port or the machine.
  child.on('exit', () => endGroup(child));
  child.on('close', (code, signal) => closed.resolve(signal ?? `exit code ${code}`));
  const end = await closed.promise;
  clearTimeout(deadline);
  running.delete(child);
  return { end: late ? `no end within ${seconds} s` : end, output: Buffer.concat(chunks).toString() };
}

function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Nothing of the group is left.
  }
}

/** The last line may be cut off where the process was ended by force. */
function parse(lines: string): readonly Outcome[] {
  return lines
    .slice(0, lines.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Outcome);
}

/** A file that fails outside of its tests, hangs, or holds no test must not pass for a green one. */
function problemOf(end: string, outcomes: readonly Outcome[]): string | undefined {
  const failed = outcomes.some(({ result }) => result === 'failed');
  if (end.startsWith('no end')) return `${end}: a test hangs, or leaves something open`;
  if (end !== 'exit code 0' && !failed) return `ended with ${end} outside of its tests`;
  return outcomes.length === 0 ? 'holds no test' : undefined;
}
