/**
 * What starting costs: `npm run bench:start-up [-- rounds]`. Prints medians, side by side with the least that Node
 * itself takes, and the memory of an idle development server. Asserts nothing.
 */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '..');
const lockstep = join(root, 'bin/lockstep');

function milliseconds(command: string, args: readonly string[]): number {
  const started = performance.now();
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return performance.now() - started;
}

interface Server {
  /** From the start of the process to its first answered request. */
  readonly answered: number;
  /** Memory that maps files is no part of it. */
  readonly anonymousMegabytes: number;
}

async function server(): Promise<Server> {
  const started = performance.now();
  const args = ['server', '-dev', '-dev-listen-address=127.0.0.1:0'];
  const child = spawn(lockstep, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    for await (const text of createInterface(child.stdout)) {
      const address = /VAULT_ADDR='(.+)'/.exec(text)?.[1];
      if (address === undefined) continue;
      await (await fetch(`${address}/v1/sys/health`)).arrayBuffer();
      const answered = performance.now() - started;
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      return { answered, anonymousMegabytes: Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) / 1024 };
    }
    throw new Error('the server ended before it said where it listens');
  } finally {
    child.kill('SIGTERM');
  }
}

function median(values: readonly number[]): string {
  return (values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN).toFixed(0);
}

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
console.log(`node -e 0                               ${median(node)} ms`);
console.log(`lockstep version                        ${median(version)} ms`);
console.log(`lockstep server -dev, first answer      ${median(servers.map(({ answered }) => answered))} ms`);
console.log(`lockstep server -dev, RssAnon once up   ${median(servers.map((one) => one.anonymousMegabytes))} MB`);
