/** A cluster of External Secrets Operator changes hands: what is said of it, and that no Secret is written. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../src/cli/up/free-port.ts';
import { dataHash, ownerHash, syncedVersion } from '../../src/controllers/external-secret/hash.ts';
import { kinds } from '../../src/controllers/manifests.ts';
import type { KubernetesObject, ObjectMeta } from '../../src/kube/objects.ts';
import { run } from '../clients/support/run.ts';
import { applyAll, untilServed } from './support/applied.ts';
import { withoutControlPlane } from './support/binaries.ts';
import { startCluster, type KubernetesCluster } from './support/cluster.ts';
import { controllersOf, type Seen } from './support/controllers.ts';
import { makeNamespaces } from './support/provider-worlds.ts';
import { create, projectedToken } from './support/service-accounts.ts';

const skip = await withoutControlPlane();
const executable = join(import.meta.dirname, '../../bin/lockstep');
const ES = '/apis/external-secrets.io/v1/namespaces/shop/externalsecrets';
const SECRETS = '/api/v1/namespaces/shop/secrets';
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const numbers = Array.from({ length: 12 }, (_, i) => `app${String(i)}`);

interface Crd extends KubernetesObject {
  readonly spec: {
    readonly versions: readonly Readonly<Record<string, unknown>>[];
    readonly names: { readonly kind: string };
  };
}

/** Their kinds have an older version that is not served, and fields of their own. */
const theirKinds = (): readonly KubernetesObject[] =>
  kinds().map((each) => {
    const crd = structuredClone(each) as Crd & { spec: { versions: Readonly<Record<string, unknown>>[] } };
    if (crd.spec.names.kind !== 'ExternalSecret') return crd;
    const [{ selectableFields: _, ...version } = {}] = crd.spec.versions;
    const open = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    const old = { ...version, name: 'v1beta1', served: false, storage: false, schema: open };
    return { ...crd, spec: { ...crd.spec, versions: [{ ...version, schema: open }, old] } };
  });

