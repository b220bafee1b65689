/**
 * What a node costs with few and with many secrets and tokens: `npm run bench:growth [-- options]`. Fills two data
 * directories (kept outside of the checkout for the next time), starts a server on each and asks both in turn. Prints a
 * table and writes .cache/bench/growth.json. Asserts nothing.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { filled, secretPath, type Filling } from './growth/fill.ts';
import { start, type Load, type Memory, type Running } from './growth/server.ts';

const USAGE = `Usage: npm run bench:growth [-- options]

  --secrets=<n>       Secrets of 200 bytes in the larger directory; 1,000,000.
  --tokens=<n>        Tokens in the larger directory; as many as secrets.
  --small=<n>         Secrets and tokens in the smaller one; 1,000.
  --connections=<n>   Connections of the load; 16.
  --rounds=<n>        Rounds of each load, the two servers in turn; 5.
  --seconds=<n>       Length of a round; 4.
  --only=<text>       Only the loads whose name has this: read, list, lookup.
  --folder=<path>     Where the filled directories lie; ~/.cache/lockstep-test/growth. A million of each takes 5 GB.
  --refill            Fill anew what is there already.
`;

const { values } = parseArgs({
  options: {
    secrets: { type: 'string', default: '1000000' },
    tokens: { type: 'string' },
    small: { type: 'string', default: '1000' },
    connections: { type: 'string', default: '16' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    only: { type: 'string', default: '' },
    folder: { type: 'string', default: join(homedir(), '.cache/lockstep-test/growth') },
    refill: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** How long the idle server is watched. */
const IDLE_SECONDS = 10;
const LOOK_MS = 200;

const header = (token: string): string => `["X-Vault-Token"] = "${token}"`;
const random = (count: number): string => `math.randomseed(os.time()); local count = ${String(count)}`;

/** Random secrets, one token. */
const reads = ({ filled: { secrets, token } }: Running): string => `${random(secrets)}
request = function()
  local at = math.random(0, count - 1)
  local path = string.format("/v1/secret/data/app-%06d/secret-%03d", math.floor(at / 1000), at % 1000)
  return wrk.format("GET", path, {${header(token)}})
end`;

/** A folder of 1,000 names. */
const lists = ({ filled: { token } }: Running): string =>
  `request = function() return wrk.format("GET", "/v1/secret/metadata/app-000000/?list=true", {${header(token)}}) end`;

/** Random tokens, each looks itself up. */
const lookups = ({ filled: { tokens } }: Running): string => `${random(tokens)}
request = function()
  local token = string.format("hvs.growth%018d", math.random(0, count - 1))
  return wrk.format("GET", "/v1/auth/token/lookup-self", {["X-Vault-Token"] = token})
end`;

const loads = { 'read of a secret': reads, 'list of 1,000 names': lists, 'token lookup-self': lookups } as const;

const middle = (all: readonly number[]): number => all.toSorted((a, b) => a - b)[all.length >> 1] ?? Number.NaN;

interface Figures {
  readonly secrets: number;
  readonly tokens: number;
  readonly fileMegabytes: number;
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
  readonly loads: Record<string, Load[]>;
}

async function counted(server: Running): Promise<Pick<Figures, 'countedMs' | 'countedCpuMs'>> {
  const before = server.cpu();
  const began = performance.now();
  const known = async (): Promise<boolean> =>
    /^vault_token_count \d/m.test(await server.get('/v1/sys/metrics?format=prometheus'));
  while (!(await known())) await setTimeout(LOOK_MS);
  return { countedMs: performance.now() - began, countedCpuMs: (server.cpu() - before) / 1_000 };
}

