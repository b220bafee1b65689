/**
 * External Secrets on a real API server: `npm run bench:external-secrets [-- options]`. How fast the controller makes all
 * Secrets, what it holds in memory then and beside Secrets that are none of its own, how many requests it sent for each, and how long a change at the
 * store takes until it is in the Secret. Needs Go, or a control plane in KUBEBUILDER_ASSETS. With External Secrets Operator in ESO_BIN, how fast
 * that makes them too, on a control plane and a store of the same kind, before.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { externalSecret } from '../src/controllers/external-secret/definition.ts';
import { MANAGED } from '../src/controllers/external-secret/ownership.ts';
import { KubernetesApi } from '../src/kube/api.ts';
import { Informer } from '../src/kube/informer.ts';
import { readKubeconfig } from '../src/kube/kubeconfig.ts';
import { coreKind, Objects, type KubernetesObject } from '../src/kube/objects.ts';
import { startCluster, type KubernetesCluster } from '../test/kubernetes/support/cluster.ts';
import { applyManifests } from '../test/kubernetes/support/controllers.ts';
import { create, projectedToken } from '../test/kubernetes/support/service-accounts.ts';
import { cpuTime, megabytes, memoryOf, type Memory } from './measure/process.ts';
import { spread } from './measure/statistics.ts';
import { keep, shown } from './program/figures.ts';
import { readOptions } from './program/options.ts';
import { installed } from './servers/installed.ts';
import { MeasuredNode } from './servers/measured-node.ts';
import { Program } from './servers/program.ts';

const HELP = `Usage: npm run bench:external-secrets [-- options]

  --objects=5000     ExternalSecrets, in fifty namespaces, each with a secret of its own
  --foreign=20000    Secrets of 10 kB that are nobody's
  --concurrent=16    ExternalSecrets that the controller looks at at once, its default
  --rate=20          changes at the store a second
  --changes=1200     of them
  --profile          leaves a CPU profile of the controller in .cache/bench/

With the path of an \`external-secrets\` binary in ESO_BIN, it is measured first: 20 workers, 1,000 requests a second allowed.`;

const options = readOptions(HELP, {
  objects: 5_000,
  foreign: 20_000,
  concurrent: 16,
  rate: 20,
  changes: 1_200,
  profile: false,
});
const { objects, foreign, concurrent, rate, changes, profile } = options;
const NAMESPACES = 50;
const PARALLEL = 16;

const secretKind = coreKind('Secret', 'secrets');
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const namespaceOf = (at: number): string => `team-${String(at % NAMESPACES)}`;
const nameOf = (at: number): string => `app-${String(at)}`;

/** All of them, so many at a time. */
async function all(count: number, what: string, each: (at: number) => Promise<unknown>): Promise<void> {
  const queue = Array.from({ length: count }, (_, at) => at).values();
  const line = async (): Promise<void> => {
    for (const at of queue) {
      await each(at);
      if ((at + 1) % 5_000 === 0) console.error(`${String(at + 1)} of ${String(count)} ${what}`);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, line));
}

/** As which the store is named to a controller: External Secrets Operator knows it as Vault. */
type Provider = 'lockstep' | 'vault';

async function prepare({ cluster, api, node }: Setting, provider: Provider): Promise<void> {
  for (let at = 0; at < NAMESPACES; at += 1) {
    await create(cluster, '/api/v1/namespaces', { metadata: { name: `team-${String(at)}` } });
  }
  await create(cluster, '/api/v1/namespaces', { metadata: { name: 'lockstep-system' } });
  await applyManifests(cluster);
  await node.root.write('sys/mounts/kv', { type: 'kv', options: { version: '2' } });
  await node.root.write('sys/policies/acl/read', {
    policy: 'path "kv/*" { capabilities = ["read", "list", "subscribe"] }',
  });
  const made = await node.root.write('auth/token/create', { policies: ['read'], no_parent: true, ttl: '24h' });
  const { client_token: token = '' } = (made?.auth ?? {}) as { readonly client_token?: string };
  await create(cluster, '/api/v1/namespaces/lockstep-system/secrets', {
    ...{ metadata: { name: 'token' }, data: { token: base64(token) } },
  });
  const auth = { tokenSecretRef: { namespace: 'lockstep-system', name: 'token', key: 'token' } };
  await served(() =>
    create(cluster, '/apis/external-secrets.io/v1/clustersecretstores', {
      ...{ apiVersion: 'external-secrets.io/v1', kind: 'ClusterSecretStore', metadata: { name: 'ours' } },
      spec: { provider: { [provider]: { server: node.urls.http, path: 'kv', auth } } },
    }),
  );
  await all(objects, 'secrets', (at) => change(node, at, 0));
  const externalSecrets = new Objects<KubernetesObject>(api, externalSecret);
  await served(() => externalSecrets.list({ namespace: 'team-0' }));
  await all(objects, 'ExternalSecrets', (at) => externalSecrets.create(externalSecretAt(at)));
  await followed(api);
}

