/** Takes the snapshots that the configuration asks for, one at a time, and keeps as many as it says. */
import { fail, isLockstepError } from '../../errors.ts';
import type { JsonObject } from '../../framework/field.ts';
import type { Logger } from '../../lib/log.ts';
import type { Kept, SnapshotTarget } from '../../lib/snapshot/target.ts';
import type { Store } from '../../storage/store.ts';
import { atMost, jitterOf, nameOf, namePrefix, nextStart, surplus, timeOf, type Past } from './schedule.ts';
import type { Taking } from './taken.ts';

/** One block `snapshot` of the configuration. */
export interface ScheduledSnapshot {
  readonly name: string;
  /** Milliseconds. */
  readonly interval: number;
  readonly retain: number;
  readonly filePrefix: string;
  /** Opens the target when it is first needed; then gives the same. */
  readonly target: () => Promise<SnapshotTarget>;
  /** The configuration as the API shows it, without secrets. */
  readonly shown: JsonObject;
}

export interface SchedulerOptions {
  readonly taking: Taking;
  /** Whose epoch names the history. */
  readonly store: Pick<Store, 'epoch'>;
  readonly now: () => number;
  readonly log: Logger;
  /** Told of each try. */
  readonly meter?: SnapshotMeter;
  /** From 0 up to 1: where in its jitter this node lies. */
  readonly fraction: number;
}

export interface SnapshotMeter {
  readonly taken: (name: string, milliseconds: number, bytes: number) => void;
  readonly failed: (name: string) => void;
}

/** What `sys/storage/raft/snapshot-auto/status` tells. Milliseconds since the epoch. */
export interface SnapshotStanding {
  readonly failures: number;
  /** When the newest one that stands was begun. */
  readonly lastGood: number | undefined;
  readonly lastStart: number | undefined;
  readonly lastEnd: number | undefined;
  readonly lastError: string;
  readonly lastUrl: string;
  readonly nextStart: number;
  readonly running: { readonly start: number; readonly url: string } | undefined;
  /** As they were listed last. */
  readonly kept: readonly Kept[];
}

interface Job {
  readonly schedule: ScheduledSnapshot;
  readonly jitter: number;
  readonly prefix: string;
  past: Past;
  /** Whether it is known what lies at the target. */
  listed: boolean;
  standing: Omit<SnapshotStanding, 'failures' | 'lastGood' | 'nextStart'>;
}

const NOTHING: Job['standing'] = {
  lastStart: undefined,
  lastEnd: undefined,
  lastError: '',
  lastUrl: '',
  running: undefined,
  kept: [],
};

/** For logs and for the API: what is of the catalogue holds no secret, of anything else only its kind is told. */
const reasonOf = (error: unknown): string =>
  isLockstepError(error) ? error.message : `it failed (${error instanceof Error ? error.name : typeof error})`;

export class Scheduler implements AsyncDisposable {
  readonly #options: SchedulerOptions;
  readonly #jobs: ReadonlyMap<string, Job>;
  readonly #opened: number;
  readonly #ending = new AbortController();
  #working: Promise<void> | undefined;

