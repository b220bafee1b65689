/** Pods of two real clusters log in at a region by the keys alone: with both API servers ended, then with the hub killed too. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { REFUSED } from '../../src/lib/jwt/refusal.ts';
import type { Answer } from '../faults/caller.ts';
import { Fleet, until } from '../faults/fleet.ts';
import { withoutControlPlane } from './support/binaries.ts';
import { startCluster, type KubernetesCluster } from './support/cluster.ts';
import { create, partsOf, projectedToken, resigned, serviceAccounts } from './support/service-accounts.ts';

const skip = await withoutControlPlane();
const executable = join(import.meta.dirname, '../../bin/lockstep');
const AUDIENCE = 'lockstep';

/** `known` has logged in at the hub, the others nowhere; they log in first while the hub is there, and while it is away. */
const ACCOUNTS = ['known', 'first', 'second'] as const;
type AccountName = (typeof ACCOUNTS)[number];
type Tokens = Readonly<Record<AccountName | 'elsewhere' | 'theirs', string>>;

async function tokensOf(cluster: KubernetesCluster): Promise<Tokens> {
  await create(cluster, '/api/v1/namespaces', { metadata: { name: 'shop' } });
  for (const name of ACCOUNTS) await create(cluster, serviceAccounts('shop'), { metadata: { name } });
  const of = (name: AccountName, audiences: readonly string[]) =>
    projectedToken(cluster, { namespace: 'shop', name }, audiences);
  return {
    known: await of('known', [AUDIENCE]),
    first: await of('first', [AUDIENCE]),
    second: await of('second', [AUDIENCE]),
    /** For somebody else, and for the API server itself. */
    elsewhere: await of('known', ['elsewhere']),
    theirs: await of('known', []),
  };
}

/** What is wrong, by a name; made of a good token of the cluster. */
function wrongTokens(cluster: KubernetesCluster, tokens: Tokens): Readonly<Record<string, string>> {
  const { known: good } = tokens;
  const now = Math.floor(Date.now() / 1_000);
  const [, payload = '', signature = ''] = good.split('.');
  const headed = (header: object): string => Buffer.from(JSON.stringify(header)).toString('base64url');
  const { header } = partsOf(good);
  const mac = (alg: string): string => {
    const text = `${headed({ ...header, alg })}.${payload}`;
    return `${text}.${createHmac('sha256', cluster.tokenKey).update(text).digest('base64url')}`;
  };
  return {
    'another audience': tokens.elsewhere,
    'the API server’s own audience': tokens.theirs,
    'both audiences': resigned(cluster, good, { aud: [AUDIENCE, cluster.issuer] }),
    expired: resigned(cluster, good, { iat: now - 3_000, nbf: now - 3_000, exp: now - 1_000 }),
    'not yet valid': resigned(cluster, good, { nbf: now + 600 }),
    'issued over an hour ago': resigned(cluster, good, { iat: now - 4_000, nbf: now - 4_000, exp: now + 9_000 }),
    'another issuer': resigned(cluster, good, { iss: 'https://kubernetes.elsewhere.test' }),
    'an unknown kid': resigned(cluster, good, {}, { kid: 'unknown' }),
    'alg none': `${headed({ ...header, alg: 'none' })}.${payload}.`,
    'alg none with a signature': `${headed({ ...header, alg: 'none' })}.${payload}.${signature}`,
    'a MAC by the public key': mac('HS256'),
    'a MAC that calls itself RS256': mac('RS256'),
    'other claims under the old signature': `${headed(header)}.${headed({ ...partsOf(good).claims, sub: 'system:serviceaccount:shop:first' })}.${signature}`,
  };
}

interface Auth {
  readonly client_token: string;
  readonly entity_id: string;
}

const authOf = ({ status, bare, errors }: Answer): Auth => {
  assert.equal(status, 200, errors.join());
  return bare['auth'] as Auth;
};

