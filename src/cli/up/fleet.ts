/** Hub, two regions and an agent in each, as processes of their own on this machine. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from '../../client/client.ts';
import { fail } from '../../errors.ts';
import { randomBytes } from '../../lib/crypto/random.ts';
import { Child, type ChildOptions } from './child.ts';
import { DelayedLink } from './delayed-link.ts';
import { freePort } from './free-port.ts';
import { Clusters } from './kubernetes/clusters.ts';
import type { Programs } from './kubernetes/programs.ts';
import { agentConfig, joinTokenFile, keyFile, rootTokenFile, serverConfig, type Places } from './layout.ts';
import { filterOf, policyOf, REGIONS, type RegionName } from './tree.ts';

export type ServerName = 'hub' | RegionName;

/** One way; the link to the far region takes twice as long for a round trip. */
export const FAR: RegionName = 'us';
export const FAR_DELAY_MS = 40;
const START_TIMEOUT_MS = 60_000;

interface ServerEntry {
  readonly port: number;
  child: Child;
  client: Client;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks again until the answer is there; throws with `what` when it does not come. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  timeoutMs = START_TIMEOUT_MS,
  over = (): boolean => false,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const found = await ask().catch(() => undefined);
    if (found !== undefined && found !== false) return found;
    if (over()) throw fail('internal', `ended while waiting for ${what}`);
    if (performance.now() > end) throw fail('timeout', `gave up waiting for ${what}`);
    await pause(20);
  }
}

export class Fleet implements AsyncDisposable {
  readonly places: Places;
  readonly #servers = new Map<ServerName, ServerEntry>();
  readonly #agents = new Map<RegionName, Child>();
  readonly #plans = new Map<RegionName, { readonly healthPort: number }>();
  readonly #say: (line: string) => void;
  /** Of each region, where it was asked for. */
  readonly clusters: Clusters | undefined;
  readonly #others: Child[] = [];
  #link: DelayedLink | undefined;
  #over = false;
  #starting: Promise<void> | undefined;

  /** `programs`: of control planes; none: no clusters. */
  constructor(places: Places, say: (line: string) => void, programs?: Programs) {
    this.places = places;
    this.#say = say;
    const ground = {
      places,
      spawn: async (options: ChildOptions): Promise<Child> => {
        const child = await this.#spawn(options);
        this.#others.push(child);
        return child;
      },
      until: <T>(what: string, ask: () => Promise<T | undefined>) => this.#until(what, ask),
    };
    const servers = { hub: () => this.client('hub'), address: (name: ServerName) => this.address(name) };
    this.clusters = programs === undefined ? undefined : new Clusters(ground, servers, programs);
  }

  client(name: ServerName): Client {
    return this.#server(name).client;
  }

  address(name: ServerName): string {
    return `http://127.0.0.1:${String(this.#server(name).port)}`;
  }

  healthPort(region: RegionName): number {
    return this.#plans.get(region)?.healthPort ?? 0;
  }

  process(name: ServerName): Child {
    return this.#server(name).child;
  }

