/** What a benchmark measured: as lines, and in a file that keeps it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Spread } from '../measure/statistics.ts';

const folder = join(import.meta.dirname, '../../.cache/bench');

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