/**
 * Resolves once the cluster's own controllers watch ExternalSecrets, which they begin half a minute after a kind was defined (those of quotas and of
 * garbage share a watch): until then the garbage collector asks for the owner of each Secret.
 */
async function followed(api: KubernetesApi): Promise<void> {
  const watch = /^apiserver_longrunning_requests\{[^}]*resource="externalsecrets"[^}]*verb="WATCH"[^}]*\} [1-9]/m;
  for (let left = 120; !watch.test(await api.text('/metrics')); left -= 1) {
    if (left === 0) throw new Error("the cluster's own controllers do not watch ExternalSecrets");
    await delay(1_000);
  }
}

/** A kind is served some time after its definition was made. */
async function served(ask: () => Promise<unknown>): Promise<void> {
  for (let left = 100; ; left -= 1) {
    try {
      await ask();
      return;
    } catch (error) {
      if (left === 0) throw error;
      await delay(100);
    }
  }
}

const change = (node: MeasuredNode, at: number, round: number): Promise<unknown> =>
  node.root.write(`kv/data/${nameOf(at)}`, {
    data: { user: nameOf(at), password: `${'x'.repeat(40)}-${String(round)}` },
  });

const externalSecretAt = (at: number): KubernetesObject => ({
  ...{ apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret' },
  metadata: { namespace: namespaceOf(at), name: nameOf(at) },
  ...{
    spec: {
      ...{ secretStoreRef: { kind: 'ClusterSecretStore', name: 'ours' }, refreshInterval: '1h' },
      dataFrom: [{ extract: { key: nameOf(at) } }],
    },
  },
});

/** Those that the controller manages: told of each change. */
class Made {
  readonly #informer: Informer<KubernetesObject>;
  readonly #waiting = new Map<string, () => void>();

  constructor(api: KubernetesApi) {
    const labelSelector = `${MANAGED}=true`;
    this.#informer = new Informer(api, secretKind, { metadataOnly: true, labelSelector });
    this.#informer.onChange((key) => {
      this.#waiting.get(key)?.();
      this.#waiting.delete(key);
    });
  }

  /** Resolves once what it knows is current. */
  async begin(signal: AbortSignal): Promise<void> {
    void this.#informer.run(signal);
    await this.#informer.synced;
  }

  next(at: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.set(`${namespaceOf(at)}/${nameOf(at)}`, resolve);
    });
  }
}

const startController = (kubeconfig: string): Promise<Program> =>
  Program.start({
    ...program(),
    args: [
      ...program().args,
      ...['controller', `-kubeconfig=${kubeconfig}`, `-concurrent=${String(concurrent)}`],
      ...['-metrics-addr=0', '-live-addr=0'],
    ],
    ready: /the cluster is listed/,
  });

/** Lockstep's, by itself, or as it starts it, with a profile. */
function program(): { readonly command: string; readonly args: readonly string[] } {
  const { executable, controllerFlags, main } = installed();
  if (!profile) return { command: executable, args: [] };
  const profiled = ['--cpu-prof', '--cpu-prof-dir=.cache/bench'];
  return { command: process.execPath, args: [...controllerFlags, ...profiled, main] };
}

