/** A hub and regions as processes of their own on this machine, over LMDB, to be killed and started again. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child } from '../../src/cli/up/child.ts';
import { freePort } from '../../src/cli/up/free-port.ts';
import { Caller, type Answer } from './caller.ts';
import { FaultyLink } from './link.ts';

export type ServerName = string;

export interface RegionPlan {
  readonly name: ServerName;
  /** One way, to the hub. */
  readonly delayMs: number;
  readonly paths: readonly string[];
  /** Instead of a folder below the fleet's. */
  readonly data?: string;
}

interface Entry {
  readonly port: number;
  child: Child | undefined;
  token: string;
}

const START_MS = 60_000;
const quoted = JSON.stringify;

/** Asks until the answer is there; throws with `what` when it does not come. */
export async function until<T>(what: string, ask: () => Promise<T | undefined>, timeoutMs = START_MS): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`gave up waiting for ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 40);
    });
  }
}

export class Fleet implements AsyncDisposable {
  readonly root: string;
  readonly #extra: string;
  readonly #entries = new Map<ServerName, Entry>();
  readonly #links = new Map<ServerName, FaultyLink>();
  #clusterPort = 0;

  /** `extra` goes into the configuration of every server. */
  constructor(root: string, extra = '') {
    this.root = root;
    this.#extra = extra;
    for (const folder of ['data', 'keys', 'logs']) mkdirSync(join(root, folder), { recursive: true, mode: 0o700 });
  }

  get names(): readonly ServerName[] {
    return [...this.#entries.keys()];
  }

  dataOf(name: ServerName): string {
    return join(this.root, 'data', name);
  }

  keyOf(name: ServerName): string {
    return join(this.root, 'keys', `${name}.key`);
  }

  logOf(name: ServerName): string {
    return join(this.root, 'logs', `${name}.log`);
  }

  link(region: ServerName): FaultyLink {
    const found = this.#links.get(region);
    if (found === undefined) throw new Error(`${region} has no link`);
    return found;
  }

  #entry(name: ServerName): Entry {
    const found = this.#entries.get(name);
    if (found === undefined) throw new Error(`${name} is not part of the fleet`);
    return found;
  }

  child(name: ServerName): Child | undefined {
    return this.#entry(name).child;
  }

  /** For clients that are programs of their own. */
  access(name: ServerName): { readonly address: string; readonly token: string } {
    const { port, token } = this.#entry(name);
    return { address: `http://127.0.0.1:${String(port)}`, token };
  }

  /** A caller of its own connections and memory of indexes; the root's unless a token is given. */
  caller(name: ServerName, token?: string): Caller {
    const access = this.access(name);
    return new Caller(name, access.address, token ?? access.token);
  }

  async startHub(): Promise<void> {
    this.#clusterPort = await freePort();
    const role = `hub {\n  cluster_address = "127.0.0.1:${String(this.#clusterPort)}"\n}\n`;
    await this.#add('hub', this.dataOf('hub'), role);
    await this.#initialize('hub');
    const made = await this.caller('hub').ask('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } });
    if (made.status !== 204) throw new Error(`the mount was answered with ${String(made.status)}`);
  }

  /** Adds a region and lets it join; `joined: false` leaves it without its join token. */
  async startRegion(plan: RegionPlan, { joined = true } = {}): Promise<void> {
    const { name } = plan;
    const link = await FaultyLink.open(this.#clusterPort, plan.delayMs);
    this.#links.set(name, link);
    const role = `region ${quoted(name)} {
  hub             = "127.0.0.1:${String(link.port)}"
  join_token_file = ${quoted(join(this.root, 'keys', `${name}.join`))}
}
`;
    if (joined) await this.giveJoinToken(plan);
    await this.#add(name, plan.data ?? this.dataOf(name), role);
    await this.#initialize(name);
    if (joined) await this.connected(name);
  }

  async giveJoinToken({ name, paths }: RegionPlan): Promise<void> {
    const { data } = await this.caller('hub').ask('POST', `sys/regions/${name}`, { paths });
    writeFileSync(join(this.root, 'keys', `${name}.join`), String(data['join_token']), { mode: 0o600 });
  }

  async connected(name: ServerName): Promise<void> {
    const caller = this.caller(name);
    await until(`${name} to follow the hub`, async () => {
      const { data } = await caller.ask('GET', 'sys/regions');
      return data['connected'] === true && data['index'] !== null ? true : undefined;
    });
  }

  async #add(name: ServerName, data: string, role: string): Promise<void> {
    const port = await freePort();
    writeFileSync(this.keyOf(name), randomBytes(32).toString('base64'), { mode: 0o600 });
    const config = `listener "tcp" {
  address     = "127.0.0.1:${String(port)}"
  tls_disable = true
}
storage "lmdb" {
  path = ${quoted(data)}
}
seal "static" {
  current_key_id = "1"
  current_key    = ${quoted(`file://${this.keyOf(name)}`)}
}
${role}${this.#extra}
log_level = "info"
`;
    writeFileSync(join(this.root, `${name}.hcl`), config, { mode: 0o600 });
    this.#entries.set(name, { port, child: undefined, token: '' });
    await this.start(name);
  }

  async #initialize(name: ServerName): Promise<void> {
    const { bare } = await this.caller(name).ask('PUT', 'sys/init', { recovery_shares: 1, recovery_threshold: 1 });
    this.#entry(name).token = String(bare['root_token']);
  }

  /** Starts the process only. */
  async spawn(name: ServerName, failpoints = ''): Promise<Child> {
    const child = await Child.start({
      name,
      args: ['server', `-config=${join(this.root, `${name}.hcl`)}`],
      log: this.logOf(name),
      ...(failpoints === '' ? {} : { env: { LOCKSTEP_FAILPOINTS: failpoints } }),
    });
    this.#entry(name).child = child;
    return child;
  }

  /** Starts it and waits until it answers and, once it is initialised, is unsealed. False when a failpoint ended it before. */
  async start(name: ServerName, failpoints = ''): Promise<boolean> {
    const child = await this.spawn(name, failpoints);
    const caller = this.caller(name);
    const initialized = this.#entry(name).token !== '';
    return until(`${name} to serve: see ${this.logOf(name)}`, async () => {
      const answer = await caller.tried('GET', 'sys/health?uninitcode=200&sealedcode=503');
      if (answer?.status === 200 && (!initialized || answer.bare['initialized'] === true)) return true;
      if (child.running) return undefined;
      if (failpoints !== '') return false;
      throw new Error(`${name} ended by itself: see ${this.logOf(name)}`);
    });
  }

  async kill(name: ServerName): Promise<void> {
    await this.child(name)?.end('SIGKILL');
  }

  /** Pauses the process, or lets it go on. */
  signal(name: ServerName, signal: 'SIGSTOP' | 'SIGCONT'): void {
    const child = this.child(name);
    if (child?.running === true) process.kill(child.pid, signal);
  }

  /** Waits at the hub until every region has an index; throws with who has not. */
  async arrived(index?: string): Promise<void> {
    const asked = { timeout: '60s', ...(index === undefined ? { latest: true } : { index }) };
    const { data } = await this.caller('hub').ask('POST', 'sys/wait', asked);
    if (data['state'] !== 'done') throw new Error(`not arrived everywhere: ${JSON.stringify(data)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.names) this.signal(name, 'SIGCONT');
    await Promise.all(this.names.map((name) => this.kill(name)));
    for (const link of this.#links.values()) await link[Symbol.asyncDispose]();
  }
}

export type { Answer };
