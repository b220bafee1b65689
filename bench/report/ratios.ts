/** From figures of rounds to what is told of them. */
import { median } from '../measure/statistics.ts';

/** One measurement of one server under one load. */
export interface Figures {
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  /** Of the server's process, in user and system mode, divided by the requests. */
  readonly cpuMicroseconds: number;
  /** Bytes, right after the load. */
  readonly anonymousMemory: number;
  readonly residentMemory: number;
  /** How much of its one thread's time the load generator was busy: near 1 it may be what limits. */
  readonly generatorBusy: number;
  /** Cores that neither the server nor the generator used, but other programs did. */
  readonly othersBusy: number;
  readonly requests: number;
}

export type Metric = keyof Figures;

/** Of the first as against the second: above 1 is better for the first, whether more or less of the metric is good. */
export interface Ratio {
  /** Of the medians. */
  readonly ofMedians: number;
  /** Of single rounds. */
  readonly least: number;
  readonly most: number;
}

const moreIsBetter: ReadonlySet<Metric> = new Set(['requestsPerSecond']);

export function medianOf(rounds: readonly Figures[], metric: Metric): number {
  return median(rounds.map((figures) => figures[metric]));
}

/** How many times better `ours` is than `theirs`; rounds are compared in pairs, as they were measured. */
export function ratioOf(ours: readonly Figures[], theirs: readonly Figures[], metric: Metric): Ratio {
  const better = (a: number, b: number): number => (moreIsBetter.has(metric) ? a / b : b / a);
  const pairs = ours.flatMap((mine, round) => {
    const other = theirs[round];
    return other === undefined ? [] : [better(mine[metric], other[metric])];
  });
  return {
    ofMedians: better(medianOf(ours, metric), medianOf(theirs, metric)),
    least: Math.min(...pairs),
    most: Math.max(...pairs),
  };
}
