/**
 * What a command costs beside Node itself: `node bench/cli-start.ts [rounds]`. A development server of this checkout answers
 * on the loopback. Prints medians; asserts nothing.
 */
import { milliseconds } from './measure/command.ts';
import { median } from './measure/statistics.ts';
import { installed } from './servers/installed.ts';
import { startDevelopment } from './servers/lockstep.ts';

const { executable: lockstep } = installed();

const rounds = Number(process.argv[2] ?? 15);

await using server = await startDevelopment();
const env = { ...process.env, VAULT_ADDR: server.found[1], VAULT_TOKEN: 'root' };
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
