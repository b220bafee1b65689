/** A cluster with `lockstep controller` in it and a namespace `shop`, whose stores are at a server of ours. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../../src/cli/up/free-port.ts';
import type { ManifestOptions } from '../../../src/controllers/manifests.ts';
import { definitions } from '../../../src/controllers/rights.ts';
import { collectionPath } from '../../../src/kube/objects.ts';
import { plainServer, type PlainServer } from '../../support/snapshots.ts';
import { startCluster, type KubernetesCluster } from './cluster.ts';
import { applyManifests, controllersOf, type End, type Seen } from './controllers.ts';
import { frontDoor, type FrontDoor } from './front-door.ts';
import { create, projectedToken } from './service-accounts.ts';

const GROUP = '/apis/external-secrets.io/v1';
export const SECRETS = '/api/v1/namespaces/shop/secrets';

export const base64 = (text: string): string => Buffer.from(text).toString('base64');

export const readyOf = (seen: Seen | undefined) => seen?.status?.conditions?.find(({ type }) => type === 'Ready');

export class Shop implements AsyncDisposable {
  readonly cluster: KubernetesCluster;
  readonly lockstep: PlainServer;
  readonly #started: AsyncDisposableStack;
  readonly #start: (live: string) => End;
  #end: End;

  private constructor(parts: {
    readonly cluster: KubernetesCluster;
    readonly lockstep: PlainServer;
    readonly started: AsyncDisposableStack;
    readonly start: (live: string) => End;
    readonly end: End;
  }) {
    this.cluster = parts.cluster;
    this.lockstep = parts.lockstep;
    this.#started = parts.started;
    this.#start = parts.start;
    this.#end = parts.end;
  }

  /** Stores `ours` (provider `vault`) and `pushes` (`lockstep`) of the mount `kv`. `flags`: of the controller; `options`: of its rights. */
  static async open(flags: readonly string[] = [], options: ManifestOptions = {}): Promise<Shop> {
    const started = new AsyncDisposableStack();
    try {
      const cluster = started.use(await startCluster());
      const door = started.use(await frontDoor(() => cluster.address));
      const after = (end: unknown): void => {
        started.defer(end as () => Promise<void>);
      };
      const lockstep = await plainServer({ after }, { config: () => 'hub {}' });
      await prepareCluster(cluster, options);
      const start = await controllersFor(cluster, door, flags);
      const end = start(await livePage());
      const shop = new Shop({ cluster, lockstep, started, start, end });
      started.defer(() => shop.#ended());
      await shop.#stores();
      return shop;
    } catch (error) {
      await started.disposeAsync();
      throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#started.disposeAsync();
  }

  async #ended(): Promise<void> {
    assert.deepEqual(await this.#end('SIGTERM'), [0, null]);
  }

  async #stores(): Promise<void> {
    await this.ask('POST', 'sys/mounts/kv', { type: 'kv', options: { version: '2' } });
    await create(this.cluster, SECRETS, { metadata: { name: 'token' }, data: { token: base64(this.lockstep.token) } });
    await this.store('ours', 'vault');
    await this.store('pushes', 'lockstep');
  }

  /** Another controller waits to lead, and the one that leads is killed. */
  async takeOver(): Promise<void> {
    const endOther = this.#start(await livePage());
    await this.#end('SIGKILL');
    this.#end = endOther;
  }

  async serverConfig() {
    return {
      server: await this.lockstep.server.address(),
      path: 'kv',
      auth: { tokenSecretRef: { name: 'token', key: 'token' } },
    };
  }

  async store(name: string, type: string, more: object = {}): Promise<void> {
    await create(this.cluster, `${GROUP}/namespaces/shop/secretstores`, {
      ...{ apiVersion: 'external-secrets.io/v1', kind: 'SecretStore', metadata: { name, ...more } },
      spec: { provider: { [type]: await this.serverConfig() } },
    });
  }

  async ask(method: string, path: string, body: object): Promise<void> {
    const { token, server } = this.lockstep;
    const { status, json } = await server.ask(method, `/v1/${path}`, { token, body });
    assert.ok(status === 200 || status === 204, `${path}: ${JSON.stringify(json)}`);
  }

  put(name: string, data: object): Promise<void> {
    return this.ask('POST', `kv/data/${name}`, { data });
  }

  /** Undefined: nothing is there. */
  async at(name: string): Promise<unknown> {
    const { token, server } = this.lockstep;
    const { json } = await server.ask('GET', `/v1/kv/data/${name}`, { token });
    return (json as { readonly data?: { readonly data?: unknown } }).data?.data;
  }

  async untilAt(name: string, expected: unknown): Promise<void> {
    while (JSON.stringify(await this.at(name)) !== JSON.stringify(expected)) await pause(50);
  }

  async see(path: string): Promise<Seen | undefined> {
    const { status, body } = await this.cluster.ask('GET', path);
    return status === 200 ? (body as Seen) : undefined;
  }

  /** Looks until it holds; the suite's own limit ends a test that waits for nothing. */
  async until(path: string, holds: (seen: Seen | undefined) => boolean): Promise<Seen | undefined> {
    for (;;) {
      const seen = await this.see(path).catch(() => undefined);
      if (holds(seen)) return seen;
      await pause(50);
    }
  }

  untilReady(path: string, reason: string, status: string): Promise<Seen | undefined> {
    return this.until(path, (seen) => readyOf(seen)?.reason === reason && readyOf(seen)?.status === status);
  }

  es(name: string): string {
    return `${GROUP}/namespaces/shop/externalsecrets/${name}`;
  }

  untilReason(name: string, reason: string, status: string): Promise<Seen | undefined> {
    return this.untilReady(this.es(name), reason, status);
  }

  async external(name: string, spec: object): Promise<void> {
    await create(this.cluster, `${GROUP}/namespaces/shop/externalsecrets`, {
      ...{ apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', metadata: { name, labels: { team: 'shop' } } },
      spec: { secretStoreRef: { kind: 'SecretStore', name: 'ours' }, refreshInterval: '1s', ...spec },
    });
  }
}

/** Namespaces, and every kind until the API server serves it. */
export async function prepareCluster(cluster: KubernetesCluster, options: ManifestOptions = {}): Promise<void> {
  for (const name of ['shop', 'other', 'lockstep-system'])
    await create(cluster, '/api/v1/namespaces', { metadata: { name } });
  await applyManifests(cluster, options);
  for (const kind of definitions) {
    while ((await cluster.ask('GET', collectionPath(kind))).status !== 200) await pause(50);
  }
}

async function controllersFor(cluster: KubernetesCluster, door: FrontDoor, flags: readonly string[]) {
  const token = await projectedToken(cluster, { namespace: 'lockstep-system', name: 'lockstep-controller' }, []);
  return controllersOf(cluster.kubeconfig(door.address, token), flags);
}

export const livePage = async (): Promise<string> => `127.0.0.1:${String(await freePort())}`;
