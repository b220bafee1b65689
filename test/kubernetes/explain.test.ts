/** `lockstep explain` on a real API server, as somebody asks it who wonders why a Secret is not there. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { text } from 'node:stream/consumers';
import { withoutControlPlane } from './support/binaries.ts';
import { startCluster } from './support/cluster.ts';
import { applyManifests } from './support/controllers.ts';
import { create, projectedToken, serviceAccounts } from './support/service-accounts.ts';

const skip = await withoutControlPlane();
const GROUP = '/apis/external-secrets.io/v1';
const executable = join(import.meta.dirname, '../../bin/lockstep');

async function explained(kubeconfig: string, ...argv: readonly string[]) {
  const child = spawn(executable, ['explain', ...argv, `-kubeconfig=${kubeconfig}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await ended) as [number | null];
  return { code, stdout, stderr };
}

test('explain follows an ExternalSecret to its store and its credentials', { skip }, async () => {
  await using cluster = await startCluster();
  for (const name of ['shop', 'lockstep-system']) await create(cluster, '/api/v1/namespaces', { metadata: { name } });
  await applyManifests(cluster);
  for (const plural of ['externalsecrets', 'secretstores', 'clustersecretstores']) {
    while ((await cluster.ask('GET', `${GROUP}/${plural}`)).status !== 200);
  }
  const auth = { tokenSecretRef: { name: 'token', key: 'token' } };
  await create(cluster, `${GROUP}/namespaces/shop/secretstores`, {
    ...{ apiVersion: 'external-secrets.io/v1', kind: 'SecretStore', metadata: { name: 'ours' } },
    spec: { provider: { vault: { server: 'https://vault.test', path: 'kv', auth } } },
  });
  await create(cluster, `${GROUP}/namespaces/shop/externalsecrets`, {
    ...{ apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', metadata: { name: 'db' } },
    spec: {
      secretStoreRef: { kind: 'SecretStore', name: 'ours' },
      data: [{ secretKey: 'pw', remoteRef: { key: 'db', property: 'password' } }],
    },
  });
  const kubeconfig = cluster.kubeconfig();
  const first = await explained(kubeconfig, 'externalsecret', 'shop/db');
  assert.equal(first.code, 2, first.stderr);
  assert.match(first.stdout, /! ExternalSecret shop\/db: no condition yet\n +-> no controller has looked at it/);
  assert.match(first.stdout, /! Secret shop\/token \(vault\.auth\.tokenSecretRef\): is not there/);
  assert.match(first.stdout, /\+ pw is "db" property password of ours/);
  const SECRET = Buffer.from('t0p-secret').toString('base64');
  await create(cluster, '/api/v1/namespaces/shop/secrets', { metadata: { name: 'token' }, data: { token: SECRET } });
  const then = await explained(kubeconfig, 'es', 'shop/db');
  assert.match(then.stdout, /\+ Secret shop\/token \(vault\.auth\.tokenSecretRef\): is there/);
  assert.ok(!then.stdout.includes('t0p-secret') && !then.stdout.includes(SECRET));
  // Who may read ExternalSecrets and stores alone is told so of the rest.
  const rules = [{ apiGroups: ['external-secrets.io'], resources: ['*'], verbs: ['get'] }];
  await create(cluster, '/apis/rbac.authorization.k8s.io/v1/clusterroles', { metadata: { name: 'looks' }, rules });
  await create(cluster, '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'looks' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'looks' },
    subjects: [{ kind: 'ServiceAccount', namespace: 'shop', name: 'default' }],
  });
  const account = `${serviceAccounts('shop')}/default`;
  while ((await cluster.ask('GET', account)).status !== 200);
  const token = await projectedToken(cluster, { namespace: 'shop', name: 'default' }, []);
  const little = await explained(cluster.kubeconfig(undefined, token), 'externalsecret', 'shop/db');
  assert.match(little.stdout, /\? Secret shop\/token .* may not be looked at with these credentials/);
  const none = await explained(kubeconfig, 'externalsecret', 'shop/other');
  assert.deepEqual([none.code, none.stderr], [1, 'error: there is no ExternalSecret shop/other\n']);
  const wrong = await explained(kubeconfig, 'externalsecret', 'db');
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /<namespace>\/<name>/);
});
