import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupVersionOf, refusalOf } from './kinds.ts';

test('what becomes part of a path is a group and a version, and nothing else', () => {
  assert.deepEqual(groupVersionOf('v1'), { group: '', version: 'v1' });
  assert.deepEqual(groupVersionOf('argoproj.io/v1alpha1'), { group: 'argoproj.io', version: 'v1alpha1' });
  for (const each of [
    '',
    '/v1',
    'a/b/c',
    '../api/v1',
    'v1/../v2',
    'v1?x=',
    'A.io/v1',
    'a..io/v1',
    'a.io/',
    'a.io/v1#',
    'a%2f/v1',
  ])
    assert.equal(groupVersionOf(each), undefined, each);
});

test('kinds that are power are refused, whatever their version', () => {
  const refused = [
    ...[
      ['v1', 'Secret'],
      ['v1', 'Pod'],
      ['v1', 'ServiceAccount'],
      ['v1', 'Event'],
      ['v1', 'Endpoints'],
      ['v1', 'Namespace'],
    ],
    ...[
      ['apps/v1', 'Deployment'],
      ['batch/v1', 'Job'],
      ['policy/v1', 'PodDisruptionBudget'],
      ['extensions/v1beta1', 'Ingress'],
    ],
    ...[
      ['rbac.authorization.k8s.io/v1', 'Role'],
      ['rbac.authorization.k8s.io/v1', 'ClusterRoleBinding'],
    ],
    ...[
      ['coordination.k8s.io/v1', 'Lease'],
      ['networking.k8s.io/v1', 'NetworkPolicy'],
      ['k8s.io/v1', 'Any'],
    ],
    ...[
      ['external-secrets.io/v1', 'ExternalSecret'],
      ['external-secrets.io/v1', 'SecretStore'],
    ],
    ...[
      ['generators.external-secrets.io/v1alpha1', 'Password'],
      ['v1', 'Config/Map'],
      ['v1/x/y', 'ConfigMap'],
    ],
  ] as const;
  for (const [apiVersion, kind] of refused)
    assert.notEqual(refusalOf({ apiVersion, kind }, 'a'), undefined, `${apiVersion} ${kind}`);
  assert.match(
    refusalOf({ apiVersion: 'v1', kind: 'ConfigMap' }, 'kube-root-ca.crt') ?? '',
    /authority that pods trust/,
  );
  assert.equal(refusalOf({ apiVersion: 'v1', kind: 'ConfigMap' }, 'app'), undefined);
  assert.equal(refusalOf({ apiVersion: 'argoproj.io/v1alpha1', kind: 'Application' }, 'app'), undefined);
  assert.equal(refusalOf({ apiVersion: 'notk8s.io/v1', kind: 'Application' }, 'app'), undefined);
});