const foreignKind = {
  ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
  metadata: { name: 'mfas.generators.external-secrets.io' },
  spec: {
    ...{ group: 'generators.external-secrets.io', scope: 'Namespaced' },
    names: { kind: 'MFA', plural: 'mfas', singular: 'mfa', listKind: 'MFAList' },
    versions: [
      {
        ...{ name: 'v1alpha1', served: true, storage: true },
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

interface Report {
  readonly findings: readonly {
    readonly name: string;
    readonly notes: readonly { readonly verdict: string; readonly field: string }[];
  }[];
  readonly otherKinds: readonly object[];
  readonly accounts: readonly string[];
  readonly operators: readonly string[];
  readonly dry: boolean;
  readonly steps: readonly { readonly what: string; readonly state: string }[];
}

describe('moving over from External Secrets Operator', { skip }, () => {
  const started = new AsyncDisposableStack();
  let cluster: KubernetesCluster;

  async function store(name: string, provider: object): Promise<void> {
    await create(cluster, '/apis/external-secrets.io/v1/namespaces/shop/secretstores', {
      ...{ apiVersion: 'external-secrets.io/v1', kind: 'SecretStore', metadata: { name }, spec: { provider } },
    });
  }

  async function external(name: string, more: object = {}): Promise<ObjectMeta> {
    const made = await create(cluster, ES, {
      ...{ apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', metadata: { name, labels: { app: name } } },
      spec: {
        ...{ secretStoreRef: { kind: 'SecretStore', name: 'plain' }, refreshInterval: '1h0m0s' },
        ...{ target: { creationPolicy: 'Owner', deletionPolicy: 'Retain' } },
        data: [{ secretKey: 'pw', remoteRef: { key: name } }],
        ...more,
      },
    });
    return (made as KubernetesObject).metadata;
  }

  /** As their controller leaves it: owner, labels, annotation, field manager, and a status that says so. */
  async function synced(metadata: ObjectMeta, withStatus: boolean): Promise<void> {
    const { name, uid } = metadata;
    const data = { pw: base64(`value of ${name}`) };
    await create(cluster, `${SECRETS}?fieldManager=externalsecrets.external-secrets.io/${name}`, {
      metadata: {
        name,
        labels: {
          app: name,
          'reconcile.external-secrets.io/created-by': ownerHash(metadata),
          'reconcile.external-secrets.io/managed': 'true',
        },
        annotations: { 'reconcile.external-secrets.io/data-hash': dataHash(data) },
        ownerReferences: [
          {
            apiVersion: 'external-secrets.io/v1',
            kind: 'ExternalSecret',
            name,
            uid,
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      },
      ...{ type: 'Opaque', data },
    });
    if (!withStatus) return;
    const now = new Date().toISOString().replace(/\.\d+/, '');
    const { body } = await cluster.ask('GET', `${ES}/${name}`);
    const ready = {
      type: 'Ready',
      status: 'True',
      reason: 'SecretSynced',
      message: 'secret synced',
      lastTransitionTime: now,
    };
    const status = {
      refreshTime: now,
      syncedResourceVersion: syncedVersion(metadata),
      conditions: [ready],
      binding: { name },
    };
    assert.equal((await cluster.ask('PUT', `${ES}/${name}/status`, { ...(body as object), status })).status, 200);
  }

  async function migrate(...argv: readonly string[]) {
    const env = { PATH: process.env['PATH'], KUBECONFIG: cluster.kubeconfig() };
    const { code, stdout, stderr } = await run(executable, ['migrate', 'eso', '-format=json', ...argv], { env });
    assert.notEqual(stdout, '', stderr);
    return { code, stderr, report: JSON.parse(stdout) as Report };
  }

  /** Of every Secret and every object: nothing of either was written. */
  async function versions(path: string): Promise<Readonly<Record<string, string>>> {
    const { body } = await cluster.ask('GET', path);
    const { items } = body as { readonly items: readonly { readonly metadata: ObjectMeta }[] };
    return Object.fromEntries(items.map(({ metadata }) => [metadata.name, metadata.resourceVersion ?? '']));
  }

  before(async () => {
    cluster = started.use(await startCluster());
    await makeNamespaces(cluster, ['shop', 'eso']);
    await applyAll(cluster, [...theirKinds(), foreignKind]);
    await untilServed(cluster);
    const labels = { 'app.kubernetes.io/name': 'external-secrets' };
    await create(cluster, '/apis/apps/v1/namespaces/eso/deployments', {
      metadata: { name: 'external-secrets', labels },
      spec: {
        ...{ replicas: 1, selector: { matchLabels: labels } },
        template: { metadata: { labels }, spec: { containers: [{ name: 'controller', image: 'none' }] } },
      },
    });
    await store('plain', {
      fake: { data: [...numbers, 'foreign', 'drifting'].map((key) => ({ key, value: `value of ${key}` })) },
    });
    for (const [i, name] of numbers.entries()) await synced(await external(name), i % 2 === 0);
  });
  after(() => started.disposeAsync());

  test('what works is taken over without one Secret being written', async () => {
    const before = await versions(SECRETS);
    const objects = await versions(ES);
    const looked = await migrate();
    assert.deepEqual([looked.code, looked.report.dry, looked.report.operators], [0, true, ['eso/external-secrets']]);
    assert.deepEqual(
      looked.report.findings.flatMap(({ notes }) => notes),
      [],
    );
    assert.deepEqual(new Set(looked.report.steps.map(({ state }) => state)), new Set(['to be done']));
    assert.equal((await cluster.ask('GET', '/api/v1/namespaces/lockstep-system')).status, 404);

    for (const expected of ['done', 'there already']) {
      const taken = await migrate('-apply');
      assert.deepEqual(
        [taken.code, taken.report.dry, taken.report.steps[0]?.state],
        [0, false, expected],
        taken.stderr,
      );
    }
    const { body } = await cluster.ask('GET', '/apis/apps/v1/namespaces/eso/deployments/external-secrets');
    const { spec, metadata } = body as { spec: { replicas: number }; metadata: ObjectMeta };
    assert.deepEqual([spec.replicas, metadata.annotations?.['lockstep/replicas-before']], [0, '1']);
    assert.deepEqual(await versions(ES), objects);

    const account = { namespace: 'lockstep-system', name: 'lockstep-controller' };
    const kubeconfig = cluster.kubeconfig(undefined, await projectedToken(cluster, account, []));
    const end = controllersOf(kubeconfig)(`127.0.0.1:${String(await freePort())}`);
    try {
      for (const name of numbers) await untilReady(name);
      // After them all, one whose Secret somebody changed: by then each was looked at.
      const data = { pw: base64('drifted') };
      const { body: found } = await cluster.ask('GET', `${SECRETS}/app0`);
      await cluster.ask('PUT', `${SECRETS}/app0`, { ...(found as object), data });
      while (
        (await cluster.ask('GET', `${SECRETS}/app0`).then(({ body: now }) => (now as Seen).data?.['pw'])) === data.pw
      )
        await pause(50);
      const { app0: _repaired, ...now } = await versions(SECRETS);
      const { app0: _before, ...then } = before;
      assert.deepEqual(now, then);
    } finally {
      await end('SIGTERM');
    }
  });

  async function untilReady(name: string): Promise<void> {
    for (;;) {
      const { body } = await cluster.ask('GET', `${ES}/${name}`);
      if ((body as Seen).status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')) return;
      await pause(50);
    }
  }

  test('what does not work or differs is named by field, and nothing is taken over then', async () => {
    // Their kinds again: fields that ours have not are kept.
    await applyAll(cluster, theirKinds());
    const target = { creationPolicy: 'Owner', deletionPolicy: 'Retain' };
    while (!JSON.stringify((await cluster.ask('POST', `${ES}?dryRun=All`, probe)).body).includes('"later"'))
      await pause(50);
    await external('manifest', { target: { ...target, manifest: { apiVersion: 'v1', kind: 'ConfigMap' } } });
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role' };
    await external('power', { target: { ...target, manifest: role } });
    await external('later', { target: { ...target, later: true } });
    await external('deleting', { target: { ...target, deletionPolicy: 'Delete' } });
    await external('mfa', { dataFrom: [{ sourceRef: { generatorRef: { kind: 'MFA', name: 'x' } } }] });
    await create(cluster, SECRETS, { metadata: { name: 'foreign' }, data: { a: base64('theirs') } });
    await external('foreign');
    await create(cluster, '/apis/generators.external-secrets.io/v1alpha1/namespaces/shop/mfas', {
      ...{ apiVersion: 'generators.external-secrets.io/v1alpha1', kind: 'MFA', metadata: { name: 'x' } },
    });
    await store('elsewhere', { onepassword: { connectHost: 'https://example.test' } });
    const kubernetes = (more: object) => ({
      vault: { server: 'https://v.test', auth: { kubernetes: { mountPath: 'k', role: 'r', ...more } } },
    });
    await store('lent', kubernetes({}));
    await store('own', kubernetes({ serviceAccountRef: { name: 'reader' } }));
    const { code, report } = await migrate();
    const noted = Object.fromEntries(
      report.findings
        .filter(({ notes }) => notes.length > 0)
        .map(({ name, notes }) => [name, notes.map((each) => `${each.verdict} ${each.field}`)]),
    );
    assert.deepEqual(noted, {
      manifest: ['differs spec.target.manifest'],
      power: ['unsupported spec.target.manifest'],
      later: ['unsupported spec.target.later'],
      deleting: ['differs spec.target.deletionPolicy'],
      mfa: ['unsupported spec.dataFrom[].sourceRef.generatorRef.kind'],
      foreign: ['unsupported spec.target'],
      elsewhere: ['unsupported spec.provider.onepassword'],
      lent: ['unsupported spec.provider.vault.auth.kubernetes'],
    });
    assert.deepEqual([code, report.accounts, report.otherKinds], [2, ['shop/reader'], [{ kind: 'MFA', count: 1 }]]);
    const refused = await migrate('-apply');
    assert.deepEqual([refused.code, refused.report.dry], [2, true]);
    assert.match(refused.stderr, /6 objects are not supported.*; 1 objects of the kind MFA.*-accept-unsupported/);
    const accepted = await migrate('-apply', '-accept-unsupported');
    assert.deepEqual([accepted.code, accepted.report.dry], [0, false]);
    // Whose tokens may be asked for is what the stores name.
    const tokens = '/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles/lockstep-controller-tokens';
    assert.match(JSON.stringify((await cluster.ask('GET', tokens)).body), /"resourceNames":\["reader"\]/);
  });

  const probe = {
    ...{ apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', metadata: { name: 'probe' } },
    spec: { target: { later: true } },
  };
});
