/** Two clusters beside the fleet, one for each region, with `lockstep controller` in it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '../../../client/client.ts';
import { manifests } from '../../../controllers/manifests.ts';
import { fail } from '../../../errors.ts';
import { apply } from '../../../kube/apply.ts';
import type { KubernetesObject } from '../../../kube/objects.ts';
import { requestToken } from '../../../kube/service-accounts.ts';
import { rootTokenFile } from '../layout.ts';
import { REGIONS, type RegionName } from '../tree.ts';
import { startControlPlane, type ControlPlane, type Ground } from './control-plane.ts';
import type { Programs } from './programs.ts';

export const NAMESPACE = 'shop';
export const MOUNT = 'kv';
const SYSTEM = 'lockstep-system';
const POLICY = 'up-workload';
/** What pods' tokens are for: as `clusters add` has it. */
const AUDIENCE = 'lockstep';
const TOKEN_SECONDS = 24 * 3_600;

export const clusterOf = (region: RegionName): string => `kube-${region}`;

/** A workload reads what all share and what is its cluster's and namespace's, and is told of changes. */
const policy = ['shared', '${kubernetes_cluster}/${kubernetes_namespace}']
  .map((place) => `path "${MOUNT}/data/${place}/*" { capabilities = ["read", "subscribe"] }`)
  .join('\n');

/** Where clusters are registered, and where their regions answer. */
export interface Servers {
  readonly hub: () => Client;
  readonly address: (name: 'hub' | RegionName) => string;
}

export class Clusters {
  readonly #ground: Ground;
  readonly #servers: Servers;
  readonly #programs: Programs;
  readonly #planes = new Map<RegionName, ControlPlane>();

  constructor(ground: Ground, servers: Servers, programs: Programs) {
    this.#ground = ground;
    this.#servers = servers;
    this.#programs = programs;
  }

  of(region: RegionName): ControlPlane {
    const found = this.#planes.get(region);
    if (found === undefined) throw fail('internal', `${clusterOf(region)} is not started`);
    return found;
  }

  async start(): Promise<void> {
    const hub = this.#servers.hub();
    await hub.write(`sys/mounts/${MOUNT}`, { type: 'kv', options: { version: '2' } });
    await hub.write(`sys/policies/acl/${POLICY}`, { policy });
    await Promise.all(REGIONS.map((region) => this.#startPlane(region)));
    // One after the other: both write the policy and the regions' filters.
    for (const region of REGIONS) await this.#register(region);
    await Promise.all(REGIONS.map((region) => this.#startController(region)));
  }

  async #startPlane(region: RegionName): Promise<void> {
    const plane = await startControlPlane(this.#ground, clusterOf(region), this.#programs);
    this.#planes.set(region, plane);
    const namespaces = [NAMESPACE, SYSTEM].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
    for (const object of [
      ...namespaces,
      ...manifests(SYSTEM, { accounts: [{ namespace: NAMESPACE, name: NAMESPACE }], audiences: [AUDIENCE] }),
    ])
      await this.apply(region, object);
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: NAMESPACE, namespace: NAMESPACE } };
    await this.apply(region, account);
    const store = this.#store(region);
    await this.#ground.until(`the kinds of ${clusterOf(region)}`, () => this.apply(region, store));
  }

  apply<T extends KubernetesObject>(region: RegionName, object: T): Promise<T> {
    return apply(this.of(region).api, object, { fieldManager: 'lockstep-up' });
  }

  /** Logs in by the token of a service account, at the region: no token of Lockstep lies in the cluster. */
  #store(region: RegionName): KubernetesObject & { readonly spec: object } {
    const serviceAccountRef = { name: NAMESPACE, audiences: [AUDIENCE] };
    const kubernetes = { mountPath: clusterOf(region), role: 'workload', serviceAccountRef };
    return {
      ...{ apiVersion: 'external-secrets.io/v1', kind: 'SecretStore' },
      metadata: { name: 'region', namespace: NAMESPACE },
      spec: { provider: { lockstep: { server: this.#servers.address(region), path: MOUNT, auth: { kubernetes } } } },
    };
  }

  /** By the command that a platform team uses. */
  async #register(region: RegionName): Promise<void> {
    const { places, spawn } = this.#ground;
    const log = join(places.logs, `${clusterOf(region)}-registration.log`);
    const names = [`-policy=${POLICY}`, `-kv=${MOUNT}`, `-audience=${AUDIENCE}`, `-region=${region}`, '-publisher='];
    const kubeconfig = `-kubeconfig=${this.of(region).adminKubeconfig}`;
    const adding = await spawn({
      ...{ name: `${clusterOf(region)}-registration`, log },
      args: ['clusters', 'add', ...names, kubeconfig, clusterOf(region)],
      env: {
        VAULT_ADDR: this.#servers.address('hub'),
        VAULT_TOKEN: await readFile(rootTokenFile(places, 'hub'), 'utf8'),
        HOME: places.root,
      },
    });
    await adding.ended;
    if (adding.exitCode !== 0) throw fail('internal', `${clusterOf(region)} was not registered: see ${log}`);
    await this.#servers.hub().patch(`sys/regions/${region}`, { add_paths: [`${MOUNT}/shared/`] });
  }

  async #startController(region: RegionName): Promise<void> {
    const { api, kubeconfig } = this.of(region);
    const account = { namespace: SYSTEM, name: 'lockstep-controller' };
    const token = await requestToken(api, { ...account, audiences: [], life: TOKEN_SECONDS });
    const { places, spawn } = this.#ground;
    const path = await kubeconfig('controller', token);
    await spawn({
      name: `${clusterOf(region)}-controller`,
      log: join(places.logs, `${clusterOf(region)}-controller.log`),
      args: ['controller', `-kubeconfig=${path}`, '-allow-local-servers', '-metrics-addr=0', '-live-addr=0'],
    });
  }
}
