/**
 * What a node costs with few and with many secrets and tokens: `npm run bench:growth [-- options]`. Fills two data
 * directories (kept outside of the checkout for the next time), starts a server on each and asks both in turn. Prints a
 * table and writes .cache/bench/growth.json. Asserts nothing.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { filled, secretPath, tokenId, type Filling } from './growth/fill.ts';
import { start, type Costs, type Running } from './growth/server.ts';
import type { Load } from './load/loads.ts';
import { withoutWrk } from './load/wrk.ts';
import type { Memory } from './measure/process.ts';
import { median } from './measure/statistics.ts';
import { keep } from './program/figures.ts';
import { readOptions } from './program/options.ts';

const HELP = `Usage: npm run bench:growth [-- options]

  --secrets=1000000  secrets of 200 bytes in the larger directory
  --tokens=0         tokens in the larger directory; 0: as many as secrets
  --small=1000       secrets and tokens in the smaller one
  --connections=16   connections of the load
  --rounds=5         rounds of each load, the two servers in turn
  --seconds=4        length of a round
  --only=            only the loads whose name has this: read, list, lookup
  --folder=          where the filled directories lie, by default ~/.cache/lockstep-test/growth; a million of each take 5 GB
  --refill           fills anew what is there already`;

const options = readOptions(HELP, {
  secrets: 1_000_000,
  tokens: 0,
  small: 1_000,
  connections: 16,
  rounds: 5,
  seconds: 4,
  only: '',
  folder: join(homedir(), '.cache/lockstep-test/growth'),
  refill: false,
});

/** How long the idle server is watched. */
const IDLE_SECONDS = 10;
const LOOK_MS = 200;

/** By what the server was filled with. */
const loads: Readonly<Record<string, (filling: Filling) => Load['request']>> = {
  'read of a secret':
    ({ secrets }) =>
    ({ token }, draw) => ({ method: 'GET', path: `secret/data/${secretPath(draw % secrets)}`, token }),
  'list of 1,000 names':
    () =>
    ({ token }) => ({ method: 'GET', path: 'secret/metadata/app-000000/?list=true', token }),
  'token lookup-self':
    ({ tokens }) =>
    (_access, draw) => ({ method: 'GET', path: 'auth/token/lookup-self', token: tokenId(draw % tokens) }),
};

interface Figures {
  readonly secrets: number;
  readonly tokens: number;
  readonly fileBytes: number;
  readonly fillSeconds: number;
  readonly listeningMs: number;
  readonly readyMs: number;
  readonly afterUnseal: Memory;
  /** CPU that the idle server takes in the 10 s after the first read, milliseconds. */
  readonly idleCpuMs: number;
  readonly idle: Memory;
  /** From the first scrape of the metrics until they show the number of tokens; milliseconds, and of CPU. */
  readonly countedMs: number;
  readonly countedCpuMs: number;
  afterLoads?: Memory;
  readonly loads: Record<string, Costs[]>;
}

async function counted(server: Running): Promise<Pick<Figures, 'countedMs' | 'countedCpuMs'>> {
  const before = server.cpu();
  const began = performance.now();
  const known = async (): Promise<boolean> => /^vault_token_count \d/m.test(await server.metrics());
  while (!(await known())) await setTimeout(LOOK_MS);
  return { countedMs: performance.now() - began, countedCpuMs: (server.cpu() - before) / 1_000 };
}

async function begin(filling: Filling): Promise<{ readonly server: Running; readonly figures: Figures }> {
  const data = await filled(options.folder, filling, options.refill);
  const firstRead = `secret/data/${secretPath(filling.secrets - 1)}`;
  const server = await start({ filled: data, firstRead, connections: options.connections });
  const afterUnseal = server.memory();
  const before = server.cpu();
  await setTimeout(IDLE_SECONDS * 1_000);
  const idleCpuMs = (server.cpu() - before) / 1_000;
  const figures = {
    ...filling,
    fileBytes: data.bytes,
    fillSeconds: data.seconds,
    listeningMs: server.listening,
    readyMs: server.ready,
    ...{ afterUnseal, idleCpuMs, idle: server.memory() },
    ...(await counted(server)),
    loads: {},
  };
  return { server, figures };
}

