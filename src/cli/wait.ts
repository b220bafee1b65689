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

/** Seconds of one question; the server answers earlier when all are there. */
const slice = 5;
const defaultTimeout = 60;
const pauseMs = 100;

const usageCode = 2;

export const wait = command({
  summary: 'Wait until a change has arrived everywhere',
  description:
    'Everywhere is every region and every registered consumer. Who is missing is named on standard error as it changes. ' +
    'The exit code is 0 when all have acknowledged, 1 when not within -timeout or on an error, 2 for a wrong command line.',
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
    const state = await waitFor(context, values.index, timeout);
    const reached = state['reached'] === true;
    const missing = missingOf(state);
    await context.out.value(state, () =>
      reached ? 'Success! Everyone has acknowledged.' : lateNote(missing, timeout),
    );
    return reached ? exit.ok : exit.local;
  },
});

async function waitFor(context: Context, index: string | undefined, timeout: number): Promise<Data> {
  const end = performance.now() + timeout * 1000;
  let target = index;
  let told = '';
  for (;;) {
    const left = Math.max(0, (end - performance.now()) / 1000);
    const seconds = Math.min(slice, Math.ceil(left));
    const which = target === undefined ? { latest: true } : { index: target };
    const state = await ask(context, { ...which, timeout: `${seconds}s` }, seconds);
    if (state['reached'] === true || left <= slice) return state;
    // The first answer fixes the index: "latest" is that of the start.
    if (typeof state['index'] === 'string') target = state['index'];
    const missing = missingOf(state).join(', ');
    if (missing !== told) context.out.note(`Waiting for ${missing === '' ? 'an acknowledgement' : missing}`);
    told = missing;
    // A server that does not hold the question open must not be asked in a circle.
    await sleep(pauseMs);
  }
}

async function ask(context: Context, body: Data, seconds: number): Promise<Data> {
  const timeoutMs = (seconds + context.config.timeout) * 1000;
  const work = context.client.write('sys/wait', body, { replay: 'safe', timeoutMs });
  return (await during('Error waiting', work, exit.local))?.data ?? {};
}

/** `missing` holds names, or objects with a name, a kind and a region. */
function missingOf(state: Data): readonly string[] {
  const missing = state['missing'];
  if (!Array.isArray(missing)) return [];
  return missing.map((one: unknown) => {
    if (!isObject(one)) return toText(one);
    const { kind, name = one['id'], region, reason } = one;
    const words = [kind, name].filter((word) => word !== undefined).map(toText);
    const place = region === undefined ? '' : ` in ${toText(region)}`;
    return `${words.join(' ')}${place}${reason === undefined ? '' : ` (${toText(reason)})`}`;
  });
}

function lateNote(missing: readonly string[], timeout: number): string {
  const names = missing.length === 0 ? ['the server named nobody'] : missing;
  return `Not everywhere within ${timeout}s. Missing:\n${names.map((name) => `  ${name}`).join('\n')}`;
}
