/** The secrets that are kept in place: what was read of each, and whether all that shows it is there. */
import { dirname } from 'node:path';
import { canonicalJson } from '../lib/canonical-json.ts';
import type { Logger } from '../lib/log.ts';
import { Secret } from '../lib/secret.ts';
import { elapsed, type Stamp, type StampSource } from './age.ts';
import type { Cache } from './cache.ts';
import type { CommandRunner } from './command-runner.ts';
import { explain } from '../client/explain.ts';
import { KeptFile } from './kept-file.ts';
import { HeldLeases, type Lease } from './leases.ts';
import type { Metrics } from './metrics.ts';
import { isMemoryBacked, prepareDirectory, removeLeftovers } from './place.ts';
import { isPushed, type Answer, type Found, type Question } from './source.ts';
import type { Lookup, Target } from './target.ts';

/** Why what is in place is not what the server has now; `current` when it is. */
export type Condition = 'waiting' | 'current' | 'cached' | 'missing' | 'denied' | 'unreachable' | 'failed';

/** From the worst on. */
const severity: readonly Condition[] = ['failed', 'denied', 'missing', 'unreachable', 'waiting', 'cached', 'current'];

interface Held extends Found {
  readonly canonical: Secret<string>;
}

interface PathState {
  readonly question: Question;
  /** What shows it. */
  readonly files: Set<KeptFile>;
  condition: Condition;
  held: Held | undefined;
  /** When the server last confirmed what is held, and how old that was already (from the cache), in seconds. */
  confirmed: { readonly at: Stamp; readonly age: number } | undefined;
  /** Since when the server says that the secret is not there. */
  missingSince: Stamp | undefined;
  /** How often in a row the server could not be asked. */
  silence: number;
  /** What is being done about the path. */
  turn: Promise<unknown>;
}

export interface FilesOptions {
  readonly stamps: StampSource;
  readonly commands: CommandRunner;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Seconds. */
  readonly staleMax: number;
  /** The part of a lease after which its secret is read anew. */
  readonly renewAt: number;
  /** Called when something may have come into place, or out of it. */
  readonly changed: () => void;
  /** How often in a row the server may stay silent about what a template needs; Infinity where that ends nothing. */
  readonly patience: number;
  /** Called with why the agent has to end. */
  readonly fatal: (why: string) => void;
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
  readonly leases: HeldLeases;
  readonly #options: FilesOptions;
  readonly #keptFile: (target: Target) => KeptFile;
  #files: readonly KeptFile[] = [];
  readonly #paths = new Map<string, PathState>();
  /** Keys that a rendering asked for and nobody has read yet. */
  readonly #unread = new Set<string>();
  #cache: Cache | undefined;

  constructor(options: FilesOptions) {
    this.#options = options;
    this.leases = new HeldLeases(options.stamps, options.renewAt);
    const lookup: Lookup = (key) => {
      const state = this.#paths.get(key);
      if (state?.held !== undefined) return state.held;
      return state?.condition === 'missing' || state?.condition === 'denied' ? 'absent' : undefined;
    };
    const asks = (file: KeptFile, needs: ReadonlyMap<string, Question>): Promise<void> => this.#asks(file, needs);
    this.#keptFile = (target) => new KeptFile(target, { ...options, lookup, asks });
  }