async function askInTurn(parts: readonly { readonly server: Running; readonly figures: Figures }[]): Promise<void> {
  const { rounds, seconds, only } = options;
  for (const [title, requestOf] of Object.entries(loads).filter(([title]) => title.includes(only))) {
    // The first is not counted: the engine compiles what is run often.
    for (let round = 0; round <= rounds; round += 1) {
      for (const { server, figures } of parts) {
        const costs = await server.load({ title, request: requestOf(server.filled) }, { seconds, seed: round });
        if (round > 0) (figures.loads[title] ??= []).push(costs);
      }
    }
    for (const { server, figures } of parts) figures.afterLoads = server.memory();
  }
}

const whole = (value: number): string => Math.round(value).toLocaleString('en');
const mebibytes = (bytes: number): string => whole(bytes / 1024 ** 2);
const memory = ({ anonymous, file }: Memory): string => `${mebibytes(anonymous)} + ${mebibytes(file)} MB`;

function row(name: string, cells: readonly string[]): void {
  console.log(`${name.padEnd(46)}${cells.map((cell) => cell.padStart(20)).join('')}`);
}

function show(all: readonly Figures[]): void {
  const each = (name: string, of: (figures: Figures) => string): void => row(name, all.map(of));
  each('secrets', ({ secrets }) => whole(secrets));
  each('tokens', ({ tokens }) => whole(tokens));
  each('data file', ({ fileBytes }) => `${mebibytes(fileBytes)} MB`);
  each('start of the process until it listens', ({ listeningMs }) => `${whole(listeningMs)} ms`);
  each('unseal request until the first read', ({ readyMs }) => `${whole(readyMs)} ms`);
  each('RssAnon + RssFile right after', ({ afterUnseal }) => memory(afterUnseal));
  each(`CPU of the idle server in ${String(IDLE_SECONDS)} s`, ({ idleCpuMs }) => `${whole(idleCpuMs)} ms`);
  each('RssAnon + RssFile idle', ({ idle }) => memory(idle));
  each('first scrape until tokens are counted', ({ countedMs }) => `${whole(countedMs)} ms`);
  each('  CPU of that', ({ countedCpuMs }) => `${whole(countedCpuMs)} ms`);
  for (const name of Object.keys(all[0]?.loads ?? {})) {
    const of = ({ loads }: Figures): readonly Costs[] => loads[name] ?? [];
    const cpu = (figures: Figures): number => median(of(figures).map((load) => load.cpu));
    const [small, large] = all.map(cpu);
    row(`CPU of a ${name}`, [
      ...all.map((figures) => `${cpu(figures).toFixed(1)} µs`),
      `× ${((large ?? Number.NaN) / (small ?? Number.NaN)).toFixed(2)}`,
    ]);
    each(`  page faults of each`, (figures) => median(of(figures).map(({ faults }) => faults)).toFixed(2));
    each(`  requests/s`, (figures) => whole(median(of(figures).map(({ perSecond }) => perSecond))));
    each(`  requests counted`, (figures) => whole(of(figures).reduce((sum, { requests }) => sum + requests, 0)));
  }
  each('RssAnon + RssFile after the loads', ({ afterLoads }) => (afterLoads === undefined ? '' : memory(afterLoads)));
}

async function measure(): Promise<readonly Figures[]> {
  const { secrets, tokens, small } = options;
  const few = await begin({ secrets: small, tokens: small });
  await using _few = few.server;
  const many = await begin({ secrets, tokens: tokens === 0 ? secrets : tokens });
  await using _many = many.server;
  const parts = [few, many];
  await askInTurn(parts);
  return parts.map(({ figures }) => figures);
}

const missing = await withoutWrk();
if (missing !== undefined) throw new Error(missing);
const figures = await measure();
show(figures);
keep('growth', { options, figures });
