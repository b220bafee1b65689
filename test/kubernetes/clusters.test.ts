/** `lockstep clusters` against two real clusters: registered, logged in from, and followed when their keys are rotated. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { Client } from '../../src/client/client.ts';
import { clientDefaults } from '../../src/client/settings.ts';
import { KeyPublisher } from '../../src/cli/clusters/key-publisher.ts';
import { KubernetesApi } from '../../src/kube/api.ts';
import { readKubeconfig } from '../../src/kube/kubeconfig.ts';
import { plainServer, type PlainServer } from '../support/snapshots.ts';
import { withoutControlPlane } from './support/binaries.ts';
import { startCluster, type KubernetesCluster } from './support/cluster.ts';
import { frontDoor, type FrontDoor } from './support/front-door.ts';
import { create, projectedToken, type ServiceAccountName } from './support/service-accounts.ts';

const skip = await withoutControlPlane();
const executable = join(import.meta.dirname, '../../bin/lockstep');
const PUBLISHER = { namespace: 'lockstep-system', name: 'lockstep-keys' };

interface Ran {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

async function lockstep({ server, token }: PlainServer, ...argv: readonly string[]): Promise<Ran> {
  const env = {
    ...{ PATH: process.env['PATH'], HOME: '/nonexistent' },
    ...{ VAULT_ADDR: await server.address(), VAULT_TOKEN: token },
  };
  return new Promise((resolve) => {
    execFile(executable, [...argv], { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}

const tokenOf = (
  cluster: KubernetesCluster,
  account: ServiceAccountName,
  audiences: readonly string[] = ['lockstep'],
): Promise<string> => projectedToken(cluster, account, audiences);

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly namespace?: string };
}

const PLURALS: Readonly<Record<string, string>> = {
  Namespace: 'namespaces',
  ServiceAccount: 'serviceaccounts',
  Role: 'roles',
  RoleBinding: 'rolebindings',
  ClusterRoleBinding: 'clusterrolebindings',
  Deployment: 'deployments',
};

/** As `kubectl apply` of a new manifest. */
async function apply(cluster: KubernetesCluster, manifest: string): Promise<void> {
  for (const document of parseAllDocuments(manifest)) {
    const object = document.toJS() as Manifest;
    const { apiVersion, kind, metadata } = object;
    const base = apiVersion === 'v1' ? '/api/v1' : `/apis/${apiVersion}`;
    const within = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`;
    await create(cluster, `${base}${within}/${PLURALS[kind] ?? ''}`, object);
  }
}

describe('two registered clusters', { skip }, () => {
  const started = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-clusters-'));
  started.defer(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  let one: KubernetesCluster, two: KubernetesCluster;
  let door: FrontDoor;
  let node: PlainServer;
  const run = (...argv: readonly string[]): Promise<Ran> => lockstep(node, ...argv);
  const ask = (method: string, path: string, body?: object, token = node.token) =>
    node.server.ask(method, `/v1/${path}`, { token, ...(body === undefined ? {} : { body }) });
  const login = async (mount: string, jwt: string): Promise<string | undefined> => {
    const { json, status } = await ask('POST', `auth/${mount}/login`, { role: 'workload', jwt }, '');
    return status === 200 ? (json['auth'] as { readonly client_token: string }).client_token : undefined;
  };
  const told = async (...argv: readonly string[]): Promise<Record<string, unknown>> => {
    const { stdout, stderr } = await run(...argv, '-format=json');
    assert.notEqual(stdout, '', stderr);
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  const states = (found: Record<string, unknown>): readonly string[] =>
    (found['steps'] as readonly { readonly state: string }[]).map(({ state }) => state);

  before(async () => {
    const start = async (): Promise<KubernetesCluster> => started.use(await startCluster());
    [one, two] = await Promise.all([start(), start()]);
    door = started.use(await frontDoor(() => one.address));
    for (const cluster of [one, two]) {
      await create(cluster, '/api/v1/namespaces', { metadata: { name: 'shop' } });
      await create(cluster, '/api/v1/namespaces/shop/serviceaccounts', { metadata: { name: 'app' } });
    }
    node = await plainServer({
      after: (end) => {
        started.defer(end as () => Promise<void>);
      },
    });
    assert.equal((await ask('POST', 'sys/mounts/kv', { type: 'kv', options: { version: '2' } })).status, 204);
    for (const place of ['one/shop', 'two/shop', 'one/other']) {
      assert.equal((await ask('POST', `kv/data/${place}/db`, { data: { place } })).status, 200);
    }
  });
  after(() => started.disposeAsync());

  test('each is registered by one command, which changes nothing when it is run again', async () => {
    const dry = await told('clusters', 'add', '-dry-run', `-kubeconfig=${one.kubeconfig()}`, 'one');
    assert.deepEqual([states(dry), (await ask('GET', 'sys/auth/one')).status], [['made', 'made', 'made', 'made'], 400]);
    const added = await told('clusters', 'add', `-kubeconfig=${one.kubeconfig()}`, 'one');
    assert.deepEqual([states(added), added['issuer']], [['made', 'made', 'made', 'made'], one.issuer]);
    const again = await told('clusters', 'add', `-kubeconfig=${one.kubeconfig()}`, 'one');
    assert.deepEqual(states(again), ['there', 'there', 'there', 'there']);
    // The policy is there by now.
    const other = await told('clusters', 'add', `-kubeconfig=${two.kubeconfig()}`, 'two');
    assert.deepEqual(states(other), ['made', 'made', 'there', 'made']);
    // What was cut off goes on.
    assert.equal((await ask('DELETE', 'auth/two/role/workload')).status, 204);
    assert.deepEqual(states(await told('clusters', 'add', `-kubeconfig=${two.kubeconfig()}`, 'two')), [
      ...['there', 'there', 'there', 'made'],
    ]);
    const mixed = await run('clusters', 'add', `-kubeconfig=${two.kubeconfig()}`, 'one');
    assert.equal(mixed.code, 2);
    assert.match(mixed.stderr, /"one" is the cluster of .*, and this one’s issuer is/);
  });

  test('a program for credentials is shown, and runs with consent alone', async () => {
    const config = JSON.parse(readFileSync(one.kubeconfig(), 'utf8')) as {
      readonly users: readonly { readonly user: { readonly token: string } }[];
    };
    const ran = join(folder, 'ran');
    const script = `echo "{\\"status\\":{\\"token\\":\\"$TOKEN\\"}}"; echo "$VAULT_TOKEN" >> ${ran}`;
    const exec = {
      ...{ apiVersion: 'client.authentication.k8s.io/v1', command: 'sh', args: ['-c', script] },
      env: [{ name: 'TOKEN', value: config.users[0]?.user.token }],
    };
    const file = join(folder, 'exec.yaml');
    writeFileSync(file, JSON.stringify({ ...config, users: [{ name: 'test', user: { exec } }] }));
    for (const command of ['add', 'check', 'publish-keys']) {
      const refused = await run('clusters', command, `-kubeconfig=${file}`, 'one');
      assert.deepEqual([refused.code, existsSync(ran)], [1, false], command);
      assert.match(
        refused.stderr,
        /by a program, which was not run:\n\n {4}TOKEN=\S+ sh -c .*\n\nAllow that with -allow-exec/,
      );
    }
    const added = await told('clusters', 'add', '-allow-exec', `-kubeconfig=${file}`, 'one');
    assert.deepEqual(states(added), ['there', 'there', 'there', 'there']);
    // It ran, and was not given the token of Lockstep.
    assert.match(readFileSync(ran, 'utf8'), /^\n+$/);
  });

  test('pods read their own cluster’s and namespace’s secrets, and those alone', async () => {
    const app = { namespace: 'shop', name: 'app' };
    for (const [name, cluster, other] of [
      ['one', one, 'two'],
      ['two', two, 'one'],
    ] as const) {
      const token = await login(name, await tokenOf(cluster, app));
      assert.ok(token !== undefined);
      const status = async (path: string): Promise<number> =>
        (await ask('GET', `kv/data/${path}`, undefined, token)).status;
      assert.equal(await status(`${name}/shop/db`), 200);
      assert.equal(await status(`${other}/shop/db`), 403);
      assert.equal(await status(`${name}/other/db`), 403);
      assert.equal(await login(other, await tokenOf(cluster, app)), undefined);
    }
  });

  test('list and check tell of keys and logins', async () => {
    const { stdout } = await run('clusters', 'list', '-format=json');
    const clusters = JSON.parse(stdout) as readonly Record<string, unknown>[];
    assert.deepEqual(
      clusters.map(({ name, issuer, logins }) => [name, issuer, logins]),
      [
        ['one', one.issuer, 1],
        ['two', two.issuer, 1],
      ],
    );
    const same = await run('clusters', 'check', `-kubeconfig=${one.kubeconfig()}`, 'one');
    assert.deepEqual([same.code, same.stderr], [0, '']);
    assert.match(same.stdout, /ok: the issuer and all keys are the same/);
    const wrong = await run('clusters', 'check', `-kubeconfig=${two.kubeconfig()}`, 'one');
    assert.equal(wrong.code, 2);
    assert.match(wrong.stdout, /error: the API server’s issuer is/);
  });

  test('the cluster’s new key is followed from one moment to the next, and its old one goes when the cluster drops it', async () => {
    const { next } = await told('clusters', 'add', `-kubeconfig=${one.kubeconfig()}`, 'one');
    await apply(one, (next as { readonly publisher: string }).publisher);
    // What the publisher's pod has: its own account, and no other right than the manifest gives.
    const config = one.kubeconfig(door.address, await tokenOf(one, PUBLISHER, []));
    const once = await run('clusters', 'publish-keys', '-once', `-kubeconfig=${config}`, 'one');
    assert.deepEqual([once.code, once.stderr.startsWith('Nothing new: held are ')], [0, true], once.stderr);

    const client = new Client({ ...clientDefaults, address: await node.server.address(), token: '' });
    const api = new KubernetesApi(await readKubeconfig(config, { allowExec: false }));
    const publisher = new KeyPublisher({ api, account: PUBLISHER, mount: 'auth/one/', client, now: Date.now });
    assert.equal((await publisher.publish())['changed'], false);
    const app = { namespace: 'shop', name: 'app' };
    const before = await tokenOf(one, app);

    await one.restartApiServer(['accounts', 'second']);
    const fresh = await tokenOf(one, app);
    assert.equal(await login('one', fresh), undefined, 'nobody has vouched for the new key yet');
    assert.equal((await run('clusters', 'check', `-kubeconfig=${one.kubeconfig()}`, 'one')).code, 2);

    // Who was not there before has only tokens under the new key.
    const late = await run('clusters', 'publish-keys', '-once', `-kubeconfig=${config}`, 'one');
    assert.equal(late.code, 2);
    // Neither has another account, whatever its cluster would sign for it, nor the other cluster's publisher.
    const admin = new KubernetesApi(await readKubeconfig(one.kubeconfig(), { allowExec: false }));
    const impostor = new KeyPublisher({ api: admin, account: app, mount: 'auth/one/', client, now: Date.now });
    await assert.rejects(impostor.publish(), /the token is not accepted/);
    const foreign = new KeyPublisher({ api, account: PUBLISHER, mount: 'auth/two/', client, now: Date.now });
    await assert.rejects(foreign.publish(), /the token is not accepted/);

    const published = await publisher.publish();
    assert.deepEqual([published['changed'], (published['added'] as readonly string[]).length], [true, 1]);
    for (const jwt of [before, fresh]) assert.notEqual(await login('one', jwt), undefined);
    assert.equal((await run('clusters', 'check', `-kubeconfig=${one.kubeconfig()}`, 'one')).code, 0);
    assert.equal((await publisher.publish())['changed'], false);

    await one.restartApiServer(['second']);
    // The publisher's own API token was signed with the key that is gone.
    const renewed = await readKubeconfig(one.kubeconfig(door.address, await tokenOf(one, PUBLISHER, [])), {
      allowExec: false,
    });
    const after = new KeyPublisher({
      api: new KubernetesApi(renewed),
      account: PUBLISHER,
      mount: 'auth/one/',
      client,
      now: Date.now,
    });
    const dropped = await after.publish();
    assert.deepEqual([dropped['changed'], (dropped['dropped'] as readonly string[]).length], [true, 1]);
    assert.equal(await login('one', before), undefined);
    assert.notEqual(await login('one', fresh), undefined);
    client.close();
  });

  test('who is not the publisher gets no token for it', async () => {
    const config = two.kubeconfig(two.address, await tokenOf(two, { namespace: 'shop', name: 'app' }, []));
    const { code, stderr } = await run('clusters', 'publish-keys', '-once', `-kubeconfig=${config}`, 'two');
    assert.equal(code, 2);
    assert.match(stderr, /the API server answers 403/);
    const outside = await run('clusters', 'publish-keys', '-once', 'two');
    assert.equal(outside.code, 1);
    assert.match(outside.stderr, /this runs in no pod. Give -kubeconfig/);
  });

  test('a removed cluster logs in no more, and its tokens are gone', async () => {
    const token = await login('two', await tokenOf(two, { namespace: 'shop', name: 'app' }));
    const asked = await run('clusters', 'remove', 'two');
    assert.equal(asked.code, 1);
    assert.match(asked.stderr, /would take away the mount auth\/two .*its roles \(workload\)/);
    assert.equal((await ask('GET', 'kv/data/two/shop/db', undefined, token)).status, 200);
    assert.equal((await run('clusters', 'remove', '-force', 'two')).code, 0);
    assert.equal((await ask('GET', 'kv/data/two/shop/db', undefined, token)).status, 403);
    assert.equal(await login('two', await tokenOf(two, { namespace: 'shop', name: 'app' })), undefined);
  });
});
