/** The secrets that are kept in files: what was read of each, and whether its file is in place. */
import { dirname } from 'node:path';
import type { SecretFile } from '../config/agent.ts';
import { canonicalJson } from '../lib/canonical-json.ts';
import type { Logger } from '../lib/log.ts';
import { Secret } from '../lib/secret.ts';
import { elapsed, type Stamp, type StampSource } from './age.ts';
import type { Cache } from './cache.ts';
import type { CommandRunner } from './command-runner.ts';
import { explain } from '../client/explain.ts';
import type { Metrics } from './metrics.ts';
import { isMemoryBacked, place, prepareDirectory, removeFile, removeLeftovers } from './place.ts';
import { render, type SecretData } from './render.ts';
import type { Answer } from './source.ts';

/** Why a file is not what the server has now; `current` when it is. */
export type Condition = 'waiting' | 'current' | 'cached' | 'missing' | 'denied' | 'unreachable' | 'failed';

interface FileState {
  readonly secret: SecretFile;
  condition: Condition;
  /** Its last rendering is there. */
  inPlace: boolean;
}

interface Held {
  readonly data: SecretData;
  readonly canonical: Secret<string>;
  readonly version: number | undefined;
}

interface PathState {
  readonly files: FileState[];
  held: Held | undefined;
  /** When the server last confirmed what is held, and how old that was already (from the cache), in seconds. */
  confirmed: { readonly at: Stamp; readonly age: number } | undefined;
  /** Since when the server says that the secret is not there. */
  missingSince: Stamp | undefined;
  /** What is being done about the path. */
  turn: Promise<unknown>;
}

export interface FilesOptions {
  readonly secrets: readonly SecretFile[];
  readonly stamps: StampSource;
  readonly commands: CommandRunner;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Seconds. */
  readonly staleMax: number;
  /** Called when something may have come into place, or out of it. */
  readonly changed: () => void;
}

export interface FileReport {
  readonly name: string;
  readonly condition: Condition;
  readonly inPlace: boolean;
  /** Seconds. */
  readonly age: number | undefined;
  readonly healthy: boolean;
}

/** What is held of a path, for the proof that it is in place. */
export interface InPlace {
  readonly version: number | undefined;
  readonly canonical: Secret<string>;
}

export class SecretFiles {
  readonly #options: FilesOptions;
  readonly #paths = new Map<string, PathState>();
  #cache: Cache | undefined;

  constructor(options: FilesOptions) {
    this.#options = options;
    for (const secret of options.secrets) {
      const state = this.#paths.get(secret.path) ?? empty();
      state.files.push({ secret, condition: 'waiting', inPlace: false });
      this.#paths.set(secret.path, state);
    }
  }

