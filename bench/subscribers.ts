/**
 * How soon every subscriber of one node has a change, and what each costs: `npm run bench:subscribers`. A server as its own
 * process (LMDB, file audit), its subscribers in this one, where the changes are made, too. Asserts nothing.
 */
import { Subscriber, type Target } from './fleet/subscriber.ts';
import { megabytes } from './measure/process.ts';
import { spread, type Spread } from './measure/statistics.ts';
import { keep, shown } from './program/figures.ts';
import { readOptions } from './program/options.ts';
import { MeasuredNode } from './servers/measured-node.ts';
import { mount } from './servers/prepare.ts';

const HELP = `Usage: npm run bench:subscribers [-- options]

  --subscribers=10000  open streams; each is a file descriptor here and in the server: raise "ulimit -n" for more
  --tokens=4           whose they are, by turns; a token may have 5,000
  --changes=20         changes of a secret that all subscribe to, one after the other
  --tls                over TLS
  --profile            leaves a CPU profile of the server in .cache/bench/

  npm run bench:subscribers
  npm run bench:subscribers -- --tls
  npm run bench:subscribers -- --subscribers=1000 --changes=100`;

const options = readOptions(HELP, { subscribers: 10_000, tokens: 4, changes: 20, tls: false, profile: false });
/** Connections that are opened at once. */
const AT_ONCE = 64;

/** Subscribers that come and go before anything is measured. */
const WARM_UP = 1_000;

const POLICY = 'path "secret/data/app/*" { capabilities = ["read", "subscribe"] }';

async function tokensOf({ root }: MeasuredNode): Promise<readonly string[]> {
  await root.write('sys/policies/acl/app', { policy: POLICY });
  const made = Array.from({ length: options.tokens }, async () => {
    const reply = await root.write('auth/token/create', { policies: ['app'], no_parent: true });
    return String((reply?.auth as { readonly client_token?: unknown } | undefined)?.client_token);
  });
  return Promise.all(made);
}

/** Counts who was told of a version, and tells when all were. */
class Telling {
  #version = 0;
  #left = 0;
  #all: (at: number) => void = () => undefined;

  readonly told = (text: string): void => {
    if (!text.startsWith('{"kind":"event"') || !text.endsWith(`"version":${String(this.#version)}}`)) return;
    this.#left -= 1;
    if (this.#left === 0) this.#all(performance.now());
  };

  /** When the last subscriber was told of that version. */
  everybody(version: number): Promise<number> {
    this.#version = version;
    this.#left = options.subscribers;
    return new Promise((resolve) => {
      this.#all = resolve;
    });
  }
}

async function subscribe(
  count: number,
  target: (at: number) => Target,
  told: (text: string) => void,
): Promise<readonly Subscriber[]> {
  const subscribers: Subscriber[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const at = next++;
      subscribers.push(await Subscriber.open(target(at), told));
      if (subscribers.length % 1_000 === 0) console.log(`${String(subscribers.length)} subscribers`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return subscribers;
}

interface Figures {
  /** Milliseconds from the write's acknowledgement until the last subscriber had it. */
  readonly reachedAll: Spread;
  /** From when the write was sent. */
  readonly sentToAll: Spread;
  readonly sentToAcknowledged: Spread;
  /** Microseconds. */
  readonly cpuPerSubscriberAndChange: number;
  /** Bytes. */
  readonly memoryPerSubscriber: number;
  readonly rssAnon: { readonly before: number; readonly after: number };
  readonly busy: number;
}

async function change({ root }: MeasuredNode, telling: Telling, version: number) {
  const all = telling.everybody(version);
  const sent = performance.now();
  await root.write('secret/data/app/db', { data: { value: 'x'.repeat(200) } });
  const acknowledged = performance.now();
  const reached = await all;
  return { toAll: reached - sent, write: acknowledged - sent, acknowledgedToAll: reached - acknowledged };
}

async function measure(): Promise<Figures> {
  await using server = await MeasuredNode.start(options.profile);
  const { urls, root, caCertText } = server;
  await mount(root);
  const tokens = await tokensOf(server);
  const telling = new Telling();
  const target = (at: number): Target => ({
    ...(options.tls ? { address: urls.tls ?? '', ca: caCertText } : { address: urls.http, ca: undefined }),
    token: tokens[at % tokens.length] ?? '',
    path: 'secret/data/app/*',
  });
  await root.write('secret/data/app/db', { data: { value: 'first' } });
  // A server that has had some traffic: what its heap grows by under any is no subscriber's.
  for (const each of await subscribe(WARM_UP, target, telling.told)) each.end();
  const before = await server.memory();
  const subscribers = await subscribe(options.subscribers, target, telling.told);
  const after = await server.memory();
  await change(server, telling, 2);
  const { cpu } = server;
  const start = performance.eventLoopUtilization();
  const told = [];
  for (let at = 0; at < options.changes; at += 1) told.push(await change(server, telling, at + 3));
  const { utilization } = performance.eventLoopUtilization(start);
  const spent = server.cpu - cpu;
  for (const subscriber of subscribers) subscriber.end();
  return {
    reachedAll: spread(told.map(({ acknowledgedToAll }) => acknowledgedToAll)),
    sentToAll: spread(told.map(({ toAll }) => toAll)),
    sentToAcknowledged: spread(told.map(({ write }) => write)),
    cpuPerSubscriberAndChange: spent / options.changes / options.subscribers,
    memoryPerSubscriber: (after.anonymous - before.anonymous) / options.subscribers,
    rssAnon: { before: before.anonymous, after: after.anonymous },
    busy: utilization,
  };
}

function report({ rssAnon, ...figures }: Figures): void {
  console.log(`${String(options.subscribers)} subscribers${options.tls ? ' over TLS' : ''}`);
  console.log(`acknowledged → all have it   ${shown(figures.reachedAll)}`);
  console.log(`sent → all have it           ${shown(figures.sentToAll)}`);
  console.log(`sent → acknowledged          ${shown(figures.sentToAcknowledged)}`);
  console.log(`server: ${figures.cpuPerSubscriberAndChange.toFixed(1)} µs of CPU a subscriber and change`);
  console.log(
    `server: ${(figures.memoryPerSubscriber / 1024).toFixed(1)} kB a subscriber (RssAnon ${megabytes(rssAnon.before)} → ${megabytes(rssAnon.after)} MB)`,
  );
  console.log(`the subscribers were busy ${(figures.busy * 100).toFixed(0)} % of the time`);
}

const figures = await measure();
report(figures);
keep(options.tls ? 'subscribers-tls' : 'subscribers', { options, ...figures });
