/** The control planes that the other tests of this suite rely on: that they are real, and strangers to each other. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { etcdVersion, kubernetesVersion, withoutControlPlane } from './support/binaries.ts';
import { startCluster, type KubernetesCluster } from './support/cluster.ts';

const skip = await withoutControlPlane();
const accounts = '/api/v1/namespaces/default/serviceaccounts';

interface Review {
  readonly status: { readonly authenticated?: boolean; readonly user?: { readonly username?: string } };
}

async function makeAccount(cluster: KubernetesCluster, name: string): Promise<void> {
  assert.equal((await cluster.ask('POST', accounts, { metadata: { name } })).status, 201);
}

async function tokenOf(cluster: KubernetesCluster, name: string): Promise<string> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } };
  const { status, body: made } = await cluster.ask('POST', `${accounts}/${name}/token`, body);
  assert.equal(status, 201);
  return (made as { readonly status: { readonly token: string } }).status.token;
}

async function review(cluster: KubernetesCluster, token: string): Promise<Review['status']> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } };
  const answer = await cluster.ask('POST', '/apis/authentication.k8s.io/v1/tokenreviews', body);
  assert.equal(answer.status, 201);
  return (answer.body as Review).status;
}

test('the versions are those of the Go modules', () => {
  const moduleOf = (name: string): string => readFileSync(join(import.meta.dirname, name, 'go.mod'), 'utf8');
  assert.ok(moduleOf('control-plane').includes(`k8s.io/kubernetes v${kubernetesVersion}\n`));
  assert.match(moduleOf('etcd'), new RegExp(`go\\.etcd\\.io/etcd/server/v3 v${etcdVersion.replaceAll('.', '\\.')}\\b`));
});

describe('two control planes at once', { skip }, () => {
  const started = new AsyncDisposableStack();
  let one: KubernetesCluster, other: KubernetesCluster;
  const start = async (): Promise<KubernetesCluster> => started.use(await startCluster());
  before(async () => {
    [one, other] = await Promise.all([start(), start()]);
  });
  after(() => started.disposeAsync());

  test('each knows its own tokens and not those of the other', async () => {
    await Promise.all([makeAccount(one, 'app'), makeAccount(other, 'app')]);
    const token = await tokenOf(one, 'app');
    assert.equal((await review(one, token)).user?.username, 'system:serviceaccount:default:app');
    assert.notEqual((await review(other, token)).authenticated, true);
    assert.notEqual(one.issuer, other.issuer);
    assert.notEqual(one.tokenKey, other.tokenKey);
  });

  test('a token ends with its service account', async () => {
    await makeAccount(one, 'short');
    const token = await tokenOf(one, 'short');
    assert.equal((await one.ask('DELETE', `${accounts}/short`)).status, 200);
    assert.notEqual((await review(one, token)).authenticated, true);
  });

  test('the keys that it publishes are its own', async () => {
    const { body } = await one.ask('GET', '/.well-known/openid-configuration');
    assert.equal((body as { readonly issuer: string }).issuer, one.issuer);
    const keys = await Promise.all([one.ask('GET', '/openid/v1/jwks'), other.ask('GET', '/openid/v1/jwks')]);
    assert.notDeepEqual(keys[0].body, keys[1].body);
  });

  test('one of the other authority is not trusted, nor a token that it did not give', async () => {
    assert.notEqual(one.authority, other.authority);
    assert.equal((await one.ask('GET', accounts, undefined, 'made-up')).status, 401);
  });
});

describe('a control plane that ends', { skip }, () => {
  test('leaves no process', async () => {
    let pids: readonly number[];
    {
      await using cluster = await startCluster();
      pids = cluster.pids;
      assert.equal(pids.length, 3);
      await cluster.endApiServer();
      await assert.rejects(cluster.ask('GET', '/readyz'));
    }
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  });
});
