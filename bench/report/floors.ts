/** What `npm run bench -- --check` insists on: ratios only, since times are the machine's. */
import { loads, type LoadName } from '../load/loads.ts';
import type { Row } from '../compare/rounds.ts';
import { ratioOf, type Metric } from './ratios.ts';

export interface Floor {
  readonly load: LoadName;
  readonly metric: Metric;
  /** What the metric is called in the outcome. */
  readonly title: string;
  /** How many times better than the peer. */
  readonly least: number;
}

/**
 * At 16 connections over HTTP. About half of what an idle machine shows (docs/performance.md): where other programs take
 * the cores, the server that could use them better loses most.
 */
export const floors: readonly Floor[] = [
  { load: 'read', metric: 'requestsPerSecond', title: 'requests/s', least: 2.3 },
  { load: 'read', metric: 'cpuMicroseconds', title: 'CPU per request', least: 2.5 },
  { load: 'write', metric: 'requestsPerSecond', title: 'requests/s', least: 1.3 },
  { load: 'login', metric: 'requestsPerSecond', title: 'requests/s', least: 1.3 },
];

export interface Verdict {
  readonly passed: boolean;
  readonly text: string;
}

/** One for each floor. A floor whose row was not measured has failed. `ours` is the first subject, the peer the second. */
export function judge(rows: readonly Row[], asked: readonly Floor[]): readonly Verdict[] {
  return asked.map(({ load, metric, title, least }) => {
    const name = `${loads[load].title}, ${title}`;
    const [ours = [], theirs = []] = rows.find(({ cell }) => cell.load === load)?.figures ?? [];
    const found = ratioOf(ours, theirs, metric);
    const passed = found.ofMedians >= least;
    const [shown, lowest, highest] = [found.ofMedians, found.least, found.most].map((value) => value.toFixed(2));
    return { passed, text: `${name}: ${shown} × better (${lowest}–${highest}), floor ${least} ×` };
  });
}
