/**
 * Whether the time of a refused login tells who exists: `node bench/login-timing.ts [options]`. Logs in with wrong passwords
 * as users who exist and as users who do not, in random order, a few at a time, with lockout off, and compares the times by the
 * rank-sum test. Ends with 1 where they can be told apart.
 */
import { randomInt } from 'node:crypto';
import { ApiError } from '../src/client/api-error.ts';
import { loadOf, methods } from './login-timing/loads.ts';
import { ranks } from './measure/ranks.ts';
import { spread } from './measure/statistics.ts';
import { keep, shown } from './program/figures.ts';
import { readOptions } from './program/options.ts';
import { MeasuredNode } from './servers/measured-node.ts';

const HELP = `Usage: node bench/login-timing.ts [options]

  --tries=10000    logins of users who exist, and as many of users who do not
  --users=100      users of each kind
  --at-once=4      logins at a time: who waits behind whom is as random as the order
  --bound=4        standard deviations of chance beyond which they are told apart
  --method=userpass     or another: ${methods.join(', ')}
  --seconds=0      begins no login after that, and compares what there is; 0: all tries
  --cost=10        of bcrypt; users who are moved here may have 5 to 12`;

const options = readOptions(HELP, {
  tries: 10_000,
  users: 100,
  'at-once': 4,
  seconds: 0,
  bound: 4,
  method: 'userpass',
  cost: 10,
});
const { tries, users, bound, method, cost } = options;

const nameOf = (kind: string, at: number): string => `${kind}-${String(at).padStart(6, '0')}`;

await using load = await loadOf(method, cost);
await using node = await MeasuredNode.start();
const { root } = node;
await root.write(`sys/auth/${load.type}`, { type: load.type });
await root.write(`sys/auth/${load.type}/tune`, { user_lockout_config: { lockout_disable: true } });
await load.configure(root);
for (let at = 0; at < users; at += 1) await load.make(root, nameOf('user', at));

const nobody = root.with({ token: '' });
async function timeOf(name: string): Promise<number> {
  const [path, body] = load.login(name);
  const began = performance.now();
  const status = await nobody.request('PUT', path, body).then(
    (reply) => reply.status,
    (error: unknown) => (error instanceof ApiError ? error.status : undefined),
  );
  const took = performance.now() - began;
  if (status !== 400) throw new Error(`a wrong login was answered with ${String(status)}`);
  return took;
}

for (let at = 0; at < Math.min(tries, 50); at += 1) await timeOf(nameOf(at % 2 === 0 ? 'user' : 'none', at % users));
const known: number[] = [];
const unknown: number[] = [];

const over = performance.now() + options.seconds * 1_000;

/** Whose turn it is: random, until there are enough of both. */
const left = { known: tries, unknown: tries };
function next(): 'known' | 'unknown' | undefined {
  const all = left.known + left.unknown;
  if (all === 0 || (options.seconds > 0 && performance.now() > over)) return undefined;
  const kind = randomInt(all) < left.known ? 'known' : 'unknown';
  left[kind] -= 1;
  if (all % Math.ceil(tries / 50) === 0) console.error(`${String(2 * tries - all)} of ${String(2 * tries)} logins`);
  return kind;
}

async function loggingIn(): Promise<void> {
  for (let kind = next(); kind !== undefined; kind = next()) {
    const took = await timeOf(nameOf(kind === 'known' ? 'user' : 'none', randomInt(users)));
    (kind === 'known' ? known : unknown).push(took);
  }
}
await Promise.all(Array.from({ length: options['at-once'] }, loggingIn));

const { above, deviation } = ranks(known, unknown);
const deviations = (above - 0.5) / deviation;
console.log(`${String(known.length)} of users who exist:   ${shown(spread(known))}`);
console.log(`${String(unknown.length)} of users who do not: ${shown(spread(unknown))}`);
console.log(
  `of two logins the one of nobody took longer in ${(above * 100).toFixed(2)} %: ` +
    `${deviations.toFixed(2)} deviations of chance from 50 %, the bound is ${String(bound)}`,
);
keep('login-timing', { options, known: spread(known), unknown: spread(unknown), above, deviation, deviations });
if (Math.abs(deviations) > bound) {
  console.error('the time of a login tells who exists');
  process.exitCode = 1;
}
