import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ok, started, tokenIn, type Clocked } from '../../test/support/advisories.ts';
import { ask, testNode, type Asking, type TestNodeOptions } from '../../test/support/node.ts';
import type { AuditTrail } from '../core/audit/trail.ts';
import { openMemoryStore } from '../storage/memory/open.ts';

const MINUTE = 60;

async function withRole(options: TestNodeOptions = {}) {
  const server = await started(options);
  const role = await addRole(server, '', 'r');
  return { ...server, ...role, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

async function addRole({ node, as }: Clocked, base: string, name: string) {
  const there = (await as('GET', `${base}sys/auth/approle`)).status === 200;
  if (!there) await ok(as('POST', `${base}sys/auth/approle`, { type: 'approle' }));
  await ok(as('POST', `${base}auth/approle/role/${name}`, {}));
  const data = async (method: string, path: string) =>
    (await ok(as(method, `${base}auth/approle/${path}`))).reply?.data;
  const roleId = String((await data('GET', `role/${name}/role-id`))?.['role_id']);
  const secretId = String((await data('POST', `role/${name}/secret-id`))?.['secret_id']);
  const accessor = String((await as('GET', `${base}sys/auth/approle`)).reply?.data?.['accessor']);
  const send = (asking: Asking, path = `${base}auth/approle/login`) => ask(node, 'POST', path, asking);
  const login = async (secret = secretId) => (await send({ body: { role_id: roleId, secret_id: secret } })).status;
  const fail = async (times: number) => {
    const found: number[] = [];
    for (let at = 0; at < times; at += 1) found.push(await login('wrong'));
    return found;
  };
  return { roleId, secretId, accessor, send, login, fail };
}

const tuned = ({ as }: Clocked, config: object) =>
  as('POST', 'sys/auth/approle/tune', { user_lockout_config: { ...config } });

const lockedNames = async ({ as }: Clocked, path = 'sys/locked-users') => {
  const { by_namespace: namespaces } = (await ok(as('GET', path))).reply?.data as {
    by_namespace: readonly { mount_accessors: readonly { alias_identifiers: readonly string[] }[] }[];
  };
  return namespaces.flatMap((each) => each.mount_accessors.flatMap((mount) => mount.alias_identifiers));
};

// CVE-2025-6004, CVE-2025-6015, CVE-2025-6011, CVE-2025-54999
describe('a role whose logins fail', () => {
  test('is locked out at the threshold, for its time, whatever the credentials', async () => {
    await using server = await withRole();
    assert.deepEqual(await server.fail(7), [400, 400, 400, 400, 400, 403, 403]);
    const refused = await server.send({ body: { role_id: server.roleId, secret_id: server.secretId } });
    assert.deepEqual([refused.status, refused.errors], [403, ['permission denied']]);
    assert.equal((await server.send({ body: { role_id: server.roleId } })).status, 403, 'without a secret-id too');
    server.later(15 * MINUTE - 1);
    assert.equal(await server.login(), 403, 'tries make it neither longer nor shorter');
    server.later(1);
    assert.deepEqual(await server.fail(4), [400, 400, 400, 400], 'then all begins anew');
    assert.equal(await server.login(), 200);
  });

  test('is not, when a login succeeds in between or the last failure is long ago', async () => {
    await using server = await withRole();
    for (let round = 0; round < 3; round += 1) {
      assert.deepEqual(await server.fail(4), [400, 400, 400, 400]);
      assert.equal(await server.login(), 200);
    }
    await server.fail(4);
    server.later(15 * MINUTE);
    assert.deepEqual(await server.fail(4), [400, 400, 400, 400]);
    assert.equal(await server.login(), 200);
  });

  test('is not by requests that are no guess', async () => {
    await using server = await withRole();
    for (let at = 0; at < 9; at += 1) {
      assert.equal((await server.send({ body: { role_id: server.roleId } })).status, 400);
      assert.equal((await server.send({ body: { secret_id: 'wrong' } })).status, 400);
      assert.equal((await server.send({ body: { role_id: server.roleId, secret_id: ['x'] } })).status, 400);
      assert.equal(
        (await ask(server.node, 'POST', 'auth/approle/login', { token: server.root, help: true })).status,
        200,
      );
    }
    assert.equal(await server.login(), 200);
  });

  test('cannot be told from a role-id that nobody has', async () => {
    await using server = await withRole();
    const guess = async (id: string) => {
      const { status, errors } = await server.send({ body: { role_id: id, secret_id: 'wrong' } });
      return [status, errors];
    };
    for (let at = 0; at < 8; at += 1) assert.deepEqual(await guess('nobody'), await guess(server.roleId));
    server.later(15 * MINUTE);
    for (let at = 0; at < 8; at += 1) assert.deepEqual(await guess('nobody'), await guess(server.roleId));
    assert.deepEqual(await lockedNames(server), [server.roleId], 'only who exists is listed');
  });

  test('has one counter, however its role-id is written', async () => {
    await using server = await withRole();
    await ok(server.as('POST', 'auth/approle/role/r/role-id', { role_id: '12345' }));
    const wrong = { secret_id: 'wrong' };
    const spelled: readonly [Asking, string?][] = [
      [{ body: { role_id: '12345', ...wrong } }],
      [{ body: { role_id: 12345, ...wrong } }],
      [{ body: wrong, query: { role_id: '12345' } }],
      [{ body: { role_id: '12345', ...wrong } }, 'auth/approle/login/'],
      [{ body: { role_id: '12345', ...wrong, more: 'ignored' }, address: '192.0.2.9' }],
    ];
    for (const [asking, path] of spelled) assert.equal((await server.send(asking, path)).status, 400);
    for (const [asking, path] of spelled) assert.equal((await server.send(asking, path)).status, 403);
  });

  test('gives no more guesses to who sends them all at once', async () => {
    await using server = await withRole();
    const secrets = [...Array.from({ length: 40 }, (_, at) => `wrong-${at}`), server.secretId];
    const answers = await Promise.all(secrets.map((secret) => server.login(secret)));
    assert.equal(answers.filter((status) => status === 400).length, 5);
    assert.equal(answers.at(-1), 403);
  });

  test('shares its counter with no other role and no other mount', async () => {
    await using server = await withRole();
    const other = await addRole(server, '', 's');
    await server.fail(6);
    assert.equal(await server.login(), 403);
    assert.equal(await other.login(), 200);
    await ok(server.as('POST', 'sys/auth/second', { type: 'approle' }));
    await ok(server.as('POST', 'auth/second/role/r', {}));
    await ok(server.as('POST', 'auth/second/role/r/role-id', { role_id: server.roleId }));
    const { status } = await server.send({ body: { role_id: server.roleId, secret_id: 'w' } }, 'auth/second/login');
    assert.equal(status, 400);
  });
});

describe('a lock', () => {
  test('outlives a seal and a restart, and is gone from the disk when it is over', async () => {
    const store = openMemoryStore();
    await using server = await withRole({ store });
    await server.fail(5);
    await server.node.seal();
    let now = Date.UTC(2026, 0, 1);
    await using second = testNode({ store, now: () => now });
    await second.unseal(Buffer.from(server.share, 'hex'));
    const login = async () =>
      (
        await ask(second, 'POST', 'auth/approle/login', {
          body: { role_id: server.roleId, secret_id: server.secretId },
        })
      ).status;
    assert.equal(await login(), 403);
    now += 15 * MINUTE * 1_000;
    assert.equal(await login(), 200);
    const locks = () => second.services.store.snapshot().list('l/root/locked-users/', { limit: 9 });
    assert.equal(locks().length, 1);
    assert.ok(!locks().join().includes(server.roleId), 'its key tells no role-id');
    await second.tick();
    assert.deepEqual(locks(), []);
  });

  test('is listed and opened, by its mount', async () => {
    await using server = await withRole();
    await server.fail(5);
    const mount = { mount_accessor: server.accessor, counts: 1, alias_identifiers: [server.roleId] };
    const root = { namespace_id: 'root', namespace_path: '' };
    const listed = async (query = {}) =>
      (await ask(server.node, 'GET', 'sys/locked-users', { token: server.root, query })).reply?.data;
    const one = { by_namespace: [{ ...root, counts: 1, mount_accessors: [mount] }], total: 1 };
    assert.deepEqual(await listed(), one);
    assert.deepEqual(await listed({ mount_accessor: server.accessor }), one);
    assert.deepEqual(await listed({ mount_accessor: 'nope' }), {
      by_namespace: [
        { ...root, counts: 0, mount_accessors: [{ mount_accessor: 'nope', counts: 0, alias_identifiers: [] }] },
      ],
      total: 0,
    });
    const unlock = (accessor: string) => server.as('POST', `sys/locked-users/${accessor}/unlock/${server.roleId}`);
    assert.equal((await unlock('nope')).status, 204);
    assert.equal(await server.login(), 403);
    assert.equal((await unlock(server.accessor)).status, 204);
    assert.equal((await unlock(server.accessor)).status, 204, 'twice is no error');
    assert.deepEqual(await lockedNames(server), []);
    assert.deepEqual(await server.fail(4), [400, 400, 400, 400]);
    assert.equal(await server.login(), 200);
  });

  test('stays in its namespace, and needs a right there to be seen or opened', async () => {
    await using server = await started();
    await ok(server.as('POST', 'sys/namespaces/n'));
    const inner = await addRole(server, 'n/', 'r');
    await inner.fail(5);
    assert.deepEqual(await lockedNames(server), [inner.roleId], 'who looks from above sees it');
    assert.deepEqual(await lockedNames(server, 'n/sys/locked-users'), [inner.roleId]);
    const path = `sys/locked-users/${inner.accessor}/unlock/${inner.roleId}`;
    await ok(server.as('POST', path));
    assert.equal(await inner.login(), 403, 'an accessor of another namespace names nothing');
    const token = tokenIn(await ok(server.as('POST', 'n/auth/token/create', { policies: ['default'] })));
    for (const method of ['GET', 'POST']) {
      const where = method === 'GET' ? 'n/sys/locked-users' : `n/${path}`;
      assert.equal((await ask(server.node, method, where, { token })).status, 403);
    }
    await ok(server.as('POST', `n/${path}`));
    assert.equal(await inner.login(), 200);
  });

  test('goes with its mount, and moves with it', async () => {
    await using server = await withRole();
    await server.fail(5);
    await ok(server.as('POST', 'sys/remount', { from: 'auth/approle', to: 'auth/moved' }));
    const body = { role_id: server.roleId, secret_id: server.secretId };
    assert.equal((await server.send({ body }, 'auth/moved/login')).status, 403);
    await ok(server.as('DELETE', 'sys/auth/moved'));
    assert.deepEqual(await lockedNames(server), []);
    await server.node.tick();
    assert.deepEqual(server.node.services.store.snapshot().list('l/root/locked-users/', { limit: 9 }), []);
  });

  test('is counted, and the refused login stands in the audit', async () => {
    const refused: string[] = [];
    const response: AuditTrail['response'] = ({ request }, { status }) => {
      if (status === 403) refused.push(request.path);
      return undefined;
    };
    await using server = await withRole({ trail: { request: () => undefined, response, both: response } });
    await server.fail(6);
    const query = { format: 'prometheus' };
    const { reply } = await ask(server.node, 'GET', 'sys/metrics', { token: server.root, query });
    assert.match(String(reply?.raw?.body), /^vault_core_locked_users 1$/m);
    assert.deepEqual(refused, ['auth/approle/login']);
  });
});

describe('what a mount and the configuration say of it', () => {
  test('a mount is tuned, shows it, and gives it back', async () => {
    await using server = await withRole();
    await ok(tuned(server, { lockout_threshold: '2', lockout_duration: '1m', lockout_counter_reset_duration: 30 }));
    const shown = {
      user_lockout_threshold: 2,
      user_lockout_duration: 60,
      user_lockout_counter_reset_duration: 30,
      user_lockout_disable: false,
    };
    const read = async (path: string) => (await server.as('GET', path)).reply?.data;
    assert.partialDeepStrictEqual(await read('sys/auth/approle/tune'), shown);
    assert.partialDeepStrictEqual(await read('sys/mounts/auth/approle/tune'), shown);
    assert.partialDeepStrictEqual(await read('sys/auth/approle'), { config: { user_lockout_config: shown } });
    assert.deepEqual(await server.fail(3), [400, 400, 403]);
    server.later(MINUTE);
    assert.deepEqual(await server.fail(1), [400]);
    server.later(30);
    assert.deepEqual(await server.fail(1), [400]);
    await ok(tuned(server, { lockout_disable: true }));
    assert.deepEqual(
      await server.fail(9),
      Array.from({ length: 9 }, () => 400),
    );
    server.later(30);
    await ok(tuned(server, { lockout_disable: false, lockout_threshold: 0 }));
    assert.deepEqual(await server.fail(6), [400, 400, 400, 400, 400, 403]);
    await ok(tuned(server, { lockout_disable: true }));
    assert.equal(await server.login(), 200, 'that opens what is locked');
  });

  test('what makes no sense is refused by name', async () => {
    await using server = await withRole();
    const refusal = async (config: object) => (await tuned(server, config)).errors?.[0];
    assert.match((await refusal({ lockout_threshold: -1 })) ?? '', /"lockout_threshold": expected nothing below 0/);
    assert.match((await refusal({ lockout_threshold: 'x' })) ?? '', /"lockout_threshold": expected an integer/);
    assert.match((await refusal({ lockout_duration: '1e99' })) ?? '', /lockout_duration is not a duration/);
    assert.match((await refusal({ lockout_disable: 'x' })) ?? '', /"lockout_disable": expected a boolean/);
    assert.match((await refusal({ treshold: 3 })) ?? '', /has no "treshold", only lockout_threshold/);
    const body = { user_lockout_config: { lockout_threshold: 3 } };
    const other = await server.as('POST', 'sys/auth/token/tune', body);
    assert.equal(other.errors?.[0], 'tuning of user lockout configuration for auth type "token" not allowed');
    const kv = await server.as('POST', 'sys/mounts/secret', { type: 'kv', config: body });
    assert.equal(kv.status, 400);
    await ok(server.as('POST', 'sys/auth/tuned', { type: 'approle', config: body }));
    assert.partialDeepStrictEqual((await server.as('GET', 'sys/auth/tuned/tune')).reply?.data, {
      user_lockout_threshold: 3,
    });
  });

  test('the block of a type holds over that of all, a mount over both, and the switch over everything', async () => {
    const byType = { all: { threshold: 2 }, approle: { threshold: 3 } };
    await using server = await withRole({ settings: { lockout: { disabled: false, byType } } });
    assert.deepEqual(await server.fail(4), [400, 400, 400, 403]);
    server.later(15 * MINUTE);
    await ok(tuned(server, { lockout_threshold: 1 }));
    assert.deepEqual(await server.fail(2), [400, 403]);
    await using open = await withRole({ settings: { lockout: { disabled: true, byType } } });
    await ok(tuned(open, { lockout_threshold: 1 }));
    assert.deepEqual(await open.fail(4), [400, 400, 400, 400]);
  });
});
