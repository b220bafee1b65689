/**
 * Durations, in milliseconds: their count and sum since the start, and quantiles of the last minute or so, from buckets
 * that are 2^(1/8) apart. A quantile is therefore too high by 9 % at most. Recording allocates nothing.
 */
const PER_DOUBLING = 8;
/** The first bucket ends at 2^-10 ms, about a microsecond; the last takes all from 2^17 ms, about two minutes, on. */
const LOWEST = -10;
const HIGHEST = 17;
const BUCKETS = (HIGHEST - LOWEST) * PER_DOUBLING + 1;
const WINDOW_MS = 30_000;

/** A timing at one moment, structured-cloneable. */
export interface TimingCopy {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly squares: number;
  /** Of the last minute or so. */
  readonly buckets: Uint32Array;
}

export class Timing {
  count = 0;
  sum = 0;
  min = 0;
  max = 0;
  #squares = 0;
  #now = new Uint32Array(BUCKETS);
  #before = new Uint32Array(BUCKETS);
  #windowEnd = 0;

  /** From `start` to `end`, two readings of `performance.now()`. */
  record(start: number, end: number): void {
    const duration = end > start ? end - start : 0;
    this.count += 1;
    this.sum += duration;
    this.#squares += duration * duration;
    if (this.count === 1 || duration < this.min) this.min = duration;
    if (duration > this.max) this.max = duration;
    if (end >= this.#windowEnd) this.#turn(end);
    const bucket = bucketOf(duration);
    this.#now[bucket] = (this.#now[bucket] ?? 0) + 1;
  }

  get deviation(): number {
    if (this.count === 0) return 0;
    const mean = this.sum / this.count;
    return Math.sqrt(Math.max(0, this.#squares / this.count - mean * mean));
  }

  /** Of the current window and the one before, at time `at`. NaN when there was nothing, as Prometheus has it. */
  quantiles(wanted: readonly number[], at: number): readonly number[] {
    if (at >= this.#windowEnd) this.#turn(at);
    let total = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) total += this.#both(bucket);
    return wanted.map((quantile) => {
      let left = Math.max(1, Math.ceil(quantile * total));
      if (total === 0) return Number.NaN;
      for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
        left -= this.#both(bucket);
        if (left <= 0) return 2 ** (LOWEST + bucket / PER_DOUBLING);
      }
      return 2 ** HIGHEST;
    });
  }

  /** `at`: a reading of `performance.now()`. */
  copy(at: number): TimingCopy {
    if (at >= this.#windowEnd) this.#turn(at);
    const { count, sum, min, max } = this;
    const buckets = this.#now.map((_, bucket) => this.#both(bucket));
    return { count, sum, min, max, squares: this.#squares, buckets };
  }

  /** What was measured elsewhere; its last minute counts as of `at`, a reading of `performance.now()` here. */
  add({ count, sum, min, max, squares, buckets }: TimingCopy, at: number): void {
    if (count === 0) return;
    this.min = this.count === 0 ? min : Math.min(this.min, min);
    this.max = Math.max(this.max, max);
    this.count += count;
    this.sum += sum;
    this.#squares += squares;
    if (at >= this.#windowEnd) this.#turn(at);
    for (const [bucket, more] of buckets.entries()) this.#now[bucket] = (this.#now[bucket] ?? 0) + more;
  }

  #both(bucket: number): number {
    return (this.#now[bucket] ?? 0) + (this.#before[bucket] ?? 0);
  }

  #turn(at: number): void {
    const older = this.#before;
    // After a long silence what was recorded before it is too old as well.
    if (at < this.#windowEnd + WINDOW_MS) this.#before = this.#now;
    else this.#before = this.#now.fill(0);
    this.#now = older.fill(0);
    this.#windowEnd = at + WINDOW_MS;
  }
}

function bucketOf(duration: number): number {
  const bucket = Math.ceil((Math.log2(duration) - LOWEST) * PER_DOUBLING);
  if (bucket >= BUCKETS) return BUCKETS - 1;
  // A duration of 0 has the logarithm -Infinity.
  return bucket > 0 ? bucket : 0;
}
