/** Reads secrets of one server again and again while servers are killed, and judges each answer. */
import type { Draw } from '../../src/lib/draw.testing.ts';
import type { Caller } from './caller.ts';
import { shownBy, type TrackedSecret } from './tracked-secret.ts';

export interface ReaderOptions {
  readonly caller: Caller;
  readonly secrets: readonly TrackedSecret[];
  /** At the hub every acknowledged change is shown at once; at a region when its index is asked for. */
  readonly isHub: boolean;
  readonly draw: Draw;
  readonly stop: AbortSignal;
}

export class Reader {
  readonly #options: ReaderOptions;
  readonly #shown = new Map<string, number>();
  answers = 0;
  /** Answers that were to show, and showed, what had just been acknowledged elsewhere. */
  fresh = 0;
  /** 412: the server did not reach the index in time. */
  behind = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { secrets, draw, stop } = this.#options;
    while (!stop.aborted) {
      await this.#read(draw.of(secrets));
      await new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
    }
  }

  async #read(secret: TrackedSecret): Promise<void> {
    const { caller, isHub, draw } = this.#options;
    const acknowledged = secret.version;
    const index = isHub || draw.next() > 0.3 ? '' : secret.index;
    const answer = await caller.tried('GET', `secret/data/${secret.path}`, undefined, { index });
    if (answer === undefined || answer.status === 503) return;
    if (answer.status === 412) {
      this.behind += 1;
      return;
    }
    const shown = shownBy(answer, secret.path);
    const current = isHub || index !== '';
    const before = this.#shown.get(secret.path) ?? 0;
    secret.judge(caller.name, shown, current ? Math.max(acknowledged, before) : before);
    this.#shown.set(secret.path, shown?.version ?? 0);
    this.answers += 1;
    if (current) this.fresh += 1;
  }
}