/** Requests that the API server has answered, watches left out, by their verb. */
async function requests(api: KubernetesApi): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const [, labels = '', count = ''] of (await api.text('/metrics')).matchAll(
    /^apiserver_request_total\{(.*)\} (.*)$/gm,
  )) {
    const of = (label: string): string => new RegExp(`(?:^|,)${label}="([^"]*)"`).exec(labels)?.[1] ?? '';
    if (!['secrets', 'externalsecrets', 'events'].includes(of('resource')) || of('verb') === 'WATCH') continue;
    const name = `${of('verb')} ${of('resource')}${of('subresource') === '' ? '' : `/${of('subresource')}`}`;
    counts.set(name, (counts.get(name) ?? 0) + Number(count));
  }
  return counts;
}

interface Counted {
  readonly items: readonly unknown[];
  readonly metadata: { readonly remainingItemCount?: number };
}

/** Secrets of the cluster, counted by the API server. A watch would cost it as much for each Secret as the controller's own. */
async function secrets(api: KubernetesApi): Promise<number> {
  const { items, metadata } = (await api.json('/api/v1/secrets?limit=1')) as Counted;
  return items.length + (metadata.remainingItemCount ?? 0);
}

/** Resolves once `objects` are there beside those that were there before. */
async function created(api: KubernetesApi, before: number): Promise<void> {
  while ((await secrets(api)) < before + objects) await delay(100);
}

/** Seconds since `began` until each has a status, patched or put. */
async function told(api: KubernetesApi, began: number): Promise<number> {
  const statuses = async (): Promise<number> => {
    const counts = await requests(api);
    return ['PATCH', 'PUT'].reduce((sum, verb) => sum + (counts.get(`${verb} externalsecrets/status`) ?? 0), 0);
  };
  while ((await statuses()) < objects) await delay(1_000);
  return (performance.now() - began) / 1_000;
}

/** Resolves once no more requests come for a while. */
async function quiet(api: KubernetesApi): Promise<void> {
  const sum = async (): Promise<number> =>
    [...(await requests(api))]
      .filter(([name]) => !/^(?:GET|LIST)/.test(name))
      .reduce((all, [, count]) => all + count, 0);
  for (let before = -1, now = await sum(); now !== before; [before, now] = [now, await sum()]) await delay(2_000);
}

/** Milliseconds from the request to the store until the Secret is changed, each one's. */
async function propagation(node: MeasuredNode, made: Made): Promise<readonly number[]> {
  const took: Promise<number>[] = [];
  const began = performance.now();
  for (let at = 0; at < changes; at += 1) {
    await delay(Math.max(0, began + (at * 1_000) / rate - performance.now()));
    const which = (at * 37) % objects;
    const sent = performance.now();
    const arrived = made.next(which).then(() => performance.now() - sent);
    await change(node, which, at + 1);
    took.push(arrived);
  }
  return Promise.all(took);
}

/** A control plane and a store, with all that a controller is to find there. */
class Setting implements AsyncDisposable {
  readonly cluster: KubernetesCluster;
  readonly node: MeasuredNode;
  readonly api: KubernetesApi;

  private constructor(cluster: KubernetesCluster, node: MeasuredNode, api: KubernetesApi) {
    this.cluster = cluster;
    this.node = node;
    this.api = api;
  }

  static async start(provider: Provider): Promise<Setting> {
    const cluster = await startCluster();
    const node = await MeasuredNode.start();
    const access = await readKubeconfig(cluster.kubeconfig(), { context: undefined, allowExec: false });
    const setting = new Setting(
      cluster,
      node,
      new KubernetesApi(access, { connections: PARALLEL, largest: 128 << 20 }),
    );
    await prepare(setting, provider);
    return setting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.api.close();
    await this.node[Symbol.asyncDispose]();
    await this.cluster[Symbol.asyncDispose]();
  }
}

