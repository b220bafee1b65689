/** The order of the work: every cell in every round, on each server in turn. */
import { isDeepStrictEqual } from 'node:util';
import { loads } from '../load/loads.ts';
import { probe } from '../load/probe.ts';
import { wrk } from '../load/wrk.ts';
import { cpuTime, machineCpuTime, memoryOf } from '../measure/process.ts';
import type { Figures } from '../report/ratios.ts';
import { nameOf, type Cell } from './cells.ts';
import type { Progress } from './progress.ts';
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

/** How many times the generator runs. */
export function runsOf({ subjects, cells, rounds }: Work): number {
  return (cells.length * rounds + warmUps(cells).length) * subjects.length;
}

/** How long it generates load, in all. */
export function secondsOf({ subjects, cells, rounds, seconds }: Work): number {
  return (cells.length * rounds * seconds + warmUps(cells).length * WARM_UP.seconds) * subjects.length;
}

export async function measureAll(work: Work, progress: Progress): Promise<readonly Row[]> {
  const { subjects, cells, rounds, seconds, folder } = work;
  for (const cell of warmUps(cells)) {
    for (const subject of subjects) {
      await progress.step(`warm-up: ${subject.server.title}, ${nameOf(cell)}`, WARM_UP.seconds, async () => {
        await probe(loads[cell.load], subject);
        await measure(subject, cell, { seconds: WARM_UP.seconds, folder, seed: 0 });
      });
    }
  }
  const rows = cells.map((cell) => ({ cell, figures: subjects.map((): Figures[] => []) }));
  for (let round = 1; round <= rounds; round += 1) {
    for (const { cell, figures } of rows) {
      const numbered = [...subjects.entries()];
      for (const [at, subject] of round % 2 === 1 ? numbered : numbered.toReversed()) {
        const what = `round ${round} of ${rounds}: ${subject.server.title}, ${nameOf(cell)}`;
        const taken = await progress.step(what, seconds, () =>
          measure(subject, cell, { seconds, folder, seed: round }),
        );
        figures[at]?.push(taken);
      }
    }
  }
  return rows;
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
  const url = server.urls[cell.transport];
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