  get paths(): readonly string[] {
    return [...this.#paths.keys()];
  }

  /** Entries are written from now on; what is held already is written at once. */
  async useCache(cache: Cache): Promise<void> {
    this.#cache = cache;
    for (const [path, { held }] of this.#paths) if (held !== undefined) await this.#remember(path, held);
  }

  /** Looks at the directories, and removes what a killed process left in them. Problems are logged: they may be mended. */
  async prepare(): Promise<void> {
    const { secrets, log } = this.#options;
    for (const { name, destination } of secrets) {
      try {
        await prepareDirectory(dirname(destination));
        const left = await removeLeftovers(destination);
        if (left > 0) log.info('removed unfinished files', { secret: name, count: left });
        if (!(await isMemoryBacked(dirname(destination)))) {
          log.warn('the file lies on a disk, in clear: a volume in memory (tmpfs) would not keep it', {
            secret: name,
            destination,
          });
        }
      } catch (error) {
        log.error('the directory cannot be used', { secret: name, error: explain(error) });
      }
    }
  }

  /**
   * Asks the server and puts its answer into the path's files; a question of one path waits for the one before it, so
   * that an older answer never comes last. Gives whether everything that the answer asks for is done.
   */
  refresh(path: string, ask: () => Promise<Answer>): Promise<boolean> {
    const state = this.#paths.get(path);
    return state === undefined
      ? Promise.resolve(true)
      : this.#inTurn(state, async () => this.#apply(path, state, await ask()));
  }

  async #apply(path: string, state: PathState, answer: Answer): Promise<boolean> {
    this.#options.metrics.add('reads_total', { answer: answer.kind });
    if (answer.kind === 'found') return this.#found(path, state, answer);
    if (answer.kind === 'missing') return this.#missing(path, state, answer.destroyed);
    if (answer.kind !== 'denied') {
      this.#condition(state, answer.kind, answer.why);
      return false;
    }
    await this.#forget(path);
    this.#condition(state, 'denied', 'the policy does not allow the read; the file is kept');
    return true;
  }

  /**
   * Writes what the cache holds, where nothing newer is held and it is not too old. Gives how many paths it served.
   */
  async restore(): Promise<number> {
    let served = 0;
    for (const [path, state] of this.#paths) {
      if (await this.#inTurn(state, () => this.#restoreOne(path, state))) served += 1;
    }
    return served;
  }

  /** Notes in the cache what the server has confirmed. */
  async noteConfirmed(): Promise<void> {
    const current = [...this.#paths].filter(([, { files }]) => files.every(({ condition }) => condition === 'current'));
    const cache = this.#cache;
    if (cache === undefined || current.length === 0) return;
    await cache.confirm(current.map(([path]) => path)).catch((error: unknown) => {
      this.#options.log.error('cannot write to the cache', { error: explain(error) });
    });
  }

  /** What is in place of a path; undefined while it is not. */
  inPlace(path: string): InPlace | undefined {
    const state = this.#paths.get(path);
    if (state?.held === undefined || !state.files.every(({ condition }) => condition === 'current')) return undefined;
    return { version: state.held.version, canonical: state.held.canonical };
  }

  report(): readonly FileReport[] {
    const now = this.#options.stamps();
    return [...this.#paths.values()].flatMap((state) => {
      const age = ageOf(state, now);
      return state.files.map(({ secret, condition, inPlace }) => {
        const healthy = inPlace && condition !== 'failed' && age !== undefined && age <= this.#options.staleMax;
        return { name: secret.name, condition, inPlace, age, healthy };
      });
    });
  }

  #inTurn<T>(state: PathState, work: () => Promise<T>): Promise<T> {
    const turn = state.turn.then(work, work).finally(this.#options.changed);
    state.turn = turn.catch(() => undefined);
    return turn;
  }

  async #restoreOne(path: string, state: PathState): Promise<boolean> {
    const unanswered = state.files.every(({ condition }) => condition === 'waiting' || condition === 'unreachable');
    const entry = unanswered && state.held === undefined ? await this.#cache?.get(path) : undefined;
    if (entry === undefined) return false;
    const { data, version, age } = entry;
    if (age === undefined || age > this.#options.staleMax) {
      this.#options.log.warn('the cached secret is too old to be served', { path, age: age ?? 'unknown' });
      return false;
    }
    state.held = { data, version, canonical: new Secret(canonicalJson(data)) };
    state.confirmed = { at: this.#options.stamps(), age };
    return this.#placeAll(state, 'cached');
  }

  async #found(path: string, state: PathState, answer: Answer & { kind: 'found' }): Promise<boolean> {
    const { data, version } = answer;
    const canonical = new Secret(canonicalJson(data));
    const same = state.held?.version === version && state.held?.canonical.expose() === canonical.expose();
    state.held = { data, version, canonical };
    state.missingSince = undefined;
    // The cache goes first: then what a restart writes from it is never older than the file.
    if (!same) await this.#remember(path, state.held);
    state.confirmed = { at: this.#options.stamps(), age: 0 };
    return this.#placeAll(state, 'current');
  }

  async #missing(path: string, state: PathState, destroyed: boolean): Promise<boolean> {
    const now = this.#options.stamps();
    state.missingSince ??= now;
    await this.#forget(path);
    this.#condition(state, 'missing', destroyed ? 'the secret is destroyed' : 'there is no such secret');
    const since = elapsed(state.missingSince, now) ?? 0;
    for (const file of state.files) {
      const after = file.secret.remove_after;
      if (after === undefined || since < after) continue;
      try {
        const removed = await removeFile(file.secret.destination);
        file.inPlace = false;
        if (removed) this.#options.log.warn('removed the file of a deleted secret', { secret: file.secret.name });
      } catch (error) {
        this.#options.log.error('cannot remove the file', { secret: file.secret.name, error: explain(error) });
      }
    }
    return true;
  }

  async #placeAll(state: PathState, condition: 'current' | 'cached'): Promise<boolean> {
    const { held } = state;
    if (held === undefined) return false;
    let done = true;
    for (const file of state.files) done = (await this.#placeOne(file, held, condition)) && done;
    return done;
  }

  async #placeOne(file: FileState, held: Held, condition: 'current' | 'cached'): Promise<boolean> {
    const { log, metrics, commands } = this.#options;
    const { name, destination: path, mode, user, group } = file.secret;
    try {
      const bytes = render(held.data, file.secret);
      const outcome = await place(bytes, { path, mode, user, group });
      bytes.fill(0);
      file.inPlace = true;
      file.condition = condition;
      if (outcome === 'unchanged') return true;
      metrics.add('file_writes_total', { secret: name });
      log.info('wrote the file', { secret: name, version: held.version, from: condition });
      if (Object.keys(held.data).length === 0) log.warn('the secret is empty', { secret: name });
      commands.changed(file.secret);
      return true;
    } catch (error) {
      file.condition = 'failed';
      metrics.add('file_failures_total', { secret: name });
      log.error('cannot put the secret in place', { secret: name, error: explain(error) });
      return false;
    }
  }

  #condition(state: PathState, condition: Condition, why: string): void {
    for (const file of state.files) {
      const level = condition === 'unreachable' ? 'warn' : 'error';
      if (file.condition !== condition)
        this.#options.log[level](`secret ${condition}`, { secret: file.secret.name, why });
      file.condition = condition;
    }
  }

  async #remember(path: string, { data, version }: Held): Promise<void> {
    try {
      await this.#cache?.put(path, { data, version });
    } catch (error) {
      this.#options.log.error('cannot write to the cache', { path, error: explain(error) });
    }
    this.#options.metrics.set('cache_entries', this.#cache?.size ?? 0);
  }

  async #forget(path: string): Promise<void> {
    const state = this.#paths.get(path);
    if (state !== undefined) state.held = undefined;
    try {
      await this.#cache?.erase(path);
    } catch (error) {
      this.#options.log.error('cannot erase from the cache', { path, error: explain(error) });
    }
    this.#options.metrics.set('cache_entries', this.#cache?.size ?? 0);
  }
}

function empty(): PathState {
  return { files: [], held: undefined, confirmed: undefined, missingSince: undefined, turn: Promise.resolve() };
}

function ageOf({ confirmed }: PathState, now: Stamp): number | undefined {
  const since = confirmed && elapsed(confirmed.at, now);
  return confirmed === undefined || since === undefined ? undefined : confirmed.age + since;
}
