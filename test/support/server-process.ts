/** A server as its operator runs it: `bin/lockstep server` as a process of its own, on a free port. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const executable = join(import.meta.dirname, '../../bin/lockstep');

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
}

export class ServerProcess implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;
  #waiting: (() => void)[] = [];

  /** `env`: beside that of this process. */
  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const whole = { ...process.env, ...env };
    this.#child = spawn(executable, ['server', ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: whole });
    this.#exit = once(this.#child, 'exit').then(([code]) => code as number | null);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream === null) continue;
      createInterface(stream).on('line', (line) => {
        this.lines.push(line);
        for (const wake of this.#waiting.splice(0)) wake();
      });
    }
    this.#child.once('exit', () => {
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The exit code; null after a signal. */
  get exit(): Promise<number | null> {
    return this.#exit;
  }

  /** The first line from number `from` on that matches. Rejects when the process ends without one. */
  async line(pattern: RegExp, from: number = 0): Promise<RegExpExecArray> {
    for (;;) {
      for (const line of this.lines.slice(from)) {
        const found = pattern.exec(line);
        if (found !== null) return found;
      }
      if (!this.running) throw new Error(`ended without ${String(pattern)}:\n${this.lines.join('\n')}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async address(): Promise<string> {
    return (await this.line(/listening.*address=(\S+)/))[1] ?? '';
  }

  async ask(
    method: string,
    path: string,
    { token = '', body }: { token?: string; body?: object } = {},
  ): Promise<Answer> {
    const response = await fetch(`${await this.address()}${path}`, {
      method,
      headers: token === '' ? {} : { 'X-Vault-Token': token },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, text, json: jsonOf(text) };
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) this.#child.kill('SIGKILL');
    await this.#exit;
  }
}

function jsonOf(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}
