/**
 * What is killed in the midst of many syncs: the controller that leads, the API server, etcd's history, the store. Every Secret
 * is whole in each version that anybody could see, and nothing is written twice. `LOCKSTEP_TEST_SYNCS` says how many there are.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { externalSecret } from '../../src/controllers/external-secret/definition.ts';
import { KubernetesApi } from '../../src/kube/api.ts';
import { Informer } from '../../src/kube/informer.ts';
import { readKubeconfig } from '../../src/kube/kubeconfig.ts';
import { coreKind, type KubernetesObject } from '../../src/kube/objects.ts';
import { withoutControlPlane } from './support/binaries.ts';
import { startCluster, type KubernetesCluster } from './support/cluster.ts';
import type { Seen } from './support/controllers.ts';
import { frontDoor } from './support/front-door.ts';
import { KeptControllers } from './support/kept-controllers.ts';
import { KillableStore } from './support/killable-store.ts';
import { create, projectedToken } from './support/service-accounts.ts';
import { base64, prepareCluster, readyOf, SECRETS } from './support/shop.ts';

const skip = await withoutControlPlane();
const COUNT = Number(process.env['LOCKSTEP_TEST_SYNCS'] ?? 240);
const GROUP = '/apis/external-secrets.io/v1/namespaces/shop';
const nameOf = (at: number): string => `app-${String(at)}`;

type Object = KubernetesObject & Pick<Seen, 'data' | 'status'>;

/** Each version that a watch shows of the objects of this test. */
class Witness {
  readonly versions = new Map<string, number>();
  readonly #informer: Informer<Object>;
  readonly #holds: (object: Object) => boolean;
  #waiting: (() => void)[] = [];

  constructor(informer: Informer<Object>, holds: (object: Object) => boolean) {
    this.#informer = informer;
    this.#holds = holds;
    informer.onChange((key, now) => {
      if (now !== undefined && key.startsWith('shop/app-')) {
        this.versions.set(key, (this.versions.get(key) ?? 0) + 1);
        this.#seen(now);
      }
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  #seen: (object: Object) => void = () => undefined;

  each(seen: (object: Object) => void): void {
    this.#seen = seen;
  }

  /** Resolves once so many are there as they should be. */
  async until(count: number): Promise<void> {
    const good = (): number =>
      [...this.#informer.values()].filter((each) => each.metadata.name.startsWith('app-') && this.#holds(each)).length;
    while (good() < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

const wholeData = ({ metadata, data = {} }: Object): boolean =>
  Object.keys(data).length === 2 && [data['a'], data['b']].every((value) => value === base64(metadata.name));

async function storeOf(cluster: KubernetesCluster, store: KillableStore): Promise<void> {
  await create(cluster, SECRETS, { metadata: { name: 'token' }, data: { token: base64(store.token) } });
  const auth = { tokenSecretRef: { name: 'token', key: 'token' } };
  await create(cluster, `${GROUP}/secretstores`, {
    ...{ apiVersion: 'external-secrets.io/v1', kind: 'SecretStore', metadata: { name: 'ours' } },
    spec: { provider: { lockstep: { server: await store.address(), path: 'kv', auth } } },
  });
}

const external = (cluster: KubernetesCluster, at: number): Promise<unknown> =>
  create(cluster, `${GROUP}/externalsecrets`, {
    ...{ apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', metadata: { name: nameOf(at) } },
    spec: {
      ...{ secretStoreRef: { kind: 'SecretStore', name: 'ours' }, refreshInterval: '1h' },
      dataFrom: [{ extract: { key: nameOf(at) } }],
    },
  });

/** Requests for Secrets, ExternalSecrets and Events that this API server has answered, watches and lists left out. */
async function requests(cluster: KubernetesCluster): Promise<number> {
  const { body } = await cluster.ask('GET', '/metrics');
  const lines = String(body).matchAll(/^apiserver_request_total\{(.*)\} (\S+)$/gm);
  return [...lines]
    .filter(([, labels = '']) => /resource="(?:secrets|externalsecrets|events)"/.test(labels))
    .filter(([, labels = '']) => !/verb="(?:WATCH|LIST)"/.test(labels))
    .reduce((sum, [, , count]) => sum + Number(count), 0);
}

test(
  'whatever is killed in the midst of many syncs, each Secret is written once, whole, and all end right',
  { skip },
  async (t) => {
    await using cluster = await startCluster();
    await using door = await frontDoor(() => cluster.address);
    await using store = await KillableStore.start();
    await prepareCluster(cluster);
    for (let at = 0; at < COUNT; at += 1)
      await store.write(`kv/data/${nameOf(at)}`, { data: { a: nameOf(at), b: nameOf(at) } });
    await storeOf(cluster, store);
    const admin = await readKubeconfig(cluster.kubeconfig(door.address), { allowExec: false });
    const api = new KubernetesApi(admin, { connections: 4, largest: 64 << 20 });
    const ending = new AbortController();
    t.after(() => {
      ending.abort();
      api.close();
    });
    const watched = async (kind: ConstructorParameters<typeof Informer>[1], holds: (object: Object) => boolean) => {
      const informer = new Informer<Object>(api, kind, { namespace: 'shop' });
      const witness = new Witness(informer, holds);
      void informer.run(ending.signal);
      await informer.synced;
      return witness;
    };
    const torn: string[] = [];
    const secrets = await watched(coreKind('Secret', 'secrets'), wholeData);
    secrets.each((secret) => {
      if (!wholeData(secret)) torn.push(`${secret.metadata.name} ${JSON.stringify(secret.data)}`);
    });
    const synced = await watched(externalSecret, (each) => readyOf(each as Seen)?.status === 'True');
    for (let at = 0; at < COUNT; at += 1) await external(cluster, at);
    const token = await projectedToken(cluster, { namespace: 'lockstep-system', name: 'lockstep-controller' }, []);
    const before = await requests(cluster);
    await using controllers = new KeptControllers(cluster.kubeconfig(door.address, token), 2);
    try {
      await secrets.until(COUNT / 6);
      await controllers.replaceLeader('SIGKILL');
      await secrets.until(COUNT / 3);
      await cluster.compact();
      const first = (await requests(cluster)) - before;
      await cluster.restartApiServer(['accounts']);
      await secrets.until(COUNT / 2);
      await store.kill();
      await secrets.until((COUNT * 2) / 3);
      await controllers.replaceLeader('SIGTERM');
      await secrets.until(COUNT);
      await synced.until(COUNT);
      const total = first + (await requests(cluster));
      assert.deepEqual(torn, []);
      assert.deepEqual(
        [...secrets.versions].filter(([, versions]) => versions !== 1),
        [],
        'a Secret was written again',
      );
      const statuses = [...synced.versions.values()].reduce((sum, versions) => sum + versions - 1, 0);
      t.diagnostic(
        `${String(COUNT)} objects: ${(statuses / COUNT).toFixed(2)} statuses and ${(total / COUNT).toFixed(2)} requests each`,
      );
      // A Secret, a status, an event; what was at work when something was killed is asked for again.
      assert.ok(statuses <= 3 * COUNT, `${String(statuses)} statuses were written`);
      assert.ok(total <= 8 * COUNT, `${String(total)} requests were made`);
    } catch (error) {
      t.diagnostic(controllers.lines.slice(-40).join('\n'));
      throw error;
    }
  },
);
