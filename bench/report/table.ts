/** The tables of a run, in Markdown that also reads well in a terminal. */
import type { Row } from '../compare/rounds.ts';
import type { Subject } from '../compare/subjects.ts';
import { loads, type LoadName } from '../load/loads.ts';
import { megabytes } from '../measure/process.ts';
import { medianOf, ratioOf, type Figures, type Metric } from './ratios.ts';

/** Of the generator's one thread. */
const BUSY = 0.9;
/** Cores; the kernel's own work is among it. */
const OTHERS = 0.2;

interface Column {
  readonly title: string;
  readonly metric: Metric;
  readonly show: (value: number) => string;
  /** Whether a comparison shows how many times better the first is. Every ratio can be had from the JSON file. */
  readonly compared: boolean;
}

const columns: readonly Column[] = [
  {
    title: 'requests/s',
    metric: 'requestsPerSecond',
    show: (value) => Math.round(value).toLocaleString('en'),
    compared: true,
  },
  { title: 'p50, ms', metric: 'p50', show: significant, compared: false },
  { title: 'p99, ms', metric: 'p99', show: significant, compared: true },
  { title: 'p99.9, ms', metric: 'p999', show: significant, compared: false },
  { title: 'CPU, µs', metric: 'cpuMicroseconds', show: (value) => value.toFixed(0), compared: true },
  { title: 'RssAnon, MB', metric: 'anonymousMemory', show: megabytes, compared: false },
  { title: 'RSS, MB', metric: 'residentMemory', show: megabytes, compared: false },
];

/** The first server beside each other one, or alone. */
export function tablesOf(rows: readonly Row[], subjects: readonly Subject[]): string {
  const [first = '', ...others] = subjects.map(({ server: { title, version } }) => `${title} ${version}`);
  if (others.length === 0) return `${first}\n\n${single(rows, 0)}`;
  const how = 'and how many times better the first is (in single rounds: the least–the most)';
  return others.map((other, at) => `${first} : ${other}, ${how}\n\n${compared(rows, 0, at + 1)}`).join('\n\n');
}

/** What a reader of the tables must know. */
export function notesOf(
  rows: readonly Row[],
  subjects: readonly Subject[],
  asked: readonly LoadName[],
): readonly string[] {
  const left = asked.filter((load) => rows.every(({ cell }) => cell.load !== load));
  const without = subjects.filter(({ access, whole }) => whole && access.ciphertext === undefined);
  const limited = rows.filter(({ figures }) => figures.some((rounds) => medianOf(rounds, 'generatorBusy') > BUSY));
  const measured = rows.flatMap(({ figures }) => figures.filter((rounds) => rounds.length > 0));
  const others = Math.max(0, ...measured.map((rounds) => medianOf(rounds, 'othersBusy')));
  return [
    ...(others < OTHERS
      ? []
      : [`Other programs used up to ${others.toFixed(1)} cores meanwhile: on an idle machine, times are better.`]),
    ...(left.length === 0
      ? []
      : [
          `Left out: ${left.join(', ')}, since ${without.map(({ server }) => server.title).join(' and ')} has no transit engine.`,
        ]),
    ...(limited.length === 0
      ? []
      : [`The load generator had no time left, and may have been what limited: ${limited.map(nameOf).join('; ')}.`]),
  ];
}

/** Medians of one server. */
function single(rows: readonly Row[], at: number): string {
  const measured = rows.filter(({ figures }) => (figures[at] ?? []).length > 0);
  return aligned([
    ['load', ...columns.map(({ title }) => title)],
    ...measured.map((row) => [
      nameOf(row),
      ...columns.map(({ metric, show }) => show(medianOf(row.figures[at] ?? [], metric))),
    ]),
  ]);
}

/** Medians of two servers, `ours : theirs`, and how many times better ours is, with the least and the most of a round. */
function compared(rows: readonly Row[], ours: number, theirs: number): string {
  const measured = rows.filter(({ figures }) => [ours, theirs].every((at) => (figures[at] ?? []).length > 0));
  return aligned([
    ['load', ...columns.flatMap(({ title, compared }) => (compared ? [title, '×'] : [title]))],
    ...measured.map((row) => {
      const [mine, other] = [row.figures[ours] ?? [], row.figures[theirs] ?? []];
      return [nameOf(row), ...columns.flatMap((column) => pair(mine, other, column))];
    }),
  ]);
}

function pair(mine: readonly Figures[], other: readonly Figures[], column: Column): readonly string[] {
  const { metric, show } = column;
  const both = `${show(medianOf(mine, metric))} : ${show(medianOf(other, metric))}`;
  if (!column.compared) return [both];
  const { ofMedians, least, most } = ratioOf(mine, other, metric);
  return [both, `${ratio(ofMedians)} (${ratio(least)}–${ratio(most)})`];
}

function nameOf({ cell: { load, connections, transport } }: Row): string {
  return `${loads[load].title}, ${connections}${transport === 'tls' ? ', TLS' : ''}`;
}

function ratio(value: number): string {
  return value >= 9.95 ? value.toFixed(0) : value >= 0.995 ? value.toFixed(1) : value.toFixed(2);
}

function significant(value: number): string {
  return value >= 99.5 ? value.toFixed(0) : String(Number(value.toPrecision(2)));
}

function aligned([heading = [], ...lines]: readonly (readonly string[])[]): string {
  const widths = heading.map((_, at) => Math.max(...[heading, ...lines].map((line) => line[at]?.length ?? 0)));
  // Numbers to the right, names to the left.
  const cells = (line: readonly string[]): string[] =>
    line.map((text, at) => (at === 0 ? text.padEnd(widths[at] ?? 0) : text.padStart(widths[at] ?? 0)));
  const rule = widths.map((width, at) => (at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [cells(heading), rule, ...lines.map(cells)].map((line) => `| ${line.join(' | ')} |`).join('\n');
}