  constructor(schedules: readonly ScheduledSnapshot[], options: SchedulerOptions) {
    this.#options = options;
    this.#opened = options.now();
    this.#jobs = new Map(
      schedules.map((schedule) => [
        schedule.name,
        {
          schedule,
          jitter: jitterOf(schedule.interval, options.fraction),
          prefix: namePrefix(schedule.filePrefix, options.store.epoch.id),
          past: { last: undefined, tried: undefined, failures: 0 },
          listed: false,
          standing: NOTHING,
        },
      ]),
    );
  }

  get names(): readonly string[] {
    return [...this.#jobs.keys()].sort();
  }

  /** undefined for a name that no block has. */
  describe(name: string): JsonObject | undefined {
    return this.#jobs.get(name)?.schedule.shown;
  }

  standing(name: string): SnapshotStanding | undefined {
    const job = this.#jobs.get(name);
    if (job === undefined) return undefined;
    const { failures, last } = job.past;
    return { ...job.standing, failures, lastGood: last, nextStart: this.#next(job) };
  }

  /** Begins what is due, unless something is under way. Resolves when that is done; whoever ticks need not wait. */
  tick(): Promise<void> {
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
    return this.#working;
  }

  /** The content of one that is kept: of the newest, unless `name` names another. Throws `notFound`. */
  async read(job: string, name: string | undefined, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const found = this.#jobs.get(job);
    if (found === undefined) throw fail('notFound', `the configuration has no block snapshot "${job}"`);
    const target = await found.schedule.target();
    const names = (await target.list(found.schedule.filePrefix, signal)).map((kept) => kept.name);
    const asked =
      name ??
      names
        .filter((each) => timeOf(found.prefix, each) !== undefined)
        .sort()
        .at(-1);
    const known = names.find((each) => each === asked || target.urlOf(each) === asked);
    if (known === undefined) throw fail('notFound', `snapshot "${job}" keeps none that is named so: list its target`);
    return target.read(known, signal);
  }

  /** What is under way is given up, and leaves nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#working;
  }

  #next(job: Job): number {
    const { schedule, jitter, past } = job;
    return nextStart({ interval: schedule.interval, jitter }, past, this.#opened);
  }

  async #work(): Promise<void> {
    for (const job of this.#jobs.values()) {
      if (this.#ending.signal.aborted) return;
      job.past = atMost(job.past, this.#options.now());
      if (this.#next(job) > this.#options.now()) continue;
      await this.#try(job);
    }
  }

  /** A failure is told wherever somebody may look, and is tried again. */
  async #try(job: Job): Promise<void> {
    const { now, log, meter } = this.#options;
    const { name } = job.schedule;
    const start = now();
    try {
      const target = await job.schedule.target();
      if (!job.listed) await this.#list(job, target);
      // What lies there may tell that it is not due.
      if (this.#next({ ...job, past: { ...job.past, failures: 0 } }) > now()) {
        job.past = { ...job.past, failures: 0 };
        return;
      }
      const bytes = await this.#take(job, target, start);
      job.past = { last: start, tried: start, failures: 0 };
      job.standing = { ...job.standing, lastError: '' };
      meter?.taken(name, now() - start, bytes);
      log.info('took a scheduled snapshot', { name, url: job.standing.lastUrl, bytes });
    } catch (error) {
      if (this.#ending.signal.aborted) return;
      const reason = reasonOf(error);
      job.past = { ...job.past, tried: start, failures: job.past.failures + 1 };
      job.standing = { ...job.standing, lastStart: start, lastEnd: now(), lastError: reason };
      meter?.failed(name);
      log.error('a scheduled snapshot failed', { name, failures: job.past.failures, reason });
    } finally {
      job.standing = { ...job.standing, running: undefined };
    }
  }

  /** Only those of this history: what another node keeps in the same place is left alone. */
  async #list(job: Job, target: SnapshotTarget): Promise<readonly Kept[]> {
    const all = await target.list(job.prefix, this.#ending.signal);
    const kept = all.filter(({ name }) => timeOf(job.prefix, name) !== undefined);
    const times = kept.map(({ name }) => timeOf(job.prefix, name) ?? 0);
    job.listed = true;
    job.past = atMost({ ...job.past, last: times.length === 0 ? undefined : Math.max(...times) }, this.#options.now());
    job.standing = { ...job.standing, kept };
    return kept;
  }

  /** Gives the bytes that it takes at the target. */
  async #take(job: Job, target: SnapshotTarget, start: number): Promise<number> {
    const { taking, now } = this.#options;
    const { signal } = this.#ending;
    const name = nameOf(job.prefix, start);
    const url = target.urlOf(name);
    job.standing = { ...job.standing, running: { start, url } };
    await taking.during(signal, ({ content, check }) => target.put({ name, content, check }, job.prefix, signal));
    job.standing = { ...job.standing, lastStart: start, lastEnd: now(), lastUrl: url };
    const kept = await this.#list(job, target);
    const gone = surplus(
      kept.map((each) => each.name),
      name,
      job.schedule.retain,
    );
    for (const each of gone) await target.remove(each, signal);
    job.standing = { ...job.standing, kept: kept.filter((each) => !gone.includes(each.name)) };
    return kept.find((each) => each.name === name)?.bytes ?? 0;
  }
}
