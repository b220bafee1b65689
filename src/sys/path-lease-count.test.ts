import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { LeaseWorld } from '../../test/support/lease-world.ts';
import type { JsonObject } from '../framework/field.ts';

const quotaAt = 'sys/quotas/lease-count/q';

async function started(t: TestContext) {
  const world = await LeaseWorld.open(t);
  const put = (body: JsonObject, name: string = 'q') =>
    world.ask('POST', `sys/quotas/lease-count/${name}`, { body: { ...body } });
  const counter = async (name: string = 'q') =>
    (await world.must('GET', `sys/quotas/lease-count/${name}`)).reply?.data?.['counter'];
  const grant = async (path: string = 'db/creds/app') => (await world.ask('GET', path)).status;
  return { world, put, counter, grant };
}

/** An AppRole mount with the roles `r` and `s`, which log in by their role-ids alone. */
async function roles(world: LeaseWorld, more: JsonObject = {}, namespace: string = '') {
  await world.must('POST', `${namespace}sys/auth/approle`, { body: { type: 'approle' } });
  const ids = new Map<string, string>();
  for (const role of ['r', 's']) {
    const body = { bind_secret_id: false, secret_id_bound_cidrs: '127.0.0.1/32', ...more };
    await world.must('POST', `${namespace}auth/approle/role/${role}`, { body });
    const read = await world.must('GET', `${namespace}auth/approle/role/${role}/role-id`);
    ids.set(role, String(read.reply?.data?.['role_id']));
  }
  return (role: string, asking: { readonly wrapTtl?: number } = {}) =>
    world.ask('POST', `${namespace}auth/approle/login`, {
      token: '',
      body: { role_id: ids.get(role) ?? '' },
      ...asking,
    });
}

