/** The main job once more, to Secrets of two clusters. */
import { collectionPath, coreKind } from '../../../kube/objects.ts';
import { fail } from '../../../errors.ts';
import { randomBytes } from '../../../lib/crypto/random.ts';
import { everywhere } from '../everywhere.ts';
import { until, type Fleet } from '../fleet.ts';
import { REGIONS, type RegionName } from '../tree.ts';
import { clusterOf, MOUNT, NAMESPACE, type Clusters } from './clusters.ts';

const UPDATES = 40;
const secretsPath = collectionPath(coreKind('Secret', 'secrets'), NAMESPACE);

interface Secret {
  readonly data?: Readonly<Record<string, string>>;
}

interface External {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly message?: string }[] };
}

export class ClusterCheck {
  readonly #fleet: Fleet;
  readonly #clusters: Clusters;
  readonly #say: (line: string) => void;
  readonly #newValue: () => string;

  /** `canary` is part of each value. */
  constructor(fleet: Fleet, clusters: Clusters, say: (line: string) => void, canary: string) {
    this.#fleet = fleet;
    this.#clusters = clusters;
    this.#say = say;
    this.#newValue = () => `${canary}-${randomBytes(12).toString('hex')}`;
  }

  async #write(name: string): Promise<{ readonly value: string; readonly index: string }> {
    const value = this.#newValue();
    const reply = await this.#fleet.client('hub').request('POST', `${MOUNT}/data/shared/${name}`, { data: { value } });
    return { value, index: reply.index ?? '' };
  }

  async #ask(region: RegionName, name: string): Promise<void> {
    await this.#clusters.apply(region, {
      ...{ apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', metadata: { name, namespace: NAMESPACE } },
      spec: {
        secretStoreRef: { kind: 'SecretStore', name: 'region' },
        refreshInterval: '1h',
        dataFrom: [{ extract: { key: `shared/${name}` } }],
      },
    });
  }

  async #holds(region: RegionName, name: string, value: string): Promise<true | undefined> {
    const { data } = (await this.#clusters.of(region).api.json(`${secretsPath}/${name}`)) as Secret;
    return Buffer.from(data?.['value'] ?? '', 'base64').toString() === value ? true : undefined;
  }

  /** Gives up with what the object says. */
  async #arrived(region: RegionName, name: string, value: string): Promise<void> {
    const what = `the Secret ${name} in ${clusterOf(region)}`;
    await until(what, () => this.#holds(region, name, value)).catch(async (error: unknown) => {
      const path = `/apis/external-secrets.io/v1/namespaces/${NAMESPACE}/externalsecrets/${name}`;
      const { status } = (await this.#clusters.of(region).api.json(path)) as External;
      throw fail('timeout', `gave up waiting for ${what}: ${status?.conditions?.[0]?.message ?? 'no condition'}`, {
        cause: error,
      });
    });
  }

  /** Milliseconds from the write at the hub until both clusters have it. */
  async #measure(name: string): Promise<number> {
    const from = performance.now();
    const { value } = await this.#write(name);
    await Promise.all(REGIONS.map((region) => this.#arrived(region, name, value)));
    return performance.now() - from;
  }

  /** A write at the hub is in both clusters' Secrets; gives what then lies in both regions, read by nobody. */
  async arrive(): Promise<string> {
    const { value } = await this.#write('database');
    for (const region of REGIONS) await this.#ask(region, 'database');
    for (const region of REGIONS) await this.#arrived(region, 'database', value);
    const times: number[] = [];
    for (let i = 0; i < UPDATES; i += 1) times.push(await this.#measure('database'));
    times.sort((a, b) => a - b);
    const [median = 0, slowest = 0] = [times[Math.floor(times.length / 2)], times.at(-1)];
    this.#say(
      `write to Secret in both clusters: median ${median.toFixed(0)} ms, slowest ${slowest.toFixed(0)} ms of ${String(UPDATES)}`,
    );
    const { value: unread, index } = await this.#write('unread');
    await everywhere(this.#fleet, index);
    return unread;
  }

  /** While the hub is gone: a new ExternalSecret, of a secret that nobody has read before. */
  async outlast(unread: string): Promise<void> {
    for (const region of REGIONS) await this.#ask(region, 'unread');
    for (const region of REGIONS) await this.#arrived(region, 'unread', unread);
    this.#say('hub killed: a new ExternalSecret in each cluster has its Secret, from its region');
  }

  async return(): Promise<void> {
    for (const name of ['database', 'unread']) await this.#measure(name);
    this.#say('hub back: what is written arrives in both clusters');
  }
}
