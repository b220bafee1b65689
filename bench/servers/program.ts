/** A program that runs beside the measurement, and is gone when that ends, however it ends. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface ProgramOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly folder?: string;
  /** The line, of standard output or standard error, with which it says that it is up. */
  readonly ready: RegExp;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => process.exit(130));
}

export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  /** What `ready` found. */
  readonly found: RegExpExecArray;

  private constructor(child: ChildProcess, exit: Promise<unknown>, found: RegExpExecArray) {
    this.#child = child;
    this.#exit = exit;
    this.found = found;
  }

  /** Resolves once it is ready. Rejects with its last lines when it ends before. */
  static async start({ command, args, folder, ready }: ProgramOptions): Promise<Program> {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(folder === undefined ? {} : { cwd: folder }),
    });
    running.add(child);
    const exit = once(child, 'exit').finally(() => running.delete(child));
    const lines: string[] = [];
    const up = Promise.withResolvers<RegExpExecArray>();
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', (line) => {
        if (lines.push(line) > 20) lines.shift();
        const found = ready.exec(line);
        if (found !== null) up.resolve(found);
      });
    }
    const ended = exit.then(() => {
      throw new Error(`${command} ended before it was up:\n${lines.join('\n')}`);
    });
    ended.catch(() => undefined);
    return new Program(child, exit, await Promise.race([up.promise, ended]));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#exit;
  }
}
