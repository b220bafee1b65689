import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ask, runningNode } from '../../test/support/node.ts';
import type { Node } from '../core/node.ts';

const START = Date.UTC(2026, 0, 1);
const quotaAt = 'sys/quotas/rate-limit/q';

async function started(t: { after: (work: () => Promise<void>) => void }) {
  const clock = { now: START };
  const { node, root } = await runningNode({ now: () => clock.now });
  t.after(() => node[Symbol.asyncDispose]());
  const kv = { type: 'kv', options: { version: '2' } };
  await ask(node, 'POST', 'sys/mounts/secret', { token: root, body: kv });
  const put = (body: object, path = quotaAt) => ask(node, 'POST', path, { token: root, body: { ...body } });
  return { node, root, clock, put };
}

const statuses = async (node: Node, token: string, path: string, times: number): Promise<readonly number[]> => {
  const found: number[] = [];
  for (let at = 0; at < times; at += 1) found.push((await ask(node, 'GET', path, { token })).status);
  return found;
};

describe('rate limit quotas', () => {
  test('are written, read, listed and deleted', async (t) => {
    const { node, root: token, put } = await started(t);
    assert.equal((await put({ rate: 2.5, path: 'secret', interval: '10s', block_interval: 20 })).status, 204);
    const read = async () => (await ask(node, 'GET', quotaAt, { token })).reply?.data;
    const first = {
      name: 'q',
      type: 'rate-limit',
      path: 'secret/',
      role: '',
      rate: 2.5,
      interval: 10,
      block_interval: 20,
    };
    assert.deepEqual(await read(), { ...first, inheritable: false, group_by: 'ip', secondary_rate: 0 });
    await put({ rate: 3, path: 'secret/data/' });
    const second = { ...first, path: 'secret/data', rate: 3, interval: 1, block_interval: 0 };
    assert.partialDeepStrictEqual(await read(), second, 'written as a whole');
    assert.deepEqual((await ask(node, 'LIST', 'sys/quotas/rate-limit', { token })).reply?.data, { keys: ['q'] });
    assert.equal((await ask(node, 'DELETE', quotaAt, { token })).status, 204);
    assert.equal((await ask(node, 'GET', quotaAt, { token })).status, 404);
  });

  test('refuse what makes no sense, and say what is wrong', async (t) => {
    const { put } = await started(t);
    const refusal = async (body: object) => (await put(body)).errors?.[0];
    assert.equal(await refusal({}), "'rate' is invalid");
    assert.equal(await refusal({ rate: -1 }), "'rate' is invalid");
    assert.equal(await refusal({ rate: '1e400' }), 'field "rate": expected a number');
    assert.match((await refusal({ rate: 1, path: 'nope/' })) ?? '', /invalid mount path "nope\/"/);
    assert.match((await refusal({ rate: 1, path: 'secret', role: 'r' })) ?? '', /not a valid auth method/);
    assert.match((await refusal({ rate: 1, role: 'r' })) ?? '', /names the path of its auth mount/);
    assert.match((await refusal({ rate: 1, interval: '20000h' })) ?? '', /'interval' is longer/);
    assert.match((await refusal({ rate: 1, secondary_rate: 1 })) ?? '', /needs a 'group_by'/);
    assert.equal(await refusal({ rate: 1, path: 'secret' }), undefined);
    const same = await put({ rate: 1, path: 'secret/' }, 'sys/quotas/rate-limit/other');
    assert.equal(same.errors?.[0], 'quota rule with similar properties exists under the name "q"');
  });

  test('count what comes from an address, until the interval ends', async (t) => {
    const { node, root: token, clock, put } = await started(t);
    await put({ rate: 2, path: 'secret', interval: '10s' });
    assert.deepEqual(await statuses(node, token, 'secret/data/a', 3), [404, 404, 429]);
    assert.deepEqual(await statuses(node, token, 'sys/mounts', 3), [200, 200, 200], 'others are not counted');
    const refused = await ask(node, 'GET', 'secret/data/a', { token });
    assert.equal(refused.errors?.[0], 'request path "secret/data/a": rate limit quota exceeded');
    assert.equal(refused.headers['Retry-After'], '10');
    assert.equal(refused.headers['X-Ratelimit-Limit'], undefined);
    clock.now += 10_000;
    assert.deepEqual(await statuses(node, token, 'secret/data/a', 1), [404]);
    await ask(node, 'DELETE', quotaAt, { token });
    assert.deepEqual(await statuses(node, token, 'secret/data/a', 3), [404, 404, 404]);
  });

  test('a role in whatever spelling its field takes is that role', async (t) => {
    const { node, root: token, put } = await started(t);
    await ask(node, 'POST', 'sys/auth/kubernetes', { token, body: { type: 'kubernetes' } });
    await put({ rate: 1, path: 'auth/kubernetes', role: '7', interval: '10s' });
    const login = async (role: unknown) =>
      (await ask(node, 'POST', 'auth/kubernetes/login', { body: { role, jwt: 'a.b.c' } })).status;
    assert.deepEqual([await login('7'), await login(7), await login('8')], [400, 429, 400]);
  });

  test('hold before any token is looked at, and for logins by a role', async (t) => {
    const { node, root: token, put } = await started(t);
    await ask(node, 'POST', 'sys/auth/approle', { token, body: { type: 'approle' } });
    for (const name of ['r', 's']) await ask(node, 'POST', `auth/approle/role/${name}`, { token, body: {} });
    await put({ rate: 1, path: 'auth/approle', role: 'r', interval: '10s' });
    const idOf = async (role: string) =>
      (await ask(node, 'GET', `auth/approle/role/${role}/role-id`, { token })).reply?.data?.['role_id'];
    const login = async (role: string) =>
      (await ask(node, 'POST', 'auth/approle/login', { body: { role_id: await idOf(role), secret_id: 'wrong' } }))
        .status;
    assert.deepEqual([await login('r'), await login('r'), await login('s'), await login('s')], [400, 429, 400, 400]);
    await ask(node, 'POST', 'auth/approle/role/r/role-id', { token, body: { role_id: '77' } });
    const spelled = [
      { body: { role_id: 77, secret_id: 'wrong' } },
      { body: { secret_id: 'wrong' }, query: { role_id: '77' } },
    ];
    for (const asking of spelled) assert.equal((await ask(node, 'POST', 'auth/approle/login', asking)).status, 429);
    await put({ rate: 1, path: 'sys' }, 'sys/quotas/rate-limit/sys');
    assert.deepEqual(await statuses(node, 'no-token', 'sys/mounts', 2), [403, 429]);
  });

  test('no spelling of a path leads around them', async (t) => {
    const { node, root: token, put } = await started(t);
    await ask(node, 'POST', 'sys/auth/approle', { token, body: { type: 'approle' } });
    await ask(node, 'POST', 'auth/approle/role/r', { token, body: {} });
    const read = await ask(node, 'GET', 'auth/approle/role/r/role-id', { token });
    const role_id = String(read.reply?.data?.['role_id']);
    const login = async (path: string) =>
      (await ask(node, 'POST', path, { body: { role_id, secret_id: 'wrong' } })).status;
    const twice = async () => [await login('auth/approle/login'), await login('auth/approle/login/')];
    await put({ rate: 1, path: 'auth/approle/login', interval: '10s' });
    assert.deepEqual(await twice(), [400, 429], 'of a path');
    await ask(node, 'DELETE', quotaAt, { token });
    await put({ rate: 1, path: 'auth/approle', role: 'r', interval: '10s' }, 'sys/quotas/rate-limit/role');
    assert.deepEqual(await twice(), [400, 429], 'of a role');
    await put({ rate: 1, path: 'secret', interval: '10s' }, 'sys/quotas/rate-limit/mount');
    const spelt = [
      ['GET', 'secret/data/a'],
      ['GET', 'secret'],
      ['LIST', 'secret'],
      ['LIST', 'secret/metadata'],
      ['GET', 'secret/data/a/'],
    ] as const;
    const answers: number[] = [];
    for (const [method, path] of spelt) answers.push((await ask(node, method, path, { token })).status);
    assert.deepEqual(answers, [404, 429, 429, 429, 429], 'of a mount');
  });

  test('leave exempt paths alone', async (t) => {
    const { node, root: token, put } = await started(t);
    await put({ rate: 1, interval: '10s' });
    assert.deepEqual(await statuses(node, token, 'sys/health', 3), [200, 200, 200]);
    const { status } = await ask(node, 'POST', 'sys/quotas/config', {
      token,
      body: { rate_limit_exempt_paths: ['sys/m*'] },
    });
    assert.equal(status, 204);
    assert.deepEqual(await statuses(node, token, 'sys/mounts', 2), [200, 200]);
    assert.deepEqual(await statuses(node, token, 'sys/health', 1), [429]);
  });

  test('tell what is left, and stand in the audit, where that is asked for', async (t) => {
    const { node, root: token, put } = await started(t);
    const body = { enable_rate_limit_response_headers: true, enable_rate_limit_audit_logging: true };
    await ask(node, 'POST', 'sys/quotas/config', { token, body });
    assert.partialDeepStrictEqual((await ask(node, 'GET', 'sys/quotas/config', { token })).reply?.data, body);
    await put({ rate: 1, path: 'secret', interval: '10s' });
    const answer = async () => (await ask(node, 'GET', 'secret/data/a', { token })).headers;
    const limits = { 'X-Ratelimit-Limit': '1', 'X-Ratelimit-Remaining': '0', 'X-Ratelimit-Reset': '10' };
    assert.partialDeepStrictEqual(await answer(), limits);
    assert.partialDeepStrictEqual(await answer(), { ...limits, 'Retry-After': '10' });
  });

  test('of a namespace hold in it', async (t) => {
    const { node, root: token, clock, put } = await started(t);
    await ask(node, 'POST', 'sys/namespaces/n', { token });
    await ask(node, 'POST', 'n/sys/namespaces/m', { token });
    await put({ rate: 1, path: 'n', interval: '10s' });
    assert.deepEqual(await statuses(node, token, 'n/sys/mounts', 2), [200, 429]);
    assert.deepEqual(await statuses(node, token, 'n/m/sys/mounts', 2), [200, 200]);
    await put({ rate: 1, path: 'n', interval: '10s', inheritable: true });
    assert.deepEqual(await statuses(node, token, 'n/m/sys/mounts', 1), [429]);
    clock.now += 10_000;
    assert.equal((await ask(node, 'GET', `n/${quotaAt}`, { token })).status, 400, 'they are set in the root namespace');
  });
});