  /** Keys of all that is shown. */
  get paths(): readonly string[] {
    return [...this.#paths.keys()];
  }

  /** Paths whose changes can be pushed. */
  get pushedPaths(): readonly string[] {
    return [...this.#paths].flatMap(([key, { question }]) => (isPushed(question) ? [key] : []));
  }

  /** Undefined for what nothing shows any more. */
  question(key: string): Question | undefined {
    return this.#paths.get(key)?.question;
  }

  /** What has come to be asked for since the last call. */
  takeUnread(): readonly string[] {
    const keys = [...this.#unread];
    this.#unread.clear();
    return keys;
  }

  /** What is to be read again: a secret under a lease only when that nears its end, since each reading makes another. */
  get duePaths(): readonly string[] {
    return this.paths.filter((key) => this.leases.get(key)?.due !== false);
  }

  /** Entries are written from now on; what is held already is written at once. */
  async useCache(cache: Cache): Promise<void> {
    this.#cache = cache;
    for (const [path, { held }] of this.#paths) if (held !== undefined) await this.#remember(path, held);
  }

  /**
   * Takes what is to be kept, looks at the directories, removes what a killed process left in them, and renders everything once, to see what it asks
   * for. Problems are logged: they may be mended.
   */
  async prepare(targets: readonly Target[]): Promise<void> {
    this.#files = targets.map(this.#keptFile);
    for (const { target } of this.#files) await this.#prepareDirectory(target);
    for (const file of this.#files) await file.renew('current');
    this.#options.changed();
  }

  async #prepareDirectory({ name, destination, createsDirectories = true }: Target): Promise<void> {
    const { log } = this.#options;
    if (destination === undefined) return;
    try {
      if (createsDirectories) await prepareDirectory(dirname(destination));
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

  /** Renders again what depends on more than secrets. */
  async renewImpure(): Promise<void> {
    for (const file of this.#files) if (file.target.impure) await file.renew('current');
  }

  /**
   * Asks the server and puts its answer into the path's files; a question of one path waits for the one before it, so
   * that an older answer never comes last. Gives whether everything that the answer asks for is done.
   */
  refresh(path: string, ask: () => Promise<Answer>): Promise<boolean> {
    const state = this.#paths.get(path);
    return state === undefined
      ? Promise.resolve(true)
      : this.#inTurn(state, async () => {
          const answer = await ask();
          // Nothing shows it any more: a lease that was held of it would be due for ever.
          return this.#paths.get(path) === state ? this.#apply(path, state, answer) : true;
        });
  }

  async #apply(path: string, state: PathState, answer: Answer): Promise<boolean> {
    this.#options.metrics.add('reads_total', { answer: answer.kind });
    if (answer.kind === 'found') return this.#found(path, state, answer);
    if (answer.kind === 'kept') return this.#kept(path, state, answer.lease);
    if (answer.kind === 'missing') return this.#missing(path, state, answer);
    if (answer.kind !== 'denied') {
      this.#condition(state, answer.kind, answer.why);
      return false;
    }
    await this.#forget(path);
    this.#condition(state, 'denied', 'the policy does not allow the read; the file is kept');
    return this.#renewAll(state, 'current', state.question.optional);
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
    const current = [...this.#paths].filter(([, { condition }]) => condition === 'current');
    const cache = this.#cache;
    if (cache === undefined || current.length === 0) return;
    await cache.confirm(current.map(([path]) => path)).catch((error: unknown) => {
      this.#options.log.error('cannot write to the cache', { error: explain(error) });
    });
  }

  /** What is in place of a path; undefined while it is not. */
  inPlace(path: string): InPlace | undefined {
    const state = this.#paths.get(path);
    if (state?.held === undefined || state.condition !== 'current') return undefined;
    if (![...state.files].every((file) => file.state === 'placed')) return undefined;
    return { version: state.held.version, canonical: state.held.canonical };
  }

  report(): readonly FileReport[] {
    const now = this.#options.stamps();
    return this.#files.map((file) => this.#reportOn(file, now));
  }

  #reportOn(file: KeptFile, now: Stamp): FileReport {
    const states = file.needs.flatMap((key) => this.#paths.get(key) ?? []);
    const ages = states.map((state) => ageOf(state, now));
    const age = ages.some((each) => each === undefined) ? undefined : Math.max(0, ...ages.map((each) => each ?? 0));
    const conditions = new Set(states.map((state) => (isSettled(state) ? 'current' : state.condition)));
    const worst = severity.find((each) => conditions.has(each)) ?? (file.inPlace ? 'current' : 'waiting');
    const condition = file.state === 'failed' ? 'failed' : file.inPlace || worst !== 'current' ? worst : 'waiting';
    const healthy = file.inPlace && condition !== 'failed' && age !== undefined && age <= this.#options.staleMax;
    return { name: file.target.name, condition, inPlace: file.inPlace, age, healthy };
  }

  /** A rendering asked for these, and for nothing else. */
  async #asks(file: KeptFile, needs: ReadonlyMap<string, Question>): Promise<void> {
    for (const [key, question] of needs) {
      if (!this.#paths.has(key)) {
        this.#paths.set(key, empty(question));
        this.#unread.add(key);
      }
      this.#paths.get(key)?.files.add(file);
    }
    for (const [key, { files }] of this.#paths) {
      if (needs.has(key) || !files.delete(file) || files.size > 0) continue;
      await this.#forget(key);
      this.#paths.delete(key);
      this.#unread.delete(key);
    }
  }

  #inTurn<T>(state: PathState, work: () => Promise<T>): Promise<T> {
    const turn = state.turn.then(work, work).finally(this.#options.changed);
    state.turn = turn.catch(() => undefined);
    return turn;
  }

  async #restoreOne(path: string, state: PathState): Promise<boolean> {
    const unanswered = state.condition === 'waiting' || state.condition === 'unreachable';
    const entry = unanswered && state.held === undefined ? await this.#cache?.get(path) : undefined;
    if (entry === undefined) return false;
    const { data, version, metadata, age } = entry;
    if (age === undefined || age > this.#options.staleMax) {
      this.#options.log.warn('the cached secret is too old to be served', { path, age: age ?? 'unknown' });
      return false;
    }
    state.held = { data, version, metadata, canonical: new Secret(canonicalJson(data)) };
    state.confirmed = { at: this.#options.stamps(), age };
    state.condition = 'cached';
    return this.#renewAll(state, 'cached', true);
  }

  async #found(path: string, state: PathState, answer: Answer & { kind: 'found' }): Promise<boolean> {
    const { data, version, metadata, lease } = answer;
    const canonical = new Secret(canonicalJson(data));
    const same = state.held?.version === version && state.held?.canonical.expose() === canonical.expose();
    const sameAround = canonicalJson(state.held?.metadata) === canonicalJson(metadata) && lease === undefined;
    // The same object for the same content: what was rendered from it need not be rendered again.
    if (!same || !sameAround || state.held?.lease !== undefined)
      state.held = { data, version, metadata, lease, canonical };
    this.leases.hold(path, lease);
    state.missingSince = undefined;
    // The cache goes first: then what a restart writes from it is never older than the file.
    if (!same && state.held !== undefined) await this.#remember(path, state.held);
    state.confirmed = { at: this.#options.stamps(), age: 0 };
    state.condition = 'current';
    state.silence = 0;
    return this.#renewAll(state, 'current', true);
  }

  #kept(path: string, state: PathState, lease: Lease | undefined): Promise<boolean> {
    if (lease !== undefined) {
      this.leases.hold(path, lease);
      state.confirmed = { at: this.#options.stamps(), age: 0 };
      state.condition = 'current';
      state.silence = 0;
    }
    return this.#renewAll(state, 'current', true);
  }

  async #missing(path: string, state: PathState, { destroyed, lease }: Answer & { kind: 'missing' }): Promise<boolean> {
    const now = this.#options.stamps();
    state.missingSince ??= now;
    await this.#forget(path);
    this.leases.hold(path, lease);
    this.#condition(state, 'missing', destroyed ? 'the secret is destroyed' : 'there is no such secret');
    if (isSettled(state)) state.confirmed = { at: now, age: 0 };
    const since = elapsed(state.missingSince, now) ?? 0;
    for (const file of state.files) {
      const after = file.target.remove_after;
      if (after !== undefined && since >= after) await file.remove();
    }
    return this.#renewAll(state, 'current', isSettled(state));
  }

  /** Everything that shows the path, where the answer can change what it shows. */
  async #renewAll(state: PathState, from: 'current' | 'cached', changes: boolean): Promise<boolean> {
    let done = true;
    for (const file of changes ? [...state.files] : []) done = (await file.renew(from)) && done;
    return done;
  }

  #condition(state: PathState, condition: Condition, why: string): void {
    const isNews = state.condition !== condition;
    state.condition = condition;
    state.silence = condition === 'unreachable' ? state.silence + 1 : 0;
    if (isSettled(state)) return;
    const { patience, fatal, log } = this.#options;
    const level = condition === 'unreachable' ? 'warn' : 'error';
    for (const { target } of isNews ? state.files : []) log[level](`secret ${condition}`, { secret: target.name, why });
    const given = condition === 'unreachable' ? state.silence >= patience : Number.isFinite(patience);
    const waiting = [...state.files].find(({ target }) => target.impatient);
    if (given && waiting !== undefined) fatal(`${waiting.target.name} waits for what is ${condition}`);
  }

  async #remember(path: string, { data, version, metadata }: Held): Promise<void> {
    try {
      await this.#cache?.put(path, { data, version, metadata });
    } catch (error) {
      this.#options.log.error('cannot write to the cache', { path, error: explain(error) });
    }
    this.#options.metrics.set('cache_entries', this.#cache?.size ?? 0);
  }

  async #forget(path: string): Promise<void> {
    const state = this.#paths.get(path);
    if (state !== undefined) state.held = undefined;
    this.leases.hold(path, undefined);
    try {
      await this.#cache?.erase(path);
    } catch (error) {
      this.#options.log.error('cannot erase from the cache', { path, error: explain(error) });
    }
    this.#options.metrics.set('cache_entries', this.#cache?.size ?? 0);
  }
}

function empty(question: Question): PathState {
  return {
    ...{ question, files: new Set<KeptFile>(), condition: 'waiting', silence: 0, turn: Promise.resolve() },
    ...{ held: undefined, confirmed: undefined, missingSince: undefined },
  };
}

/** What is not there is an answer, too: a list without entries, or what was asked for only in case that it is there. */
const isSettled = ({ question, condition }: PathState): boolean =>
  question.optional || (question.kind === 'list' && condition === 'missing');

function ageOf({ confirmed }: PathState, now: Stamp): number | undefined {
  const since = confirmed && elapsed(confirmed.at, now);
  return confirmed === undefined || since === undefined ? undefined : confirmed.age + since;
}
