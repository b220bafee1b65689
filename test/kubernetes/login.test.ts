/** Pods' tokens of two real API servers at our auth method: by TokenReview, and offline by the keys of each. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { REFUSED } from '../../src/lib/jwt/refusal.ts';
import type { Outcome } from '../../src/framework/request.ts';
import { ask, runningNode } from '../support/node.ts';
import { withoutControlPlane } from './support/binaries.ts';
import { startCluster, type KubernetesCluster } from './support/cluster.ts';
import { create, projectedToken, serviceAccounts } from './support/service-accounts.ts';

const skip = await withoutControlPlane();
const AUDIENCE = 'https://lockstep.test';

const tokenOf = (
  cluster: KubernetesCluster,
  [namespace, name]: readonly [string, string],
  audiences: readonly string[] = [AUDIENCE],
): Promise<string> => projectedToken(cluster, { namespace, name }, audiences);

async function makeAccount(cluster: KubernetesCluster, namespace: string, name: string): Promise<void> {
  await create(cluster, serviceAccounts(namespace), { metadata: { name } });
}

/** The account that asks for the mount, with the right to, and to look at namespaces. */
async function reviewerToken(cluster: KubernetesCluster): Promise<string> {
  const name = 'reviewer';
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  await makeAccount(cluster, 'default', name);
  const rules = [{ apiGroups: [''], resources: ['namespaces'], verbs: ['get'] }];
  await create(cluster, `${rbac}/clusterroles`, { metadata: { name: 'see-namespaces' }, rules });
  for (const role of ['system:auth-delegator', 'see-namespaces']) {
    await create(cluster, `${rbac}/clusterrolebindings`, {
      metadata: { name: `reviewer-${role.replace(':', '-')}` },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ kind: 'ServiceAccount', name, namespace: 'default' }],
    });
  }
  return tokenOf(cluster, ['default', name], []);
}

type Body = Readonly<Record<string, unknown>>;

/** A node with mounts for both clusters: `auth/one` and `auth/two` offline, `auth/asks` and `auth/itself` with the first one. */
async function nodeFor(one: KubernetesCluster, two: KubernetesCluster) {
  const { node, root: token } = await runningNode();
  const write = async (path: string, body: Body): Promise<void> => {
    const { status, errors } = await ask(node, 'POST', path, { token, body });
    assert.ok(status === 200 || status === 204, `${path}: ${JSON.stringify(errors)}`);
  };
  // Its type is application/jwk-set+json, so it comes as text.
  const { body: jwks } = await one.ask('GET', '/openid/v1/jwks');
  const host = { kubernetes_host: one.address, kubernetes_ca_cert: one.authority };
  const mounts: Readonly<Record<string, Body>> = {
    one: { jwks, issuer: one.issuer },
    two: { pem_keys: [two.tokenKey], issuer: two.issuer },
    asks: { ...host, token_reviewer_jwt: await reviewerToken(one) },
    itself: host,
  };
  for (const [name, config] of Object.entries(mounts)) {
    await write(`sys/auth/${name}`, { type: 'kubernetes' });
    await write(`auth/${name}/config`, config);
    await write(`auth/${name}/role/app`, {
      ...{ bound_service_account_names: 'app*', bound_service_account_namespaces: 'shop-*' },
      ...{ audience: name === 'itself' ? '' : AUDIENCE, token_policies: 'web' },
    });
  }
  const login = (mount: string, jwt: string, role = 'app'): Promise<Outcome> =>
    ask(node, 'POST', `auth/${mount}/login`, { body: { role, jwt } });
  return { node, write, login };
}

function assertRefused({ status, errors, refusal }: Outcome, check: RegExp): void {
  assert.deepEqual([status, errors], [400, [REFUSED]]);
  assert.match(refusal ?? '', check);
}