describe('two registered clusters at a region', { skip }, () => {
  const started = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-kubernetes-regions-'));
  started.defer(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const fleet = started.use(new Fleet(folder));
  let clusters: Readonly<Record<'one' | 'two', KubernetesCluster>>;
  let tokens: Readonly<Record<'one' | 'two', Tokens>>;
  const names = ['one', 'two'] as const;
  const other = { one: 'two', two: 'one' } as const;

  const at = (server: string, token?: string) => fleet.caller(server, token);
  const login = (mount: string, jwt: string, server = 'eu'): Promise<Answer> =>
    at(server, '').ask('POST', `auth/${mount}/login`, { role: 'workload', jwt });

  /** `lockstep clusters …` as at that server's operator; what it said on standard error, empty where it went well. */
  async function run(server: string, ...argv: readonly string[]): Promise<{ stdout: string; stderr: string }> {
    const { address, token } = fleet.access(server);
    const env = { PATH: process.env['PATH'], HOME: '/nonexistent', VAULT_ADDR: address, VAULT_TOKEN: token };
    const ran = promisify(execFile)(executable, ['clusters', ...argv], { env });
    return ran.catch((error: unknown) => error as { stdout: string; stderr: string });
  }

  async function states(...argv: readonly string[]): Promise<readonly string[]> {
    const { stdout, stderr } = await run('hub', 'add', '-format=json', ...argv);
    assert.notEqual(stdout, '', stderr);
    return (JSON.parse(stdout) as { steps: readonly { state: string }[] }).steps.map(({ state }) => state);
  }

  const pathsOf = async (): Promise<unknown> => (await at('hub').ask('GET', 'sys/regions/eu')).data['paths'];

  /** A login reads its own cluster's and namespace's secret, and nothing else. */
  async function assertReads(mount: 'one' | 'two', token: string): Promise<void> {
    const caller = at('eu', token);
    const found: Record<string, number> = {};
    for (const place of [`${mount}/shop/db`, `${other[mount]}/shop/db`, `${mount}/other/db`]) {
      found[place] = (await caller.ask('GET', `kv/data/${place}`)).status;
    }
    assert.deepEqual(Object.values(found), [200, 403, 403], JSON.stringify(found));
  }

  before(async () => {
    const start = async (): Promise<KubernetesCluster> => started.use(await startCluster());
    const [one, two] = await Promise.all([start(), start()]);
    clusters = { one, two };
    tokens = { one: await tokensOf(one), two: await tokensOf(two) };
    await fleet.startHub();
    const hub = at('hub');
    assert.equal((await hub.ask('POST', 'sys/mounts/kv', { type: 'kv', options: { version: '2' } })).status, 204);
    for (const place of ['one/shop', 'two/shop', 'one/other', 'two/other']) {
      assert.equal((await hub.ask('POST', `kv/data/${place}/db`, { data: { place } })).status, 200);
    }
    await fleet.startRegion({ name: 'eu', delayMs: 0, paths: ['shared/'] });
    assert.deepEqual(await states('-region=eu', `-kubeconfig=${one.kubeconfig()}`, 'one'), [
      ...['made', 'made', 'made', 'made', 'changed'],
    ]);
    assert.deepEqual(await states('-region=eu', `-kubeconfig=${two.kubeconfig()}`, 'two'), [
      ...['made', 'made', 'there', 'made', 'changed'],
    ]);
    for (const name of names) authOf(await login(name, tokens[name].known, 'hub'));
    await fleet.arrived();
  });
  after(() => started.disposeAsync());

  test('a cluster is registered at a region by one command, which adds to what the region may hold', async () => {
    const kubeconfig = `-kubeconfig=${clusters.one.kubeconfig()}`;
    const paths = ['auth/one/', 'auth/two/', 'kv/one/', 'kv/two/', 'shared/', 'sys/policies/acl/kubernetes-tenant'];
    assert.deepEqual(await pathsOf(), paths);
    assert.deepEqual((await states('-region=eu', '-region=eu', kubeconfig, 'one')).slice(4), ['there']);
    assert.deepEqual((await states('-dry-run', '-region=eu', kubeconfig, 'other')).slice(4), ['changed']);
    const unknown = await run('hub', 'add', '-region=nowhere', kubeconfig, 'other');
    assert.match(unknown.stderr, /There is no region "nowhere", or this server is no hub/);
    assert.equal((await at('hub').ask('GET', 'sys/auth/other')).status, 400, 'nothing is made of what is refused');
    assert.deepEqual(await pathsOf(), paths);
    // A wider entry is enough, and stays.
    assert.equal((await at('hub').ask('PATCH', 'sys/regions/eu', { paths: ['auth/', 'kv/*', 'sys/*'] })).status, 204);
    assert.deepEqual((await states('-region=eu', kubeconfig, 'one')).slice(4), ['there']);
    assert.equal((await at('hub').ask('PATCH', 'sys/regions/eu', { paths })).status, 204);
    await fleet.arrived();
  });

  test('at the region itself nothing is registered, and no keys are published: it says where', async () => {
    const added = await run('eu', 'add', `-kubeconfig=${clusters.one.kubeconfig()}`, 'other');
    assert.match(added.stderr, /a root token of a region rules that region alone: ask the hub/);
    const published = await at('eu', '').ask('POST', 'auth/one/keys/publish', { jwt: 'a.b.c', publication: 'a.b.c' });
    assert.deepEqual([published.status, published.errors], [403, ['this region may not write there: ask the hub']]);
    const { stdout } = await run('eu', 'list', '-format=json');
    const listed = JSON.parse(stdout) as readonly { readonly name: string; readonly issuer: string }[];
    assert.deepEqual(
      listed.map(({ name, issuer }) => [name, issuer]),
      names.map((name) => [name, clusters[name].issuer]),
    );
  });

  test('their pods log in there, and read their own secrets, with both API servers ended', async () => {
    // From here on nobody can be asked about a token.
    for (const name of names) await clusters[name].endApiServer();
    for (const name of names) {
      const known = authOf(await login(name, tokens[name].known));
      assert.equal(known.entity_id, authOf(await login(name, tokens[name].known, 'hub')).entity_id);
      await assertReads(name, known.client_token);
      await assertReads(name, authOf(await login(name, tokens[name].first)).client_token);
    }
  });

  test('the hub is killed: pods log in on, also those that nobody has seen before, and what they were given works', async () => {
    await fleet.kill('hub');
    for (const name of names) {
      const { client_token: token, entity_id: entity } = authOf(await login(name, tokens[name].second));
      assert.equal(authOf(await login(name, tokens[name].second)).entity_id, entity);
      await assertReads(name, token);
      const own = at('eu', token);
      const { status, data } = await own.ask('GET', 'auth/token/lookup-self');
      assert.deepEqual([status, data['entity_id'], data['path']], [200, entity, `auth/${name}/login`]);
      assert.equal((await own.ask('POST', 'auth/token/renew-self', {})).status, 200);
      assert.equal((await own.ask('POST', 'auth/token/revoke-self', {})).status, 204);
      assert.equal((await own.ask('GET', 'auth/token/lookup-self')).status, 403);
    }
  });

  test('tokens of the one never pass at the other’s mount, nor do tokens that are wrong in any way', async () => {
    for (const name of names) {
      const [cluster, { known, first, second }] = [clusters[name], tokens[name]];
      authOf(await login(name, resigned(cluster, known)));
      for (const token of [known, first, second]) {
        const { status, errors } = await login(other[name], token);
        assert.deepEqual([status, errors], [400, [REFUSED]], name);
      }
      // The other's key would have to sign it: its own signature under that key's name is none.
      const { kid } = partsOf(tokens[other[name]].known).header;
      const posing = resigned(cluster, known, { iss: clusters[other[name]].issuer }, { kid });
      assert.deepEqual((await login(other[name], posing)).errors, [REFUSED]);
      for (const [what, token] of Object.entries(wrongTokens(cluster, tokens[name]))) {
        const { status, errors } = await login(name, token);
        assert.deepEqual([status, errors], [400, [REFUSED]], `${name}: ${what}`);
      }
    }
  });

  test('what is the hub’s is answered with 503 and the reason while it is away', async () => {
    const publishing = await at('eu', '').ask('POST', 'auth/one/keys/publish', { jwt: 'a.b.c', publication: 'a.b.c' });
    const writing = await at('eu').ask('POST', 'auth/one/role/workload', { audience: AUDIENCE });
    for (const { status, errors } of [publishing, writing]) {
      assert.equal(status, 503);
      assert.match(errors.join(), /^the hub cannot be reached: reads go on, writes wait for it$/);
    }
  });

  test('a region that is started anew without its hub logs pods in, until offline_login_max has passed', async () => {
    const held = authOf(await login('one', tokens.one.known)).client_token;
    await fleet.kill('eu');
    await fleet.start('eu');
    for (const name of names) authOf(await login(name, tokens[name].known));
    await fleet.kill('eu');
    appendFileSync(join(folder, 'eu.hcl'), 'offline_login_max = "2s"\n');
    await fleet.start('eu');
    const refused = await until('logins to be refused', async () => {
      const answer = await login('one', tokens.one.known);
      return answer.status === 200 ? undefined : answer;
    });
    const age = refused.age ?? 0;
    assert.equal(refused.status, 503);
    assert.match(
      refused.errors.join(),
      /^this region has not heard from its hub for \d+ s and logs nobody in after 2 s \(offline_login_max\): restore the connection to the hub, or raise the limit$/,
    );
    assert.ok(age > 2, String(age));
    assert.equal((await login('two', tokens.two.known)).status, 503);
    // What was given before goes on.
    await assertReads('one', held);
  });

  test('the hub is back, and pods log in again', async () => {
    await fleet.start('hub');
    await fleet.connected('eu');
    for (const name of names) {
      const again = await until('a login', async () => {
        const answer = await login(name, tokens[name].second);
        return answer.status === 503 ? undefined : answer;
      });
      // Who logged in first while the hub was away is at the hub who the region said.
      assert.equal(authOf(again).entity_id, authOf(await login(name, tokens[name].second, 'hub')).entity_id);
    }
  });
});
