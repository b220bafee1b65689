/** Runs the process that has secrets in its environment, and runs it anew when they change. */
import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { ProcessConfig } from '../config/agent.ts';
import { inheritedEnvironment } from '../config/inherited.ts';
import { errorCode } from '../lib/error-code.ts';
import type { Logger } from '../lib/log.ts';

export interface SupervisorOptions {
  readonly process: ProcessConfig;
  readonly log: Logger;
  /** Called when the process has ended by itself, with the code that the agent ends with. */
  readonly ended: (code: number) => void;
}

interface Running {
  readonly process: ChildProcess;
  readonly exit: Promise<number>;
  /** It was asked to end. */
  leaving: boolean;
}

/** Milliseconds between asking it to end and making it end. */
const patience = 30_000;
/** As shells have them. */
const notFound = 127;
const notRunnable = 126;
const bySignal = 128;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #names: string[] = [];
  readonly #values = new Map<string, string>();
  #changed = false;
  #stopped = false;
  #child: Running | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Takes the values of a variable; the process is not run before each has one. */
  variable(name: string): (value: string) => 'written' | 'unchanged' {
    this.#names.push(name);
    return (value) => {
      if (this.#values.get(name) === value) return 'unchanged';
      this.#values.set(name, value);
      this.#changed = true;
      return 'written';
    };
  }

  /** Runs the process once all variables are known, and anew when one has changed. Resolves when it has what is known. */
  apply(): Promise<void> {
    const turn = this.#turn.then(() => this.#apply());
    this.#turn = turn;
    return turn;
  }

  /** Ends the process as the agent is ended. Gives its exit code; undefined where it was not run. */
  async stop(): Promise<number | undefined> {
    this.#stopped = true;
    await this.#turn;
    return this.#end('SIGTERM');
  }

  async #apply(): Promise<void> {
    const { process, log } = this.#options;
    if (this.#stopped || !this.#changed || !this.#names.every((name) => this.#values.has(name))) return;
    if (this.#child !== undefined) {
      if (process.restart_on_secret_changes === 'never') return;
      log.info('running the process anew: a variable has changed');
      await this.#end(process.restart_stop_signal);
    }
    this.#changed = false;
    this.#start();
  }

  #start(): void {
    const { process, log } = this.#options;
    const [file = '', ...args] = process.command;
    const env = inheritedEnvironment(Object.fromEntries(this.#values));
    let child: ChildProcess;
    try {
      child = spawn(file, args, { stdio: 'inherit', env });
    } catch (error) {
      // Of a variable that is longer than the kernel takes (128 KiB on Linux) it is thrown and not told by an event.
      log.error('cannot run the process', { error: errorCode(error) });
      this.#options.ended(notRunnable);
      return;
    }
    const exit = new Promise<number>((resolve) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        log.error('cannot run the process', { error: error.code ?? 'unknown' });
        resolve(notFound);
      });
      child.once('exit', (code, signal) => {
        resolve(code ?? bySignal + (signal === null ? 0 : constants.signals[signal]));
      });
    });
    const running: Running = { process: child, exit, leaving: false };
    this.#child = running;
    log.info('running the process', { pid: child.pid ?? 0 });
    void this.#watch(running);
  }

  async #watch(running: Running): Promise<void> {
    const code = await running.exit;
    if (running.leaving) return;
    this.#options.log.warn('the process has ended', { code });
    this.#options.ended(code);
  }

  async #end(signal: NodeJS.Signals): Promise<number | undefined> {
    const child = this.#child;
    if (child === undefined) return undefined;
    child.leaving = true;
    child.process.kill(signal);
    const late = setTimeout(() => child.process.kill('SIGKILL'), patience);
    const code = await child.exit;
    clearTimeout(late);
    this.#child = undefined;
    return code;
  }
}
