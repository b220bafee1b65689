/**
 * `lockstep wait`: until every region and every registered consumer has acknowledged an index. It asks `sys/wait` for a few
 * seconds at a time, so that it can say meanwhile who is missing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isObject } from '../client/json.ts';
import { command } from './command.ts';
import type { Context } from './context.ts';
import { during, exit } from './errors.ts';
import { flag, UsageError } from './flags.ts';
import { toText } from './go-format.ts';
import type { Data } from './pairs.ts';
import { lackText, memberText, Roster, type WaitAnswer } from './wait-roster.ts';

/** Seconds of one question; the server answers earlier when all are there. */
const slice = 5;
const defaultTimeout = 60;
const pauseMs = 100;
const usageCode = 2;

export const wait = command({
  summary: 'Wait until a change has arrived everywhere',
  description:
    'Everywhere is every region and every registered consumer, as they are when the wait starts; nobody at all is no ' +
    'success. Who is missing is named on standard error as it changes. The exit code is 0 when all have acknowledged, 1 ' +
    'when not within -timeout or on an error, 2 for a wrong command line.',
  flags: {
    index: flag.text('The index to wait for, as a reply gave it in X-Vault-Index.', { value: 'index' }),
    latest: flag.boolean('Wait for the newest index of the hub, as of now.'),
    timeout: flag.duration(`How long to wait; default ${defaultTimeout}s.`),
  },
  output: 'format',
  usageCode,
  examples: [
    { note: 'Write, then wait until it is everywhere:', line: 'wait -latest' },
    { note: 'Wait longer, for a known index:', line: 'wait -index=eyJo -timeout=10m' },
  ],
  run: async (context, { values }) => {
    if ((values.index === undefined) === (values.latest !== true)) {
      throw new UsageError('Give either -latest or -index');
    }
    const timeout = values.timeout ?? defaultTimeout;
    if (timeout < 0) throw new UsageError('invalid value for flag -timeout: it must not be negative');
    const answer = await waitFor(context, values.index, timeout);
    await context.out.value(structOf(answer), () => conclusion(answer, timeout));
    return answer.state === 'done' ? exit.ok : exit.local;
  },
});

async function waitFor(context: Context, index: string | undefined, timeout: number): Promise<WaitAnswer> {
  const end = performance.now() + timeout * 1000;
  const roster = new Roster();
  let which: Data = index === undefined ? { latest: true } : { index };
  // The first question fixes the index and who counts; it is not held open, so that they are named at once.
  let seconds = 0;
  let told = '';
  for (;;) {
    const answer = roster.judge(await ask(context, which, seconds));
    const left = (end - performance.now()) / 1000;
    if (answer.state !== 'missing' || left <= 0) return answer;
    which = index === undefined ? { index: toText(answer.index) } : which;
    const missing = answer.missing.map(memberText).join(', ');
    if (missing !== told) context.out.note(`Waiting for ${missing}`);
    told = missing;
    seconds = Math.min(slice, Math.ceil(left));
    // A server that does not hold the question open must not be asked in a circle.
    await sleep(pauseMs);
  }
}

async function ask(context: Context, which: Data, seconds: number): Promise<Data> {
  const timeoutMs = (seconds + context.config.timeout) * 1000;
  const work = context.client.write('sys/wait', { ...which, timeout: `${seconds}s` }, { replay: 'safe', timeoutMs });
  const data = (await during('Error waiting', work, exit.local))?.data;
  return isObject(data) ? data : {};
}

function structOf({ state, index, acknowledged, missing, released }: WaitAnswer): ReadonlyMap<string, unknown> {
  return new Map<string, unknown>(Object.entries({ state, index, acknowledged, missing, released }));
}

function conclusion({ state, acknowledged, missing, released }: WaitAnswer, timeout: number): string {
  const gone = released.map((member) => `  ${lackText(member)}`);
  const left = gone.length === 0 ? [] : ['No longer counted:', ...gone];
  const counted = acknowledged.length;
  if (state === 'done') return [`Success! All ${counted} have acknowledged.`, ...left].join('\n');
  if (state === 'nobody') return ['Nobody is there to acknowledge it: no region, no consumer.', ...left].join('\n');
  const names = missing.map((member) => `  ${lackText(member)}`);
  return [`Not everywhere within ${timeout}s. Missing:`, ...names, ...left].join('\n');
}