describe('lease count quotas', () => {
  test('are written, read, listed and deleted', async (t) => {
    const { world, put } = await started(t);
    assert.equal((await world.ask('LIST', 'sys/quotas/lease-count')).status, 404);
    assert.equal((await put({ max_leases: 3, path: 'db' })).status, 204);
    const read = async () => (await world.ask('GET', quotaAt)).reply?.data;
    const first = { name: 'q', type: 'lease-count', path: 'db/', role: '', inheritable: false, max_leases: 3 };
    assert.deepEqual(await read(), { ...first, counter: 0 });
    assert.equal((await put({ max_leases: '4' })).status, 204);
    assert.deepEqual(await read(), { ...first, max_leases: 4, counter: 0 });
    assert.deepEqual((await world.must('LIST', 'sys/quotas/lease-count')).reply?.data, { keys: ['q'] });
    assert.equal((await world.ask('DELETE', quotaAt)).status, 204);
    assert.equal((await world.ask('GET', quotaAt)).status, 404);
  });

  test('hold for a role in whatever spelling it is named', async (t) => {
    const { world, put } = await started(t);
    const login = await roles(world);
    assert.equal((await put({ max_leases: 1, path: 'auth/approle', role: 'R' })).status, 204);
    assert.equal((await login('r')).status, 200);
    assert.equal((await login('r')).status, 429);
    assert.equal((await login('s')).status, 200);
    assert.equal((await put({ max_leases: 2, path: 'auth/approle', role: 'r' }, 'other')).status, 400);
  });

  test('refuse what makes no sense, and say what is wrong', async (t) => {
    const { world, put } = await started(t);
    await world.must('POST', 'sys/namespaces/n');
    const refusal = async (body: JsonObject) => {
      const { status, errors } = await put(body);
      return `${String(status)} ${errors?.[0] ?? ''}`;
    };
    for (const max_leases of [undefined, 0, -1, 1e9 + 1, Number.MAX_SAFE_INTEGER]) {
      assert.match(await refusal(max_leases === undefined ? {} : { max_leases }), /^400 'max_leases' is invalid/);
    }
    for (const max_leases of ['many', '1e400', 1.5, '', [3], { n: 1 }, true]) {
      assert.match(await refusal({ max_leases }), /^400 .*"?max_leases/, JSON.stringify(max_leases));
    }
    const one = { max_leases: 1 };
    assert.match(await refusal({ ...one, path: 'nope/' }), /^400 invalid mount path "nope\/"/);
    assert.match(await refusal({ ...one, path: 'n/nope/' }), /^400 invalid mount path "nope\/"/);
    assert.match(await refusal({ ...one, path: '../db' }), /^400 invalid mount path/);
    assert.match(await refusal({ ...one, path: 'db', role: 'r' }), /^400 .*not a valid auth method/);
    assert.match(await refusal({ ...one, path: 'auth/token', role: 'r' }), /^400 .*does not support .*role-based/);
    assert.match(await refusal({ ...one, path: 'n', role: 'r' }), /^400 "n\/" is a namespace/);
    assert.match(await refusal({ ...one, role: 'r' }), /^400 .*names the path of its auth mount/);
    assert.match(await refusal({ ...one, type: 'rate-limit' }), /^400 /);
    assert.equal((await put({ ...one, path: 'db' })).status, 204);
    const same = await put({ ...one, path: 'db/' }, 'other');
    assert.deepEqual(
      [same.status, ...(same.errors ?? [])],
      [400, 'quota rule with similar properties exists under the name "q"'],
    );
    const other = await world.ask('POST', 'sys/quotas/rate-limit/q', { body: { rate: 1_000, path: 'db' } });
    assert.equal(other.status, 204, 'the kinds do not know each other');
  });

  test('count what is there already, and refuse before anything is made outside', async (t) => {
    const { world, put, counter, grant } = await started(t);
    const { leaseId } = await world.must('GET', 'db/creds/app');
    await put({ max_leases: 2, path: 'db' });
    assert.deepEqual([await counter(), await grant(), await grant()], [1, 200, 429]);
    const [status, error] = await world.refused('GET', 'db/creds/app');
    assert.equal(status, 429);
    assert.match(String(error), /^request path "db\/creds\/app": lease count quota exceeded: "q" allows 2/);
    assert.equal(world.users().length, 2);
    await world.must('POST', 'sys/leases/revoke', { body: { lease_id: leaseId, sync: true } });
    assert.deepEqual([await counter(), await grant(), await grant()], [1, 200, 429]);
    await put({ max_leases: 1 });
    assert.deepEqual(
      [await counter(), await grant()],
      [2, 429],
      'more may be there than a quota that came later allows',
    );
  });

  test('what fails outside gives its place back once it is undone', async (t) => {
    const { world, put, counter, grant } = await started(t);
    await put({ max_leases: 1, path: 'db' });
    world.behave('.closed', true);
    assert.deepEqual(
      [await grant(), await counter()],
      [400, 1],
      'what may have been made is counted until it is undone',
    );
    world.behave('.closed', false);
    await world.settle();
    world.now += 300_000;
    await world.settle();
    assert.deepEqual([await counter(), await grant(), await grant()], [0, 200, 429]);
  });

  test('many at a time get no more than one by one', async (t) => {
    const { world, put, counter } = await started(t);
    const login = await roles(world);
    await put({ max_leases: 5, path: 'auth/approle' });
    await put({ max_leases: 7, path: 'db' }, 'db');
    const logins = await Promise.all(Array.from({ length: 20 }, () => login('r')));
    const leases = await Promise.all(Array.from({ length: 20 }, () => world.ask('GET', 'db/creds/app')));
    const granted = (all: readonly { readonly status: number }[]) => all.filter(({ status }) => status === 200).length;
    assert.deepEqual([granted(logins), granted(leases)], [5, 7]);
    assert.deepEqual([await counter(), await counter('db')], [5, 7]);
    world.assertWhole();
  });

  test('of a role count the logins by it, of its mount the others', async (t) => {
    const { world, put, counter } = await started(t);
    const login = await roles(world);
    await put({ max_leases: 1, path: 'auth/approle', role: 'r' }, 'role');
    await put({ max_leases: 2, path: 'auth/approle' });
    const statuses: number[] = [];
    for (const role of ['r', 'r', 's', 's', 's']) statuses.push((await login(role)).status);
    assert.deepEqual(statuses, [200, 429, 200, 200, 429]);
    assert.deepEqual([await counter('role'), await counter()], [1, 2]);
    await world.must('DELETE', 'sys/quotas/lease-count/role');
    assert.equal(await counter(), 3, 'the next one takes over what it counted');
  });

  test('batch tokens are not counted, and are refused with the others', async (t) => {
    const { world, put, counter } = await started(t);
    const login = await roles(world, { token_type: 'batch' });
    assert.equal((await put({ max_leases: 1, path: 'auth' })).status, 400, 'no mount, no namespace');
    await put({ max_leases: 1, path: 'auth/approle' });
    assert.deepEqual([(await login('r')).status, (await login('r')).status, await counter()], [200, 200, 0]);
    await world.must('POST', 'auth/approle/role/s', { body: { token_type: 'service' } });
    assert.deepEqual([(await login('s')).status, (await login('r')).status, await counter()], [200, 429, 1]);
  });

  test('root tokens are never counted or refused, nor what wraps a reply', async (t) => {
    const { world, put, counter } = await started(t);
    const login = await roles(world);
    await put({ max_leases: 1 });
    assert.equal((await login('r', { wrapTtl: 60 })).status, 200);
    assert.equal(await counter(), 1);
    const create = async (policies: readonly string[]) =>
      (await world.ask('POST', 'auth/token/create', { body: { policies: [...policies] } })).status;
    assert.deepEqual([await create(['root']), await create(['default']), await counter()], [200, 429, 1]);
    world.assertWhole();
  });

  test('a token that ends, by itself or with its mount, is not counted any more', async (t) => {
    const { world, put, counter } = await started(t);
    const login = await roles(world, { token_ttl: '1m' });
    await put({ max_leases: 2, path: 'auth/approle' });
    await login('r');
    world.now += 61_000;
    await world.settle();
    assert.equal(await counter(), 0);
    await login('r');
    await login('s');
    await put({ max_leases: 9 }, 'all');
    await world.must('DELETE', 'sys/auth/approle');
    assert.deepEqual([await counter(), await counter('all')], [0, 0]);
    world.assertWhole();
  });

  test('counts are right after a restart', async (t) => {
    const { world, put, counter, grant } = await started(t);
    const login = await roles(world);
    await put({ max_leases: 2, path: 'db' });
    await put({ max_leases: 3 }, 'all');
    for (const role of ['r', 's']) await login(role);
    await grant();
    await world.restart();
    assert.deepEqual([await counter(), await counter('all')], [1, 2]);
    assert.deepEqual([await grant(), await grant()], [200, 429]);
    world.assertWhole();
  });

  test('of a namespace hold in it, below it where they are inheritable, and nowhere else', async (t) => {
    const { world, put, counter, grant } = await started(t);
    for (const path of ['sys/namespaces/n', 'n/sys/namespaces/m', 'sys/namespaces/o']) await world.must('POST', path);
    const body = { type: 'files', options: { folder: world.folder } };
    for (const namespace of ['n', 'n/m', 'o']) await world.must('POST', `${namespace}/sys/mounts/db`, { body });
    await put({ max_leases: 1, path: 'n' });
    const all = async () => {
      const found: number[] = [];
      for (const path of ['n/', 'n/m/', 'o/', '']) found.push(await grant(`${path}db/creds/app`));
      return found;
    };
    assert.deepEqual(
      [await all(), await all()],
      [
        [200, 200, 200, 200],
        [429, 200, 200, 200],
      ],
    );
    assert.equal(await counter(), 1);
    await put({ inheritable: true });
    assert.deepEqual([await counter(), await all()], [3, [429, 429, 200, 200]]);
    const login = await roles(world, {}, 'n/');
    assert.equal((await login('r')).status, 429);
    for (const path of ['n/', 'n/m/'])
      await world.must('POST', `${path}sys/leases/revoke-prefix/db`, { body: { sync: true } });
    assert.equal(await counter(), 0);
    assert.equal((await login('r')).status, 200);
    assert.equal((await world.ask('GET', `n/${quotaAt}`)).status, 400, 'they are set in the root namespace');
    await world.must('DELETE', 'n/sys/namespaces/m');
    await world.must('DELETE', 'sys/namespaces/n');
    assert.equal(await counter(), 0, 'what was in the namespace went with it');
    world.assertWhole();
  });

  test('are shown as metrics', async (t) => {
    const { world, put, grant } = await started(t);
    await put({ max_leases: 1, path: 'db' });
    await grant();
    await grant();
    const { gauges, counters } = world.node.metrics.all.read();
    const found = [...gauges, ...counters].filter(({ name }) => name.startsWith('vault.quota.lease_count'));
    const labels = { name: 'q' };
    assert.deepEqual(
      found.map(({ name, samples }) => [name.slice('vault.quota.lease_count.'.length), samples]),
      ['counter', 'max', 'violation'].map((name) => [name, [{ labels, value: 1 }]]),
    );
  });
});
