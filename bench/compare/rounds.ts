/** The order of the work: every cell in every round, on each server in turn. */
import { isDeepStrictEqual } from 'node:util';
import { loads } from '../load/loads.ts';
import { probe } from '../load/probe.ts';
import { wrk } from '../load/wrk.ts';
import { cpuTime, machineCpuTime, memoryOf } from '../measure/process.ts';
import type { Figures } from '../report/ratios.ts';
import { nameOf, type Cell } from './cells.ts';
import { Progress } from './progress.ts';
import type { Subject } from './subjects.ts';

export interface Row {
  readonly cell: Cell;
  /** For each subject, in their order, the figures of each round. */
  readonly figures: readonly (readonly Figures[])[];
}

export interface Work {
  readonly subjects: readonly Subject[];
  readonly cells: readonly Cell[];
  readonly rounds: number;
  readonly seconds: number;
  /** Where prepared requests go. */
  readonly folder: string;
}

const WARM_UP = { connections: 16, seconds: 1 };

interface Run {
  readonly what: string;
  readonly cell: Cell;
  readonly subject: number;
  /** From 1 on; 0 is the warm-up. */
  readonly round: number;
  readonly seconds: number;
}

/** Every run of the generator, in order. */
export function runsOf({ subjects, cells, rounds, seconds }: Work): readonly Run[] {
  const runs = (round: number, cell: Cell, seconds: number, prefix: string): Run[] => {
    const found = [...subjects.entries()]
      .filter(([, { answers }]) => answers(cell))
      .map(([subject, { server }]) => {
        return { what: `${prefix}: ${server.title}, ${nameOf(cell)}`, cell, subject, round, seconds };
      });
    return round % 2 === 1 ? found : found.toReversed();
  };
  const numbers = Array.from({ length: rounds }, (_, at) => at + 1);
  return [
    ...warmUps(cells).flatMap((cell) => runs(0, cell, WARM_UP.seconds, 'warm-up')),
    ...numbers.flatMap((round) => cells.flatMap((cell) => runs(round, cell, seconds, `round ${round} of ${rounds}`))),
  ];
}

export async function measureAll(work: Work): Promise<readonly Row[]> {
  const { subjects, cells, folder } = work;
  const rows = new Map(cells.map((cell) => [cell, subjects.map((): Figures[] => [])]));
  const runs = runsOf(work);
  const progress = new Progress(runs);
  for (const { what, cell, subject: at, round, seconds } of runs) {
    progress.next(what, seconds);
    const subject = subjects[at];
    if (subject === undefined) continue;
    if (round === 0) await probe(loads[cell.load], subject);
    const figures = await measure(subject, cell, { seconds, folder, seed: round });
    if (round > 0) rows.get(cell)?.[at]?.push(figures);
  }
  return [...rows].map(([cell, figures]) => ({ cell, figures }));
}

/** Each load once over each transport. */
function warmUps(cells: readonly Cell[]): readonly Cell[] {
  const all = cells.map((cell) => ({ ...cell, connections: WARM_UP.connections }));
  return all.filter((cell, at) => all.findIndex((other) => isDeepStrictEqual(other, cell)) === at);
}

async function measure(
  { server, access }: Subject,
  cell: Cell,
  run: { readonly seconds: number; readonly folder: string; readonly seed: number },
): Promise<Figures> {
  const { pid } = server.program;
  const before = spent(pid);
  const url = server.urls[cell.transport] ?? '';
  const { requests, microseconds, p50, p99, p999 } = await wrk(loads[cell.load], access, {
    ...{ url, connections: cell.connections, ...run },
  }).catch((error: unknown) => {
    throw new Error(`${server.title}, ${nameOf(cell)}: ${error instanceof Error ? error.message : String(error)}`);
  });
  const after = spent(pid);
  const { anonymous, resident } = memoryOf(pid);
  const [used, generator] = [after.server - before.server, after.generator - before.generator];
  return {
    requestsPerSecond: (requests * 1e6) / microseconds,
    ...{ p50: p50 / 1e3, p99: p99 / 1e3, p999: p999 / 1e3 },
    cpuMicroseconds: used / requests,
    ...{ anonymousMemory: anonymous, residentMemory: resident },
    generatorBusy: generator / microseconds,
    othersBusy: (after.machine - before.machine - used - generator) / microseconds,
    requests,
  };
}

/** CPU so far. The generator is this process's child, and so are other servers, but none of them ends during a run. */
function spent(pid: number): { readonly server: number; readonly generator: number; readonly machine: number } {
  return { server: cpuTime(pid).own, generator: cpuTime(process.pid).children, machine: machineCpuTime() };
}
