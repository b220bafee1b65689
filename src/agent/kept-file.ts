/** One thing that is kept in place: its last rendering, and whether that is there. */
import type { Logger } from '../lib/log.ts';
import { explain } from '../client/explain.ts';
import type { CommandRunner } from './command-runner.ts';
import type { Metrics } from './metrics.ts';
import { removeFile } from './place.ts';
import type { Question } from './source.ts';
import type { Lookup, Target } from './target.ts';

export interface KeptFileOptions {
  readonly lookup: Lookup;
  readonly commands: CommandRunner;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Told what each rendering asked for. */
  readonly asks: (file: KeptFile, needs: ReadonlyMap<string, Question>) => Promise<void>;
  /** Told of a failure that ends the agent. */
  readonly fatal: (why: string) => void;
}

export class KeptFile {
  readonly target: Target;
  readonly #options: KeptFileOptions;
  #needs: ReadonlyMap<string, Question> = new Map();
  #state: 'waiting' | 'incomplete' | 'placed' | 'failed' = 'waiting';
  #inPlace = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(target: Target, options: KeptFileOptions) {
    this.target = target;
    this.#options = options;
  }

  /** The keys of what it waits for and shows; what is optional left out. */
  get needs(): readonly string[] {
    return [...this.#needs].flatMap(([key, { optional }]) => (optional ? [] : [key]));
  }

  /** Some rendering of it is there. */
  get inPlace(): boolean {
    return this.#inPlace;
  }

  /** What was rendered last. `incomplete`: something that it needs is not known, and what was there stays. */
  get state(): 'waiting' | 'incomplete' | 'placed' | 'failed' {
    return this.#state;
  }

  /** Renders from what is known now and puts it in place. Gives whether nothing is left to do until more is known. */
  renew(from: string): Promise<boolean> {
    const turn = this.#turn.then(() => this.#renew(from));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async remove(): Promise<void> {
    const { log } = this.#options;
    const { name, destination } = this.target;
    if (destination === undefined) return;
    try {
      const removed = await removeFile(destination);
      this.#inPlace = false;
      if (removed) log.warn('removed the file of a deleted secret', { secret: name });
    } catch (error) {
      log.error('cannot remove the file', { secret: name, error: explain(error) });
    }
  }

  async #renew(from: string): Promise<boolean> {
    const { lookup, log, metrics, commands, asks } = this.#options;
    const { name } = this.target;
    try {
      const { needs, put, warning } = this.target.render(lookup);
      this.#needs = needs;
      await asks(this, needs);
      if (put === undefined) {
        this.#state = 'incomplete';
        return true;
      }
      const outcome = await put();
      this.#inPlace = true;
      this.#state = 'placed';
      if (outcome === 'unchanged') return true;
      metrics.add('file_writes_total', { secret: name });
      log.info(this.target.destination === undefined ? 'rendered the variable' : 'wrote the file', {
        secret: name,
        ...this.#versions(),
        from,
      });
      if (warning !== undefined) log.warn(warning, { secret: name });
      commands.changed(this.target);
      return true;
    } catch (error) {
      this.#state = 'failed';
      metrics.add('file_failures_total', { secret: name });
      log.error('cannot put the secret in place', { secret: name, error: explain(error) });
      if (this.target.fatal) this.#options.fatal(`${name} cannot be rendered`);
      return false;
    }
  }

  /** Of one secret its version; of several none in particular. */
  #versions(): { readonly version?: number | undefined } {
    const [key, ...more] = this.needs;
    if (key === undefined || more.length > 0) return {};
    const found = this.#options.lookup(key);
    return typeof found === 'object' ? { version: found.version } : {};
  }
}
