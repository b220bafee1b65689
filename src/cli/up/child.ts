/** One process of the fleet: this very executable unless told otherwise, its output in a file, ended by its id. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const EXECUTABLE = fileURLToPath(new URL('../../../bin/lockstep', import.meta.url));

export interface ChildOptions {
  readonly name: string;
  readonly args: readonly string[];
  /** Default: Lockstep. */
  readonly program?: string;
  readonly log: string;
  readonly env?: Readonly<Record<string, string>>;
}

export class Child {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly ended: Promise<unknown>;

  private constructor(name: string, started: ChildProcess) {
    this.name = name;
    this.#process = started;
    this.ended = once(started, 'exit');
  }

  static async start({ name, args, log, program = EXECUTABLE, env = {} }: ChildOptions): Promise<Child> {
    await using file = await open(log, 'a', 0o600);
    // Nothing of the caller's environment reaches the fleet but what a program needs to run.
    const started = spawn(program, [...args], {
      stdio: ['ignore', file.fd, file.fd],
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', ...env },
    });
    await once(started, 'spawn');
    return new Child(name, started);
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Null while it runs, and where a signal ended it. */
  get exitCode(): number | null {
    return this.#process.exitCode;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (!this.running) return;
    this.#process.kill(signal);
    await this.ended;
  }
}