describe('service accounts of two clusters', { skip }, () => {
  const started = new AsyncDisposableStack();
  let one: KubernetesCluster, two: KubernetesCluster;
  let lockstep: Awaited<ReturnType<typeof nodeFor>>;
  before(async () => {
    const start = async (): Promise<KubernetesCluster> => started.use(await startCluster());
    [one, two] = await Promise.all([start(), start()]);
    for (const cluster of [one, two]) {
      for (const name of ['shop-a', 'other']) {
        await create(cluster, '/api/v1/namespaces', { metadata: { name, labels: { team: name } } });
        await makeAccount(cluster, name, 'app');
      }
      await makeAccount(cluster, 'shop-a', 'stranger');
    }
    lockstep = await nodeFor(one, two);
    started.use(lockstep.node);
  });
  after(() => started.disposeAsync());

  test('the API server makes its own audience the issuer, and that is refused offline', async () => {
    const token = await tokenOf(one, ['shop-a', 'app'], []);
    assertRefused(await lockstep.login('one', token), /^audience/);
    assertRefused(
      await lockstep.login('one', await tokenOf(one, ['shop-a', 'app'], [AUDIENCE, one.issuer])),
      /^audience/,
    );
    assertRefused(await lockstep.login('one', await tokenOf(one, ['shop-a', 'app'], ['other'])), /^audience/);
  });

  for (const mount of ['one', 'asks']) {
    test(`projected tokens log in, and each account is one entity: ${mount}`, async () => {
      const first = await lockstep.login(mount, await tokenOf(one, ['shop-a', 'app']));
      assert.equal(first.status, 200, JSON.stringify([first.errors, first.refusal]));
      const { metadata, policies, entity_id: entity } = first.auth ?? {};
      assert.deepEqual(policies, ['default', 'web']);
      const { service_account_namespace: namespace, service_account_uid: uid } = metadata as Record<string, string>;
      const account = (await one.ask('GET', `${serviceAccounts('shop-a')}/app`)).body as {
        readonly metadata: { readonly uid: string };
      };
      assert.deepEqual([namespace, uid], ['shop-a', account.metadata.uid]);
      const again = await lockstep.login(mount, await tokenOf(one, ['shop-a', 'app']));
      assert.equal(again.auth?.['entity_id'], entity);
    });

    test(`other accounts, namespaces, audiences and clusters do not: ${mount}`, async () => {
      assertRefused(await lockstep.login(mount, await tokenOf(one, ['shop-a', 'stranger'])), /^claim/);
      assertRefused(await lockstep.login(mount, await tokenOf(one, ['other', 'app'])), /^claim/);
      assertRefused(await lockstep.login(mount, await tokenOf(one, ['shop-a', 'app'], ['other'])), /^audience/);
      assertRefused(await lockstep.login(mount, await tokenOf(two, ['shop-a', 'app'])), /^(?:key|signature|review)/);
    });
  }

  test('the same account of the other cluster is somebody else', async () => {
    const [first, second] = await Promise.all([
      lockstep.login('one', await tokenOf(one, ['shop-a', 'app'])),
      lockstep.login('two', await tokenOf(two, ['shop-a', 'app'])),
    ]);
    assert.deepEqual([first.status, second.status], [200, 200]);
    assert.notEqual(first.auth?.['entity_id'], second.auth?.['entity_id']);
    assertRefused(await lockstep.login('two', await tokenOf(one, ['shop-a', 'app'])), /^(?:key|signature)/);
  });

  test('a deleted account is refused where the cluster is asked; offline its token ends by itself', async () => {
    await makeAccount(one, 'shop-a', 'app-short');
    // API servers remember for 10 seconds whom they have authenticated, so this one has not been asked about yet.
    const token = await tokenOf(one, ['shop-a', 'app-short']);
    const other = await tokenOf(one, ['shop-a', 'app-short']);
    assert.equal((await lockstep.login('asks', other)).status, 200);
    const before = await lockstep.login('one', token);
    assert.equal((await one.ask('DELETE', `${serviceAccounts('shop-a')}/app-short`)).status, 200);
    assertRefused(await lockstep.login('asks', token), /^review/);
    assert.equal((await lockstep.login('one', token)).status, 200, 'nobody is asked');
    await makeAccount(one, 'shop-a', 'app-short');
    assertRefused(await lockstep.login('asks', token), /^review/);
    const anew = await lockstep.login('one', await tokenOf(one, ['shop-a', 'app-short']));
    assert.equal(anew.status, 200);
    assert.notEqual(anew.auth?.['entity_id'], before.auth?.['entity_id'], 'made anew it is somebody else');
  });

  test('a token that is revoked by deleting what it is bound to is refused where the cluster is asked', async () => {
    const path = '/api/v1/namespaces/shop-a/secrets';
    const made = await create(one, path, { metadata: { name: 'bound' } });
    const { uid } = (made as { readonly metadata: { readonly uid: string } }).metadata;
    const to = { apiVersion: 'v1', kind: 'Secret', name: 'bound', uid };
    const bound = () => projectedToken(one, { namespace: 'shop-a', name: 'app' }, [AUDIENCE], to);
    // As above: the one that is refused later has not been asked about before.
    const token = await bound();
    assert.equal((await lockstep.login('asks', await bound())).status, 200);
    assert.equal((await one.ask('DELETE', `${path}/bound`)).status, 200);
    assertRefused(await lockstep.login('asks', token), /^review/);
  });

  test('without a reviewer, an account asks about itself once it may', async () => {
    await makeAccount(one, 'shop-a', 'app-self');
    const token = await tokenOf(one, ['shop-a', 'app-self'], []);
    assertRefused(await lockstep.login('itself', token), /^review: its account may not create tokenreviews/);
    await create(one, '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'self' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:auth-delegator' },
      subjects: [{ kind: 'ServiceAccount', name: 'app-self', namespace: 'shop-a' }],
    });
    // The authorizer hears of it a moment later.
    let answer = await lockstep.login('itself', token);
    while (answer.status === 400) answer = await lockstep.login('itself', token);
    assert.equal(answer.status, 200);
    assertRefused(await lockstep.login('itself', await tokenOf(two, ['shop-a', 'app'], [])), /^review/);
  });

  test('namespaces are bound by their labels', async () => {
    await lockstep.write('auth/asks/role/labels', {
      ...{ bound_service_account_names: 'app', audience: AUDIENCE },
      bound_service_account_namespace_selector:
        '{"matchExpressions":[{"key":"team","operator":"In","values":["other"]}]}',
    });
    assert.equal((await lockstep.login('asks', await tokenOf(one, ['other', 'app']), 'labels')).status, 200);
    assertRefused(await lockstep.login('asks', await tokenOf(one, ['shop-a', 'app']), 'labels'), /^claim/);
  });

  test('while the API server is away, offline logins go on, and the others are told to come back', async () => {
    const token = await tokenOf(one, ['shop-a', 'app']);
    await one.endApiServer();
    assert.equal((await lockstep.login('one', token)).status, 200);
    const { status, errors } = await lockstep.login('asks', token);
    assert.equal(status, 503);
    assert.match(errors?.[0] ?? '', /cannot be asked/);
  });
});
