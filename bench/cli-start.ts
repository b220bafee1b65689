/**
 * What a command costs beside Node itself: `node bench/cli-start.ts [rounds]`. A development server of this checkout answers
 * on the loopback. Prints medians; asserts nothing.
 */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '..');
const lockstep = join(root, 'bin/lockstep');
const rounds = Number(process.argv[2] ?? 15);

const server = spawn(lockstep, ['server', '-dev', '-dev-listen-address=127.0.0.1:0', '-dev-root-token-id=root'], {
  stdio: ['ignore', 'pipe', 'ignore'],
});

async function addressOf(): Promise<string> {
  for await (const text of createInterface(server.stdout)) {
    const address = /VAULT_ADDR='(.+)'/.exec(text)?.[1];
    if (address !== undefined) return address;
  }
  throw new Error('the server ended before it said where it listens');
}

function milliseconds(command: string, args: readonly string[], env: NodeJS.ProcessEnv): number {
  const started = performance.now();
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8', env });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return performance.now() - started;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

try {
  const env = { ...process.env, VAULT_ADDR: await addressOf(), VAULT_TOKEN: 'root' };
  milliseconds(lockstep, ['kv', 'put', 'secret/a', 'k=v'], env);
  const measured: readonly (readonly [string, string, readonly string[]])[] = [
    ['node -e 0', process.execPath, ['-e', '0']],
    ['lockstep version', lockstep, ['version']],
    ['lockstep kv get secret/a', lockstep, ['kv', 'get', 'secret/a']],
    ['lockstep kv get -format=json secret/a', lockstep, ['kv', 'get', '-format=json', 'secret/a']],
    ['lockstep kv get -format=yaml secret/a', lockstep, ['kv', 'get', '-format=yaml', 'secret/a']],
    ['lockstep kv get -h', lockstep, ['kv', 'get', '-h']],
    ['lockstep -h', lockstep, ['-h']],
  ];
  const times = measured.map(() => [] as number[]);
  // In turn, so that a busy moment of the machine falls on all of them.
  for (let round = 0; round <= rounds; round += 1) {
    for (const [at, [, command, args]] of measured.entries()) {
      const taken = milliseconds(command, args, env);
      // The first round fills the compile cache.
      if (round > 0) times[at]?.push(taken);
    }
  }
  const least = median(times[0] ?? []);
  for (const [at, [name]] of measured.entries()) {
    const taken = median(times[at] ?? []);
    console.log(`${name.padEnd(40)} ${taken.toFixed(0).padStart(5)} ms  ${(taken / least).toFixed(1)} ×`);
  }
} finally {
  server.kill('SIGTERM');
}
