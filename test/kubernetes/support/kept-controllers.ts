/** Controllers as a Deployment has them: several that may lead, and one that ends is started anew. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const executable = join(import.meta.dirname, '../../../bin/lockstep');
/** Of the Lease: a leader that is killed is missed soon. */
const TIMES = ['lease-duration=6s', 'renew-deadline=4s', 'retry-period=500ms'];

export class KeptControllers implements AsyncDisposable {
  readonly #argv: readonly string[];
  readonly #running = new Set<ChildProcess>();
  readonly #waiting: (() => void)[] = [];
  #leader: ChildProcess | undefined;
  #ending = false;
  /** What they wrote, for a test that fails. */
  readonly lines: string[] = [];

  constructor(kubeconfig: string, count: number) {
    const addresses = ['-allow-local-servers', '-metrics-addr=0', '-live-addr=0', '-enable-leader-election'];
    const times = TIMES.map((each) => `-leader-election-${each}`);
    this.#argv = ['controller', `-kubeconfig=${kubeconfig}`, ...addresses, ...times];
    for (let each = 0; each < count; each += 1) this.#start();
  }

  /** Ends the one that leads, and resolves once another does. SIGTERM: in order, so that it gives its Lease back. */
  async replaceLeader(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const before = await this.#leading(undefined);
    before.kill(signal);
    await this.#leading(before);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending = true;
    const running = [...this.#running];
    await Promise.all(
      running.map(async (child) => {
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        await ended;
      }),
    );
  }

  /** One that leads and is not that one. */
  async #leading(not: ChildProcess | undefined): Promise<ChildProcess> {
    for (;;) {
      const leader = this.#leader;
      if (leader !== undefined && leader !== not) return leader;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #start(): void {
    const child = spawn(executable, this.#argv, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#running.add(child);
    createInterface(child.stderr).on('line', (line) => {
      this.lines.push(`${String(child.pid)} ${line}`);
      if (!/ leading identity=/.test(line)) return;
      this.#leader = child;
      for (const wake of this.#waiting.splice(0)) wake();
    });
    child.once('exit', () => {
      this.#running.delete(child);
      if (this.#leader === child) this.#leader = undefined;
      if (!this.#ending) this.#start();
    });
  }
}
