/**
 * How soon every region has a change: `npm run bench:regions`. A hub as its own process (LMDB, file audit), its regions
 * all in this one: each the region's own code, enrolled with a join token, over mutual TLS, into a copy in memory. The
 * writer is here too, so that one clock tells when the hub acknowledged a write and when each region's copy had it.
 * Asserts nothing.
 */
import { DelayedLink } from '../src/cli/up/delayed-link.ts';
import { parseAddress } from '../src/config/address.ts';
import { decodeIndex } from '../src/core/freshness.ts';
import { decodeJoinToken } from '../src/regions/join-token.ts';
import { Follower } from './fleet/follower.ts';
import { megabytes } from './measure/process.ts';
import { spread, type Spread } from './measure/statistics.ts';
import { keep, shown } from './program/figures.ts';
import { readOptions } from './program/options.ts';
import { MeasuredNode } from './servers/measured-node.ts';
import { mount } from './servers/prepare.ts';

const HELP = `Usage: npm run bench:regions [-- options]

  --regions=50       regions that follow the hub
  --rate=200         KV writes a second, at even distances whatever the answers take
  --seconds=20       how long it is written
  --warm-up=3        seconds of writes before those that count
  --round-trip=0     milliseconds; bytes between hub and regions are held back for half of it each way
  --apart            each region has a filter of its own; without it all have the same
  --profile          leaves a CPU profile of the hub in .cache/bench/

  npm run bench:regions
  npm run bench:regions -- --regions=10 --rate=500 --seconds=10
  npm run bench:regions -- --round-trip=80`;

const options = readOptions(HELP, {
  regions: 50,
  rate: 200,
  seconds: 20,
  'warm-up': 3,
  'round-trip': 0,
  apart: false,
  profile: false,
});

interface Written {
  readonly sequence: number;
  readonly sent: number;
  readonly acknowledged: number;
}

/** Writes at even distances; gives each write with its place in the hub's log, in the log's order. */
async function write({ root }: MeasuredNode, seconds: number): Promise<readonly Written[]> {
  const value = 'x'.repeat(200);
  const count = options.rate * seconds;
  const started = performance.now();
  const one = async (at: number): Promise<Written> => {
    const sent = performance.now();
    const { index = '' } = await root.request('POST', `secret/data/shared/${String(at % 1_000)}`, {
      data: { value },
    });
    const [position] = Object.values(decodeIndex(index) ?? {});
    return { sent, acknowledged: performance.now(), sequence: position?.sequence ?? Number.NaN };
  };
  const writes: Promise<Written>[] = [];
  while (writes.length < count) {
    const due = Math.min(count, Math.floor(((performance.now() - started) / 1_000) * options.rate) + 1);
    while (writes.length < due) writes.push(one(writes.length));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const written = await Promise.all(writes);
  return written.sort((a, b) => a.sequence - b.sequence);
}

/** A region that only learns where the hub listens for regions would need no enrolment; the token says it. */
async function linkTo({ root }: MeasuredNode): Promise<DelayedLink | undefined> {
  if (options['round-trip'] === 0) return undefined;
  const added = await root.write('sys/regions/probe', { paths: [] });
  const { join_token: token } = (added?.data ?? {}) as { readonly join_token?: unknown };
  await root.delete('sys/regions/probe');
  return DelayedLink.open(parseAddress(decodeJoinToken(String(token)).hub), options['round-trip'] / 2);
}

async function join(
  hub: MeasuredNode,
  link: DelayedLink | undefined,
  stack: AsyncDisposableStack,
): Promise<Follower[]> {
  const regions: Follower[] = [];
  for (let at = 0; at < options.regions; at += 1) {
    const paths = options.apart ? ['secret/shared/', `secret/own-${String(at)}/`] : ['secret/shared/'];
    const region = stack.use(await Follower.join(hub.root, `region-${String(at)}`, paths, link));
    await region.reached(0);
    regions.push(region);
  }
  return regions;
}

/** Milliseconds from what `since` gives to the moment when a region's copy had the write, of all pairs. */
function delays(writes: readonly Written[], regions: readonly Follower[], since: (write: Written) => number): number[] {
  const sequences = writes.map(({ sequence }) => sequence);
  return regions.flatMap((region) =>
    [...region.appliedAt(sequences)].map((at, write) => at - since(writes[write] as Written)),
  );
}

interface Figures {
  readonly commitToApplied: Spread;
  readonly sentToApplied: Spread;
  readonly sentToAcknowledged: Spread;
  /** Milliseconds. */
  readonly hubCpuPerWrite: number;
  /** Bytes. */
  readonly hubRssAnon: { readonly alone: number; readonly after: number };
  /** The share of the time in which the writer and the regions had work: near 1, they are what is measured. */
  readonly busy: number;
}

async function measure(): Promise<Figures> {
  await using stack = new AsyncDisposableStack();
  const hub = stack.use(await MeasuredNode.start(options.profile));
  await mount(hub.root);
  const alone = await hub.memory();
  const link = await linkTo(hub);
  if (link !== undefined) stack.use(link);
  const regions = await join(hub, link, stack);
  console.log(`${String(regions.length)} regions follow the hub; writing for ${String(options.seconds)} s`);
  await write(hub, options['warm-up']);
  const before = hub.cpu;
  const start = performance.eventLoopUtilization();
  const writes = await write(hub, options.seconds);
  const { utilization } = performance.eventLoopUtilization(start);
  const last = writes.at(-1)?.sequence ?? 0;
  await Promise.all(regions.map((region) => region.reached(last)));
  const cpu = hub.cpu - before;
  return {
    commitToApplied: spread(delays(writes, regions, ({ acknowledged }) => acknowledged)),
    sentToApplied: spread(delays(writes, regions, ({ sent }) => sent)),
    sentToAcknowledged: spread(writes.map(({ sent, acknowledged }) => acknowledged - sent)),
    hubCpuPerWrite: cpu / 1_000 / writes.length,
    hubRssAnon: { alone: alone.anonymous, after: (await hub.memory()).anonymous },
    busy: utilization,
  };
}

function report({ hubRssAnon, ...figures }: Figures): void {
  const { regions, rate, 'round-trip': roundTrip } = options;
  console.log(`${String(regions)} regions, ${String(rate)} writes/s, round trip ${String(roundTrip)} ms`);
  console.log(`acknowledged → applied   ${shown(figures.commitToApplied)}`);
  console.log(`sent → applied           ${shown(figures.sentToApplied)}`);
  console.log(`sent → acknowledged      ${shown(figures.sentToAcknowledged)}`);
  console.log(`hub: ${figures.hubCpuPerWrite.toFixed(2)} ms of CPU a write`);
  console.log(`hub: RssAnon ${megabytes(hubRssAnon.alone)} MB alone, ${megabytes(hubRssAnon.after)} MB afterwards`);
  console.log(`writer and regions were busy ${(figures.busy * 100).toFixed(0)} % of the time`);
}

const figures = await measure();
report(figures);
keep('regions', { options, ...figures });
