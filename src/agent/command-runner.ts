/** Runs the commands that follow changed files. */
import { type ChildProcess, spawn } from 'node:child_process';
import { errorCode } from '../lib/error-code.ts';
import type { Logger } from '../lib/log.ts';
import type { Metrics } from './metrics.ts';

/** What runs after a change. */
export interface ChangeCommand {
  readonly name: string;
  /** Absent: nothing runs. */
  readonly command?: readonly string[] | undefined;
  /** Seconds. */
  readonly command_timeout: number;
}

const killAfterMs = 5_000;

/** One run at a time for each secret; changes during a run lead to one more. Output is dropped: it may tell secrets. */
export class CommandRunner {
  readonly #log: Logger;
  readonly #metrics: Metrics;
  readonly #running = new Map<string, { again: boolean }>();

  constructor(log: Logger, metrics: Metrics) {
    this.#log = log;
    this.#metrics = metrics;
  }

  changed(secret: ChangeCommand): void {
    if (secret.command === undefined) return;
    const run = this.#running.get(secret.name);
    if (run === undefined) void this.#run(secret, secret.command);
    else run.again = true;
  }

  async #run(secret: ChangeCommand, command: readonly string[]): Promise<void> {
    const state = { again: true };
    this.#running.set(secret.name, state);
    while (state.again) {
      state.again = false;
      const result = await finished(command, secret.command_timeout * 1000);
      this.#metrics.add('commands_total', { secret: secret.name, result: result === 0 ? 'success' : 'failure' });
      if (result !== 0) this.#log.error('the command failed', { secret: secret.name, result });
    }
    this.#running.delete(secret.name);
  }
}

/** Some failures are thrown, others come as an event. */
function started(file: string, args: readonly string[]): ChildProcess | string {
  try {
    return spawn(file, args, { stdio: 'ignore', detached: true });
  } catch (error) {
    return errorCode(error);
  }
}

/** The exit code, the signal that ended it, or why it could not start. */
function finished([file = '', ...args]: readonly string[], timeoutMs: number): Promise<number | string> {
  return new Promise((resolve) => {
    const child = started(file, args);
    if (typeof child === 'string') {
      resolve(child);
      return;
    }
    const end = (signal: NodeJS.Signals): void => {
      // Its own process group: what it started ends with it.
      try {
        if (child.pid !== undefined) process.kill(-child.pid, signal);
      } catch {
        // It has ended by itself.
      }
    };
    let kill: NodeJS.Timeout | undefined;
    const late = setTimeout(() => {
      end('SIGTERM');
      kill = setTimeout(() => {
        end('SIGKILL');
      }, killAfterMs);
    }, timeoutMs);
    const settle = (result: number | string): void => {
      clearTimeout(late);
      clearTimeout(kill);
      resolve(result);
    };
    child.once('error', (error: NodeJS.ErrnoException) => {
      settle(error.code ?? 'cannot start');
    });
    child.once('close', (code, signal) => {
      settle(code ?? signal ?? 'ended');
    });
  });
}