  #server(name: ServerName): ServerEntry {
    const found = this.#servers.get(name);
    if (found === undefined) throw fail('internal', `${name} is not started`);
    return found;
  }

  start(): Promise<void> {
    this.#starting = this.#startAll();
    return this.#starting;
  }

  #until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
    return until(what, ask, START_TIMEOUT_MS, () => this.#over);
  }

  async #startAll(): Promise<void> {
    const { root, keys, logs, files } = this.places;
    for (const folder of [keys, logs, files, join(root, 'data'), ...REGIONS.map((region) => join(files, region))]) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
    }
    await this.#startHub();
    await Promise.all(REGIONS.map((region) => this.#startRegion(region)));
    await Promise.all(REGIONS.map((region) => this.startAgent(region)));
    if (this.clusters === undefined) return;
    this.#say(`starting a Kubernetes control plane for each region, and \`lockstep controller\` for each of them`);
    await this.clusters.start();
  }

  async #startHub(): Promise<void> {
    this.#say('starting the hub');
    const clusterPort = await freePort();
    this.#link = await DelayedLink.open({ host: '127.0.0.1', port: clusterPort }, FAR_DELAY_MS);
    await this.#prepare('hub', serverConfig(this.places, { name: 'hub', port: await this.#port('hub'), clusterPort }));
    await this.startServer('hub');
    await this.#initialize('hub');
    const hub = this.client('hub');
    await hub.write('sys/mounts/secret', { type: 'kv', options: { version: '2' } });
    await hub.write('sys/auth/approle', { type: 'approle' });
    for (const region of REGIONS) await this.#admit(region, clusterPort);
  }

  /** What a region and its agent need: a role, a policy, credentials, a join token. */
  async #admit(region: RegionName, clusterPort: number): Promise<void> {
    const hub = this.client('hub');
    const name = `${region}-agent`;
    await hub.write(`sys/policies/acl/${name}`, { policy: policyOf(region) });
    await hub.write(`auth/approle/role/${name}`, { token_policies: name, token_ttl: '1h' });
    const role = await hub.read(`auth/approle/role/${name}/role-id`);
    const secret = await hub.write(`auth/approle/role/${name}/secret-id`, {});
    await this.#keep(`${name}.role-id`, String(role?.data?.['role_id']));
    await this.#keep(`${name}.secret-id`, String(secret?.data?.['secret_id']));
    await this.#keep(`${name}.key`, randomBytes(32).toString('base64'));
    const joined = await hub.write(`sys/regions/${region}`, { paths: filterOf(region) });
    await writeFile(joinTokenFile(this.places, region), String(joined?.data?.['join_token']), { mode: 0o600 });
    const hubPort = region === FAR ? (this.#link?.port ?? clusterPort) : clusterPort;
    await this.#prepare(region, serverConfig(this.places, { name: region, port: await this.#port(region), hubPort }));
  }

  async #startRegion(region: RegionName): Promise<void> {
    this.#say(`starting the region ${region}${region === FAR ? `, ${String(2 * FAR_DELAY_MS)} ms away` : ''}`);
    await this.startServer(region);
    await this.#initialize(region);
    await this.#until(`${region} to have joined`, async () => {
      const { data } = (await this.client(region).read('sys/regions')) ?? {};
      return data?.['connected'] === true && data['index'] !== null ? true : undefined;
    });
  }

  readonly #ports = new Map<ServerName, number>();
  async #port(name: ServerName): Promise<number> {
    const known = this.#ports.get(name) ?? (await freePort());
    this.#ports.set(name, known);
    return known;
  }

  /** Secrets of the fleet lie in files that only their owner reads, apart from the data that they protect. */
  async #keep(name: string, text: string): Promise<void> {
    const path = join(this.places.keys, name);
    await writeFile(path, text, { mode: 0o600 });
    await chmod(path, 0o600);
  }

  async #prepare(name: ServerName, config: string): Promise<void> {
    await writeFile(keyFile(this.places, name), randomBytes(32).toString('base64'), { mode: 0o600 });
    await writeFile(join(this.places.root, `${name}.hcl`), config, { mode: 0o600 });
  }

  /** Starts a server, the first time or again over its data. */
  async startServer(name: ServerName): Promise<void> {
    const port = await this.#port(name);
    const child = await this.#spawn({
      name,
      args: ['server', `-config=${join(this.places.root, `${name}.hcl`)}`],
      log: join(this.places.logs, `${name}.log`),
    });
    const known = this.#servers.get(name);
    const client = known?.client ?? new Client({ address: `http://127.0.0.1:${String(port)}`, maxRetries: 0 });
    this.#servers.set(name, { port, child, client });
    await this.#until(`${name} to answer`, async () => {
      if (!child.running) throw fail('internal', `${name} has ended: see ${join(this.places.logs, `${name}.log`)}`);
      const { status } = await client.request('GET', 'sys/health', undefined, {
        query: { uninitcode: '200', sealedcode: '200' },
      });
      return status === 200 ? true : undefined;
    });
    if (known !== undefined) {
      await this.#until(`${name} to be unsealed`, async () => {
        const { status } = await client.request('GET', 'sys/health');
        return status === 200 ? true : undefined;
      });
    }
  }

  async #initialize(name: ServerName): Promise<void> {
    const entry = this.#server(name);
    const made = await entry.client.request('PUT', 'sys/init', { recovery_shares: 1, recovery_threshold: 1 });
    const { root_token: token } = JSON.parse(made.body) as { readonly root_token: string };
    await writeFile(rootTokenFile(this.places, name), token, { mode: 0o600 });
    entry.client = entry.client.with({ token });
  }

  async startAgent(region: RegionName): Promise<void> {
    const plan = this.#plans.get(region) ?? { healthPort: await freePort() };
    this.#plans.set(region, plan);
    const config = agentConfig(this.places, { region, port: this.#server(region).port, ...plan });
    const file = join(this.places.root, `${region}-agent.hcl`);
    await writeFile(file, config, { mode: 0o600 });
    const log = join(this.places.logs, `${region}-agent.log`);
    this.#agents.set(region, await this.#spawn({ name: `${region}-agent`, args: ['agent', `-config=${file}`], log }));
  }

  agent(region: RegionName): Child {
    const found = this.#agents.get(region);
    if (found === undefined) throw fail('internal', `the agent of ${region} is not started`);
    return found;
  }

  /** No process outlives the fleet, also one that was about to start when it was told to end. */
  async #spawn(options: ChildOptions): Promise<Child> {
    const child = await Child.start(options);
    if (!this.#over) return child;
    await child.end('SIGTERM');
    throw fail('internal', 'the fleet has ended');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true;
    const children = [...this.#agents.values(), ...[...this.#servers.values()].map(({ child }) => child)];
    await Promise.all(children.map((child) => child.end('SIGTERM')));
    // A store last: an API server that lost it takes its time to end.
    for (const child of this.#others.toReversed()) await child.end('SIGTERM');
    // What was starting fails now, or ends itself; nothing is written any more when this is done.
    await this.#starting?.catch(() => undefined);
    await this.#link?.[Symbol.asyncDispose]();
  }
}
