/**
 * What starting costs: `npm run bench:start-up [-- rounds]`. Prints medians, side by side with the least that Node
 * itself takes, and the memory of an idle development server. Asserts nothing.
 */
import { milliseconds } from './measure/command.ts';
import { memoryOf } from './measure/process.ts';
import { median } from './measure/statistics.ts';
import { installed } from './servers/installed.ts';
import { startDevelopment } from './servers/lockstep.ts';

const { executable: lockstep } = installed();

interface Server {
  /** From the start of the process to its first answered request. */
  readonly answered: number;
  /** Memory that maps files is no part of it. */
  readonly anonymousMegabytes: number;
}

async function server(): Promise<Server> {
  const started = performance.now();
  await using program = await startDevelopment();
  await (await fetch(`${program.found[1]}/v1/sys/health`)).arrayBuffer();
  const answered = performance.now() - started;
  return { answered, anonymousMegabytes: memoryOf(program.pid).anonymous / 1024 ** 2 };
}

const shown = (values: readonly number[]): string => median(values).toFixed(0);

const rounds = Number(process.argv[2] ?? 15);
const node: number[] = [];
const version: number[] = [];
const servers: Server[] = [];
// In turn, so that a busy moment of the machine falls on all of them.
for (let round = 0; round < rounds; round += 1) {
  node.push(milliseconds(process.execPath, ['-e', '0']));
  version.push(milliseconds(lockstep, ['version']));
  servers.push(await server());
}
console.log(`node -e 0                               ${shown(node)} ms`);
console.log(`lockstep version                        ${shown(version)} ms`);
console.log(`lockstep server -dev, first answer      ${shown(servers.map(({ answered }) => answered))} ms`);
console.log(`lockstep server -dev, RssAnon once up   ${shown(servers.map((one) => one.anonymousMegabytes))} MB`);