/** From its start until all Secrets, and then all statuses, are written. */
async function firstSync(api: KubernetesApi, start: () => Promise<Program>) {
  const there = await secrets(api);
  const began = performance.now();
  const controller = await start();
  await created(api, there);
  const seconds = (performance.now() - began) / 1_000;
  const cpu = cpuTime(controller.pid).own / objects;
  console.log(
    `${String(objects)} ExternalSecrets: ${seconds.toFixed(1)} s from the start, ${(objects / seconds).toFixed(0)} a second, ${cpu.toFixed(0)} µs of CPU each`,
  );
  const whole = await told(api, began);
  const wholeCpu = cpuTime(controller.pid).own / objects;
  console.log(
    `with their statuses: ${whole.toFixed(1)} s, ${(objects / whole).toFixed(0)} a second, ${wholeCpu.toFixed(0)} µs of CPU each`,
  );
  return { controller, seconds, cpu, whole };
}

function shownMemory(pid: number): Memory {
  const memory = memoryOf(pid);
  console.log(`memory: ${megabytes(memory.resident)} MB resident, ${megabytes(memory.anonymous)} MB of it its own`);
  return memory;
}

/** External Secrets Operator; it finds its cluster by the environment alone. */
const startOperator = (binary: string, kubeconfig: string): Promise<Program> =>
  Program.start({
    command: 'env',
    args: [
      ...[`KUBECONFIG=${kubeconfig}`, binary, '--metrics-addr=0', '--live-addr=127.0.0.1:0'],
      ...['--concurrent=20', '--client-qps=1000', '--client-burst=1000'],
    ],
    ready: /starting manager/i,
  });

const figures: Record<string, unknown> = {};
const { ESO_BIN: operator } = process.env;
if (operator !== undefined) {
  console.log('External Secrets Operator:');
  await using setting = await Setting.start('vault');
  const { api, cluster } = setting;
  const { controller, ...synced } = await firstSync(api, () => startOperator(operator, cluster.kubeconfig()));
  figures['operator'] = { ...synced, memory: shownMemory(controller.pid) };
  await controller[Symbol.asyncDispose]();
  console.log('Lockstep:');
}

await using setting = await Setting.start('lockstep');
const { cluster, node, api } = setting;
const token = await projectedToken(cluster, { namespace: 'lockstep-system', name: 'lockstep-controller' }, []);
const kubeconfig = cluster.kubeconfig(cluster.address, token);
installed();
const ending = new AbortController();
const made = new Made(api);
{
  const before = await requests(api);
  const { controller, ...synced } = await firstSync(api, () => startController(kubeconfig));
  await quiet(api);
  const sent = [...(await requests(api))].map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const);
  const each = Object.fromEntries(
    sent.filter(([, count]) => count >= objects / 100).map(([name, count]) => [name, count / objects]),
  );
  console.log(`requests for each: ${JSON.stringify(each)}`);
  const memory = shownMemory(controller.pid);
  await made.begin(ending.signal);
  const arrived = spread(await propagation(node, made));
  console.log(`a change at ${String(rate)} a second is in the Secret after: ${shown(arrived)}`);
  Object.assign(figures, { ...synced, each, memory, arrived });
  await controller[Symbol.asyncDispose]();
}
if (foreign > 0) {
  const secrets = new Objects<KubernetesObject>(api, secretKind);
  const data = { blob: base64('y'.repeat(10_000)) };
  await all(foreign, 'foreign Secrets', (at) =>
    secrets.create({ metadata: { namespace: namespaceOf(at), name: `foreign-${String(at)}` }, ...{ data } }),
  );
  const before = await requests(api);
  await using controller = await startController(kubeconfig);
  await delay(20_000);
  const memory = memoryOf(controller.pid);
  console.log(
    `beside ${String(foreign)} foreign Secrets, started anew: ${megabytes(memory.resident)} MB resident, ${megabytes(memory.anonymous)} MB of it its own`,
  );
  const written = [...(await requests(api))]
    .filter(([name]) => !/^(GET|LIST)/.test(name))
    .map(([name, count]) => count - (before.get(name) ?? 0));
  console.log(`writes after a start with nothing changed: ${String(written.reduce((sum, count) => sum + count, 0))}`);
  Object.assign(figures, { beside: memory });
}
ending.abort();
keep('external-secrets', { options, figures });
