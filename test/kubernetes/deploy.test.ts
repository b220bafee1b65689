/** What lies below `deploy/`: rendered by a real helm, taken by a real API server, and enough for the controller to work. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import { freePort } from '../../src/cli/up/free-port.ts';
import { kinds, manifests, type ManifestOptions } from '../../src/controllers/manifests.ts';
import type { KubernetesObject } from '../../src/kube/objects.ts';
import { applyAll, untilServed } from './support/applied.ts';
import { withoutControlPlane } from './support/binaries.ts';
import { startCluster, type KubernetesCluster } from './support/cluster.ts';
import { controllersOf } from './support/controllers.ts';
import { helm, helmVersion, template, withoutHelm } from './support/helm.ts';
import { makeNamespaces } from './support/provider-worlds.ts';
import { create, projectedToken } from './support/service-accounts.ts';

const root = join(import.meta.dirname, '../..');
const chart = join(root, 'deploy/helm/lockstep-controller');
const noHelm = await withoutHelm();
const skip = (await withoutControlPlane()) || noHelm;
const IMAGE = ['--set=image.repository=lockstep'];

const objectsOf = (text: string): readonly KubernetesObject[] =>
  parseAllDocuments(text, { logLevel: 'error' })
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((each) => each !== null);

async function rendered(...values: readonly string[]): Promise<readonly KubernetesObject[]> {
  const { code, stdout, stderr } = await template(chart, 'lockstep-system', [...IMAGE, ...values]);
  assert.equal(code, 0, stderr);
  return objectsOf(stdout);
}

const byName = (objects: readonly KubernetesObject[]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    objects.map((each) => {
      const { namespace = '', name } = each.metadata;
      // The chart names its policies after the release's objects.
      const text = JSON.stringify(each).replaceAll('lockstep-controller-require-use', 'lockstep-require-use');
      const same = text.replaceAll('lockstep-controller-token-audiences', 'lockstep-token-audiences');
      return [
        `${each.kind ?? ''} ${namespace}/${name.replace(/^lockstep-controller-(?=require|token-)/, 'lockstep-')}`,
        JSON.parse(same),
      ];
    }),
  );

const VALUES: Readonly<Record<string, { readonly flags: readonly string[]; readonly options: ManifestOptions }>> = {
  'as it comes': { flags: [], options: {} },
  'with all that it offers': {
    flags: [
      '--set=admission.requireUse=true',
      '--set=admission.tokenAudiences={lockstep,vault}',
      '--set=tokenAccounts[0].namespace=shop,tokenAccounts[0].names={reader,other}',
      '--set=tokenAccounts[1].namespace=other',
    ],
    options: {
      ...{ requireUse: true, audiences: ['lockstep', 'vault'] },
      accounts: [
        { namespace: 'shop', name: 'reader' },
        { namespace: 'shop', name: 'other' },
        { namespace: 'other', name: '*' },
      ],
    },
  },
  'with other targets than Secrets': {
    flags: [
      '--set=genericTargets.enabled=true,onlyNamespace=shop',
      '--set=genericTargets.resources[0].apiGroups={},genericTargets.resources[0].resources={configmaps}',
      '--set=genericTargets.resources[0].apiGroups[0]=',
      '--set=genericTargets.resources[1].apiGroups={argoproj.io},genericTargets.resources[1].resources={applications}',
    ],
    options: {
      scope: 'shop',
      targets: [
        { group: '', resource: 'configmaps' },
        { group: 'argoproj.io', resource: 'applications' },
      ],
    },
  },
  'with a webhook': { flags: ['--set=webhook.enabled=true'], options: { webhook: {} } },
  'with a webhook for one namespace': {
    flags: ['--set=webhook.enabled=true,onlyNamespace=shop'],
    options: { webhook: {}, scope: 'shop' },
  },
  'for one namespace': { flags: ['--set=onlyNamespace=shop'], options: { scope: 'shop' } },
  'with tokens of all': {
    flags: ['--set-string=tokenAccounts[0].namespace=*'],
    options: { accounts: [{ namespace: '*', name: '*' }] },
  },
};

test('the version is that of the Go module', () => {
  const text = readFileSync(join(import.meta.dirname, 'helm/go.mod'), 'utf8');
  assert.ok(text.includes(`helm.sh/helm/v3 v${helmVersion}`));
});

describe('the chart', { skip: noHelm }, () => {
  test('is well-formed', async () => {
    const { code, stdout, stderr } = await helm('lint', '--strict', chart, ...IMAGE);
    assert.equal(code, 0, stdout + stderr);
  });

  for (const [what, { flags, options }] of Object.entries(VALUES)) {
    test(`${what}, it makes what \`lockstep controller manifests\` prints`, async () => {
      const made = manifests('lockstep-system', { ...options, image: 'lockstep:0.1.0' });
      const ours = made.filter(({ kind }) => kind !== 'CustomResourceDefinition');
      assert.deepEqual(byName(await rendered(...flags)), byName(ours));
    });
  }

  test('with a certificate of somebody else it mounts that, and gets no rights to tell of another', async () => {
    const objects = await rendered(
      '--set=name=mine,webhook.enabled=true,webhook.certificateSecret=shown,webhook.failurePolicy=Fail',
      '--set=webhook.timeoutSeconds=7,extraVolumes[0].name=more,extraVolumeMounts[0].name=more',
      '--set-string=webhook.annotations.cert-manager\\.io/inject-ca-from=lockstep-system/hook',
    );
    const named = objects.filter(({ metadata: { name } }) => name === 'mine-webhook');
    assert.deepEqual(named.map(({ kind }) => kind).sort(), ['Service', 'ValidatingWebhookConfiguration']);
    const configuration = named.find(({ kind }) => kind === 'ValidatingWebhookConfiguration');
    assert.deepEqual(configuration?.metadata.annotations, { 'cert-manager.io/inject-ca-from': 'lockstep-system/hook' });
    const [hook] = (configuration as unknown as { webhooks: [{ failurePolicy: string; timeoutSeconds: number }] })
      .webhooks;
    assert.deepEqual([hook.failurePolicy, hook.timeoutSeconds], ['Fail', 7]);
    const text = JSON.stringify(objects.find(({ kind }) => kind === 'Deployment'));
    assert.match(text, /-webhook-name=mine-webhook.*-webhook-cert-dir=\/etc\/lockstep\/webhook/);
    assert.match(text, /"volumes":\[\{"name":"webhook","secret":\{"secretName":"shown"\}\},\{"name":"more"\}\]/);
  });

  for (const [why, value] of Object.entries({
    'image.repository is needed': 'image.repository=',
    'several need leaderElection': 'leaderElection=false',
    "additional properties 'replica' not allowed": 'replica=3',
    'names are of one namespace': 'tokenAccounts[0].namespace=*,tokenAccounts[0].names={a}',
    'enabled needs resources': 'genericTargets.enabled=true',
    'genericTargets/resources/0':
      'genericTargets.resources[0].apiGroups={rbac.authorization.k8s.io},genericTargets.resources[0].resources={roles}',
    'webhook/failurePolicy': 'webhook.failurePolicy=Never',
    'does not match pattern': "admission.tokenAudiences={it's}",
  })) {
    test(`it refuses ${value}`, async () => {
      const { code, stderr } = await template(chart, 'x', [...IMAGE, `--set=${value}`]);
      assert.notEqual(code, 0);
      assert.ok(stderr.includes(why), stderr);
    });
  }
});

/** The kind of the Prometheus Operator, as far as a chart can see. */
const serviceMonitors = {
  ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
  metadata: { name: 'servicemonitors.monitoring.coreos.com' },
  spec: {
    ...{ group: 'monitoring.coreos.com', scope: 'Namespaced' },
    names: {
      kind: 'ServiceMonitor',
      plural: 'servicemonitors',
      singular: 'servicemonitor',
      listKind: 'ServiceMonitorList',
    },
    versions: [
      {
        ...{ name: 'v1', served: true, storage: true },
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

describe('a cluster', { skip }, () => {
  const started = new AsyncDisposableStack();
  let cluster: KubernetesCluster;

  before(async () => {
    cluster = started.use(await startCluster());
    await makeNamespaces(cluster, ['shop', 'other', 'lockstep-system']);
    await applyAll(cluster, [serviceMonitors]);
    while ((await cluster.ask('GET', '/apis/monitoring.coreos.com/v1/servicemonitors')).status !== 200) await pause(50);
  });
  after(() => started.disposeAsync());

  const fileOf = (path: string): readonly KubernetesObject[] => objectsOf(readFileSync(join(root, path), 'utf8'));

  test('takes the kinds, first without storing them, and again without a change', async () => {
    const crds = fileOf('deploy/helm/lockstep-controller/crds/kinds.yaml');
    assert.equal(crds.length, kinds().length);
    await applyAll(cluster, crds, true);
    assert.equal((await cluster.ask('GET', '/apis/external-secrets.io/v1')).status, 404);
    await applyAll(cluster, crds);
    await untilServed(cluster);
    const versions = async () => (await applyAll(cluster, crds)).map(({ metadata }) => metadata.resourceVersion);
    assert.deepEqual(await versions(), await versions());
  });

  for (const [what, { flags }] of Object.entries(VALUES)) {
    test(`takes the chart ${what}`, async () => {
      const objects = await rendered(...flags, '--set=serviceMonitor.enabled=true');
      for (const dry of [true, false]) assert.equal((await applyAll(cluster, objects, dry)).length, objects.length);
    });
  }

  test('takes the plain manifests', async () => {
    for (const name of ['kinds', 'controller', 'require-use', 'webhook']) {
      const objects = fileOf(`deploy/manifests/${name}.yaml`);
      for (const dry of [true, false]) assert.equal((await applyAll(cluster, objects, dry)).length, objects.length);
    }
  });

  test('admits the pods where only restricted ones are (Pod Security Standards)', async () => {
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await create(cluster, '/api/v1/namespaces', { metadata: { name: 'restricted', labels } });
    await create(cluster, '/api/v1/namespaces/restricted/serviceaccounts', {
      metadata: { name: 'lockstep-controller' },
    });
    const deployment = (await rendered()).find(({ kind }) => kind === 'Deployment');
    const { spec } = (deployment as unknown as { spec: { template: { spec: object } } }).spec.template;
    const pods = '/api/v1/namespaces/restricted/pods?dryRun=All';
    await create(cluster, pods, { metadata: { name: 'pod' }, spec });
    const root = { ...spec, securityContext: {} };
    assert.equal((await cluster.ask('POST', pods, { metadata: { name: 'pod' }, spec: root })).status, 403);
  });

  test('with rights in one namespace the controller works there', async () => {
    const fresh = started.use(await startCluster());
    await makeNamespaces(fresh, ['shop', 'lockstep-system']);
    await applyAll(fresh, fileOf('deploy/manifests/kinds.yaml'));
    await untilServed(fresh);
    await applyAll(fresh, await rendered('--set=onlyNamespace=shop'));
    const metadata = { namespace: 'shop', name: 'plain' };
    await applyAll(fresh, [
      {
        ...{ apiVersion: 'external-secrets.io/v1', kind: 'SecretStore', metadata },
        ...{ spec: { provider: { fake: { data: [{ key: 'k', value: 'v' }] } } } },
      },
      {
        ...{ apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', metadata },
        ...{ spec: { secretStoreRef: { name: 'plain' }, data: [{ secretKey: 'k', remoteRef: { key: 'k' } }] } },
      },
    ] as readonly KubernetesObject[]);
    const account = { namespace: 'lockstep-system', name: 'lockstep-controller' };
    const kubeconfig = fresh.kubeconfig(undefined, await projectedToken(fresh, account, []));
    const end = controllersOf(kubeconfig, ['-namespace=shop'])(`127.0.0.1:${String(await freePort())}`);
    try {
      const path = '/api/v1/namespaces/shop/secrets/plain';
      let found: unknown;
      while (found === undefined) {
        const { status, body } = await fresh.ask('GET', path);
        if (status === 200) found = (body as { readonly data: unknown }).data;
        else await pause(50);
      }
      assert.deepEqual(found, { k: 'dg==' });
    } finally {
      await end('SIGTERM');
    }
  });
});