async function begin(filling: Filling): Promise<{ readonly server: Running; readonly figures: Figures }> {
  const data = await filled(values.folder, filling, values.refill);
  const firstRead = `/v1/secret/data/${secretPath(filling.secrets - 1)}`;
  const server = await start({ filled: data, firstRead, connections: Number(values.connections) });
  const afterUnseal = server.memory();
  const before = server.cpu();
  await setTimeout(IDLE_SECONDS * 1_000);
  const idleCpuMs = (server.cpu() - before) / 1_000;
  const figures = {
    ...filling,
    fileMegabytes: data.bytes / 1024 ** 2,
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
  const seconds = Number(values.seconds);
  for (const [name, script] of Object.entries(loads).filter(([name]) => name.includes(values.only))) {
    // The first is not counted: the engine compiles what is run often.
    for (let round = 0; round <= Number(values.rounds); round += 1) {
      for (const { server, figures } of parts) {
        const load = await server.load(script(server), seconds);
        if (round > 0) (figures.loads[name] ??= []).push(load);
      }
    }
    for (const { server, figures } of parts) figures.afterLoads = server.memory();
  }
}

const whole = (value: number): string => Math.round(value).toLocaleString('en');
const memory = ({ rssAnon, rssFile }: Memory): string => `${whole(rssAnon)} + ${whole(rssFile)} MB`;

function row(name: string, cells: readonly string[]): void {
  console.log(`${name.padEnd(46)}${cells.map((cell) => cell.padStart(20)).join('')}`);
}

function show(all: readonly Figures[]): void {
  const each = (name: string, of: (figures: Figures) => string): void => row(name, all.map(of));
  each('secrets', ({ secrets }) => whole(secrets));
  each('tokens', ({ tokens }) => whole(tokens));
  each('data file', ({ fileMegabytes }) => `${whole(fileMegabytes)} MB`);
  each('start of the process until it listens', ({ listeningMs }) => `${whole(listeningMs)} ms`);
  each('unseal request until the first read', ({ readyMs }) => `${whole(readyMs)} ms`);
  each('RssAnon + RssFile right after', ({ afterUnseal }) => memory(afterUnseal));
  each(`CPU of the idle server in ${String(IDLE_SECONDS)} s`, ({ idleCpuMs }) => `${whole(idleCpuMs)} ms`);
  each('RssAnon + RssFile idle', ({ idle }) => memory(idle));
  each('first scrape until tokens are counted', ({ countedMs }) => `${whole(countedMs)} ms`);
  each('  CPU of that', ({ countedCpuMs }) => `${whole(countedCpuMs)} ms`);
  for (const name of Object.keys(all[0]?.loads ?? {})) {
    const of = ({ loads }: Figures): readonly Load[] => loads[name] ?? [];
    const cpu = (figures: Figures): number => middle(of(figures).map((load) => load.cpu));
    const [small, large] = all.map(cpu);
    row(`CPU of a ${name}`, [
      ...all.map((figures) => `${cpu(figures).toFixed(1)} µs`),
      `× ${((large ?? Number.NaN) / (small ?? Number.NaN)).toFixed(2)}`,
    ]);
    each(`  page faults of each`, (figures) => middle(of(figures).map(({ faults }) => faults)).toFixed(2));
    each(`  requests/s`, (figures) => whole(middle(of(figures).map(({ perSecond }) => perSecond))));
    each(`  requests counted`, (figures) => whole(of(figures).reduce((sum, { requests }) => sum + requests, 0)));
  }
  each('RssAnon + RssFile after the loads', ({ afterLoads }) => (afterLoads === undefined ? '' : memory(afterLoads)));
}

async function main(): Promise<void> {
  const secrets = Number(values.secrets);
  const small = Number(values.small);
  const few = await begin({ secrets: small, tokens: small });
  await using _few = few.server;
  const many = await begin({ secrets, tokens: Number(values.tokens ?? secrets) });
  await using _many = many.server;
  const parts = [few, many];
  await askInTurn(parts);
  const figures = parts.map((part) => part.figures);
  show(figures);
  const results = join(import.meta.dirname, '../.cache/bench');
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, 'growth.json'), `${JSON.stringify(figures, undefined, 2)}\n`);
}

if (values.help) process.stdout.write(USAGE);
else await main();
