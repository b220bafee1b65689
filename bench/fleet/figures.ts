/** What a benchmark measured: quantiles, and a file that keeps them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../../.cache/bench');

export interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Nearest rank, rounded to 0.01. */
export function spread(values: readonly number[]): Spread {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number =>
    Math.round((sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN) * 100) / 100;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

export const shown = ({ p50, p99, max }: Spread): string =>
  `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, max ${max.toFixed(1)} ms`;

/** Leaves the figures in .cache/bench/<name>.json. */
export function keep(name: string, figures: object): void {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.json`);
  writeFileSync(
    file,
    `${JSON.stringify({ time: new Date().toISOString(), node: process.version, ...figures }, null, 2)}\n`,
  );
  console.log(`written to .cache/bench/${name}.json`);
}
