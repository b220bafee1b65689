/** As advisories.test.ts: mounts, wrapped replies, cubbyholes, the seal, and what is written where. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { keys } from '../../src/core/keys.ts';
import type { MountView } from '../../src/framework/plugin.ts';
import { portOf, RawClient, serveOn } from '../../src/server/server.testing.ts';
import { ok, rule, started, statusOf, withRules } from '../support/advisories.ts';
import { ask, requestOf, testNode } from '../support/node.ts';

describe('mounts', () => {
  test('what is built in stays where it is, and nothing takes its place', async () => {
    await using server = await started();
    const { as } = server;
    await ok(as('POST', 'sys/mounts/kv', { type: 'kv' }));
    await ok(as('POST', 'sys/auth/approle', { type: 'approle' }));
    const moves: readonly (readonly [string, string])[] = [
      ['sys', 'elsewhere'],
      ['cubbyhole/', 'elsewhere'],
      ['auth/token', 'auth/elsewhere'],
      ['kv', 'sys'],
      ['kv', 'sys/x'],
      ['kv', 'auth'],
      ['kv', 'auth/x'],
      ['kv', 'cubbyhole/x'],
      ['kv', '/x'],
      ['kv', 'a//b'],
      ['kv', '../sys'],
      ['kv', 'x/../sys'],
      ['kv', './x'],
      ['kv', 'x\u0000'],
      ['kv', 'x\u200b'],
      ['kv', '/'],
      ['auth/approle', 'auth/'],
      ['auth/approle', 'auth/token/x'],
      ['auth/approle', 'x'],
    ];
    for (const [from, to] of moves) {
      assert.equal(await statusOf(as('POST', 'sys/remount', { from, to })), 400, `${from} to ${JSON.stringify(to)}`);
    }
    for (const path of ['sys', 'sys/x', 'auth', 'auth/x', 'cubbyhole/x', 'identity/x', 'kv', 'kv/', 'kv/below']) {
      assert.equal(await statusOf(as('POST', `sys/mounts/${path}`, { type: 'kv' })), 400, path);
    }
    for (const path of ['sys', 'cubbyhole']) assert.equal(await statusOf(as('DELETE', `sys/mounts/${path}`)), 400);
    assert.equal(await statusOf(as('DELETE', 'sys/auth/token')), 400);
    await ok(as('GET', 'sys/mounts'));
  });

  test('of two that take one path at once, one gets it', async () => {
    await using server = await started();
    const enabled = await Promise.all(
      ['p', 'p', 'p/q', 'p'].map((path) => statusOf(server.as('POST', `sys/mounts/${path}`, { type: 'kv' }))),
    );
    assert.deepEqual(enabled.toSorted(), [204, 400, 400, 400]);
    await ok(server.as('POST', 'sys/mounts/one', { type: 'kv' }));
    await ok(server.as('POST', 'sys/mounts/two', { type: 'kv' }));
    const moved = await Promise.all(
      ['one', 'two'].map((from) => statusOf(server.as('POST', 'sys/remount', { from, to: 'three' }))),
    );
    assert.deepEqual(moved.toSorted(), [200, 400]);
  });

  // CVE-2026-42186
  test('what was in a mount is gone with it, also what is written meanwhile', async () => {
    await using server = await started();
    const { node, as } = server;
    await ok(as('POST', 'sys/mounts/kv', { type: 'kv' }));
    await ok(as('PUT', 'kv/a', { k: 'v' }));
    const uuid = node.services.mounts.at('root', 'kv/')?.record.uuid ?? '';
    // As a request holds it that was admitted before.
    const { view } = node.services.mounts.at('root', 'kv/')?.instance as { readonly view: MountView };
    const disabling = as('DELETE', 'sys/mounts/kv');
    const writing = Array.from({ length: 20 }, (_, at) => as('PUT', `kv/late/${String(at)}`, { k: 'v' }));
    await ok(disabling);
    await Promise.all(writing);
    const late = view.shared.transact((tx) => {
      tx.put('v1/late', Buffer.from('{"k":"v"}'));
    });
    await assert.rejects(late, { code: 'noHandler' });
    {
      using snapshot = node.services.store.snapshot();
      assert.deepEqual(snapshot.list(keys.data('s', 'root', uuid), { limit: 100 }), []);
    }
    await ok(as('POST', 'sys/mounts/kv', { type: 'kv' }));
    assert.equal(await statusOf(as('GET', 'kv/a')), 404);
    assert.equal(await statusOf(as('LIST', 'kv/')), 404);
  });
});

describe('wrapped replies, cubbyholes, accessors', () => {
  test('a wrapping token opens its reply once, and does nothing else', async () => {
    await using server = await started();
    const { node, root } = server;
    const wrapped = async () => {
      const { wrapInfo } = await ok(ask(node, 'GET', 'sys/policies/acl', { token: root, wrapTtl: 60 }));
      return String(wrapInfo?.['token']);
    };
    const once = await wrapped();
    const tries = await Promise.all([
      ...Array.from({ length: 5 }, () => ask(node, 'POST', 'sys/wrapping/unwrap', { token: once })),
      ...Array.from({ length: 5 }, () =>
        ask(node, 'POST', 'sys/wrapping/unwrap', { token: root, body: { token: once } }),
      ),
      ask(node, 'POST', 'sys/wrapping/rewrap', { token: root, body: { token: once } }),
      ask(node, 'GET', 'cubbyhole/response', { token: once }),
    ]);
    assert.equal(tries.filter(({ status }) => status === 200).length, 1);
    const others: readonly (readonly [string, string])[] = [
      ['GET', 'auth/token/lookup-self'],
      ['POST', 'auth/token/create'],
      ['POST', 'auth/token/renew-self'],
      ['GET', 'cubbyhole/wrapinfo'],
      ['POST', 'cubbyhole/response'],
      ['POST', 'sys/wrapping/wrap'],
      ['POST', 'sys/wrapping/rewrap'],
      ['POST', 'sys/capabilities-self'],
    ];
    for (const [method, path] of others) {
      const token = await wrapped();
      assert.equal(await statusOf(ask(node, method, path, { token, body: { a: 'b' } })), 403, path);
    }
    const late = await wrapped();
    server.later(61);
    assert.equal(await statusOf(ask(node, 'POST', 'sys/wrapping/unwrap', { token: late })), 400);
    const { accessor } = (await ok(server.as('GET', 'auth/token/lookup-self'))).reply?.data ?? {};
    assert.equal(await statusOf(ask(node, 'POST', 'sys/wrapping/unwrap', { token: root, body: { token: root } })), 400);
    assert.equal(await statusOf(ask(node, 'POST', 'sys/wrapping/lookup', { body: { token: String(accessor) } })), 400);
  });

  test('nobody reads another’s cubbyhole, whatever the path', async () => {
    await using server = await started();
    const { node, root } = server;
    const [one, two] = [
      await withRules(server, rule('cubbyhole/*', 'deny', 'list')),
      await withRules(server, rule('x', 'read')),
    ];
    await ok(ask(node, 'POST', 'cubbyhole/a', { token: two, body: { k: 'v' } }));
    const key = node.services.tokens.keyOf(two);
    for (const token of [one, root]) {
      for (const path of ['a', `../${key}/a`, `${key}/a`, `/${key}/a`, '.', '']) {
        assert.notEqual(await statusOf(ask(node, 'GET', `cubbyhole/${path}`, { token })), 200, path);
      }
    }
    assert.equal(await statusOf(ask(node, 'LIST', 'cubbyhole/', { token: root })), 404);
  });

  test('accessors are listed to sudo alone, with a closing slash too', async () => {
    await using server = await started();
    const token = await withRules(server, rule('auth/token/*', 'list', 'read'));
    for (const path of ['auth/token/accessors', 'auth/token/accessors/']) {
      assert.equal(await statusOf(ask(server.node, 'LIST', path, { token })), 403);
      assert.equal(await statusOf(ask(server.node, 'LIST', path, { token: server.root })), 200);
    }
  });
});

describe('the seal', () => {
  test('of many inits one makes keys, and wrong or repeated shares open nothing', async () => {
    await using node = testNode();
    const init = { secret_shares: 3, secret_threshold: 2 };
    const made = await Promise.all(Array.from({ length: 5 }, () => ask(node, 'PUT', 'sys/init', { body: init })));
    assert.deepEqual(made.map(({ status }) => status).toSorted(), [200, 400, 400, 400, 400]);
    const { keys: shares } = made.find(({ status }) => status === 200)?.reply?.bare as {
      readonly keys: readonly string[];
    };
    const unseal = (key: unknown) => ask(node, 'PUT', 'sys/unseal', { body: { key } });
    for (let at = 0; at < 3; at += 1) assert.equal((await unseal(shares[0])).reply?.bare?.['progress'], 1);
    const flipped = Buffer.from(shares[1] ?? '', 'hex');
    flipped.writeUInt8(flipped.readUInt8(3) ^ 1, 3);
    const wrong = await unseal(flipped.toString('hex'));
    assert.equal(wrong.status, 400);
    assert.ok(!JSON.stringify(wrong.errors).includes(flipped.toString('hex')));
    for (const key of ['', 'zz', 7, [], {}, 'a'.repeat(5_000), (shares[0] ?? '').slice(2)]) {
      assert.equal((await unseal(key)).status, 400, JSON.stringify(key).slice(0, 40));
    }
    const opened = await Promise.all([unseal(shares[0]), unseal(shares[2]), unseal(shares[1])]);
    assert.equal(opened.at(-1)?.reply?.bare?.['sealed'], false);
    assert.equal(await statusOf(ask(node, 'PUT', 'sys/init', { body: init })), 400);
  });

  test('a sealed node says the same of every path that needs keys', async () => {
    await using node = testNode();
    await node.initialize({ secretShares: 1, secretThreshold: 1 });
    for (const path of ['sys/mounts', 'sys/internal/ui/mounts', 'secret/x', 'auth/token/lookup-self', 'not/there']) {
      const { status, errors } = await ask(node, 'GET', path);
      assert.deepEqual([status, errors], [503, ['Vault is sealed']], path);
    }
  });

  test('sealing while requests run ends them in order, and what was acknowledged is there', async () => {
    await using node = testNode();
    const { unsealShares, rootToken: token } = await node.initialize({ secretShares: 1, secretThreshold: 1 });
    const share = Buffer.from(unsealShares.hex[0] ?? '', 'hex');
    await node.unseal(share);
    await ok(ask(node, 'POST', 'sys/mounts/kv', { token, body: { type: 'kv' } }));
    await ok(
      ask(node, 'PUT', 'sys/audit/discard', { token, body: { type: 'file', options: { file_path: 'discard' } } }),
    );
    const writing = Array.from({ length: 30 }, (_, at) =>
      ask(node, 'PUT', `kv/${String(at)}`, { token, body: { k: 'v' } }),
    );
    const sealing = ask(node, 'PUT', 'sys/seal', { token });
    const reading = Array.from({ length: 30 }, () => ask(node, 'GET', 'kv/0', { token }));
    const written = await Promise.all(writing);
    assert.equal((await sealing).status, 204);
    for (const { status } of [...written, ...(await Promise.all(reading))]) {
      assert.ok([200, 204, 404, 503].includes(status), String(status));
    }
    assert.equal(await statusOf(ask(node, 'GET', 'kv/0', { token })), 503);
    await node.unseal(share);
    for (const [at, { status }] of written.entries()) {
      if (status === 204) assert.equal(await statusOf(ask(node, 'GET', `kv/${String(at)}`, { token })), 200);
    }
  });
});

// CVE-2025-6203, CVE-2025-59043, CVE-2025-12044, CVE-2024-8185
describe('values', () => {
  test('names of JavaScript’s own are data like any other', async () => {
    await using server = await started();
    const { as } = server;
    await ok(as('POST', 'sys/mounts/kv', { type: 'kv' }));
    await ok(as('POST', 'sys/mounts/kv2', { type: 'kv-v2' }));
    const evil = JSON.parse(
      '{"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}},"toString":"x"}',
    ) as Record<string, unknown>;
    const text = JSON.stringify(evil);
    await ok(as('PUT', 'kv/__proto__', evil));
    assert.equal(JSON.stringify((await ok(as('GET', 'kv/__proto__'))).reply?.data), text);
    await ok(as('POST', 'kv2/data/constructor', { data: evil }));
    const patch = { data: evil };
    await ok(
      ask(server.node, 'PATCH', 'kv2/data/constructor', {
        token: server.root,
        body: patch,
        contentType: 'application/merge-patch+json',
      }),
    );
    assert.equal(JSON.stringify((await ok(as('GET', 'kv2/data/constructor'))).reply?.data?.['data']), text);
    const custom_metadata = JSON.parse('{"__proto__":"a","toString":"b"}') as Record<string, unknown>;
    await ok(as('POST', 'kv2/metadata/constructor', { custom_metadata }));
    const shown = (await ok(as('GET', 'kv2/metadata/constructor'))).reply?.data?.['custom_metadata'];
    assert.equal(JSON.stringify(shown), '{"__proto__":"a","toString":"b"}');
    await ok(as('POST', 'auth/token/create', { meta: custom_metadata }));
    assert.equal(await statusOf(as('POST', 'auth/token/create', { no_parent: 'constructor' })), 400);
    assert.equal(await statusOf(as('POST', 'auth/token/create', { type: 'constructor' })), 400);
    for (const type of ['constructor', '__proto__', 'toString']) {
      assert.equal(await statusOf(as('POST', 'sys/mounts/x', { type })), 400);
    }
    assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false);
  });

  test('a number comes back as it was written, or is refused', async () => {
    await using server = await started();
    await ok(server.as('POST', 'sys/mounts/kv', { type: 'kv' }));
    const serving = await serveOn({}, server.node);
    try {
      assert.ok(portOf(serving) > 0);
      const client = await RawClient.to(serving);
      const send = async (method: string, body = '') => {
        await client.send(
          `${method} /v1/kv/n HTTP/1.1\r\nHost: x\r\nX-Vault-Token: ${server.root}\r\nContent-Length: ${String(body.length)}\r\n\r\n${body}`,
        );
        return client.reply();
      };
      for (const number of ['9007199254740991', '-9007199254740991', '0.1', '1e21', '0', '1234567890123456']) {
        assert.equal((await send('PUT', `{"n":${number}}`))?.status, 204, number);
        const read = JSON.parse((await send('GET'))?.body ?? '') as { readonly data: { readonly n: number } };
        assert.equal(read.data.n, Number(number));
      }
      for (const number of [
        '9007199254740993',
        '12345678901234567890',
        '-99999999999999999999',
        '1e400',
        '[[1e999]]',
      ]) {
        assert.equal((await send('PUT', `{"n":${number}}`))?.status, 400, number);
      }
      client.end();
    } finally {
      await serving.close();
    }
  });

  // CVE-2025-12044
  test('a large body is neither waited for nor parsed where a rate limit refuses its request', async () => {
    await using server = await started();
    await ok(server.as('POST', 'sys/mounts/kv', { type: 'kv' }));
    await ok(server.as('POST', 'sys/quotas/rate-limit/kv', { path: 'kv/', rate: 2, interval: '1h' }));
    const serving = await serveOn({}, server.node);
    try {
      const put = async (header: string, body = '') => {
        const client = await RawClient.to(serving);
        await client.send(
          `PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nX-Vault-Token: ${server.root}\r\n${header}\r\n\r\n${body}`,
        );
        const reply = await client.reply();
        client.end();
        return reply;
      };
      const large = JSON.stringify({ k: 'v'.repeat(100_000) });
      for (let at = 0; at < 2; at += 1) {
        assert.equal((await put(`Content-Length: ${String(large.length)}`, large))?.status, 204);
      }
      // Nothing of the body is ever sent.
      for (const header of ['Content-Length: 1000000', 'Transfer-Encoding: chunked']) {
        const reply = await put(header);
        assert.equal(reply?.status, 429, header);
        assert.match(reply.body, /rate limit quota exceeded/);
      }
      assert.equal((await put('Content-Length: 9', '{"k":"v"}'))?.status, 429);
      // Whose refusals are to be on record is read.
      await ok(server.as('POST', 'sys/quotas/config', { enable_rate_limit_audit_logging: true }));
      assert.equal((await put(`Content-Length: ${String(large.length)}`, large))?.status, 429);
    } finally {
      await serving.close();
    }
  });

  test('who brings the login along is counted by it, whatever the body: others of the address have no part in it', async () => {
    await using server = await started();
    const { node, as } = server;
    await ok(as('POST', 'sys/mounts/kv', { type: 'kv' }));
    await ok(as('POST', 'sys/auth/userpass', { type: 'userpass' }));
    await ok(as('PUT', 'sys/policies/acl/p', { policy: rule('kv/*', 'create', 'update') }));
    await ok(as('POST', 'auth/userpass/users/ann', { password: 'right-pass', token_policies: 'p' }));
    const limits = { path: 'kv/', rate: 9, interval: '1h', group_by: 'entity_then_ip', secondary_rate: 1 };
    await ok(as('POST', 'sys/quotas/rate-limit/kv', limits));
    const asked = (more: object) => ({ ...requestOf('PUT', 'kv/a', { body: { k: 'v' } }), ...more });
    assert.equal((await node.handle(asked({}))).status, 403);
    assert.equal(node.refusedUnread(asked({}))?.status, 429);
    const parameter = Buffer.from('{"key":"password","value":"right-pass"}').toString('base64url');
    const inline = {
      headers: {
        'x-vault-inline-auth-path': 'auth/userpass/login/ann',
        'x-vault-inline-auth-parameter-1': parameter,
      },
    };
    assert.equal(node.refusedUnread(asked(inline)), undefined);
    assert.equal((await node.handle(asked(inline))).status, 204);
  });

  test('a folder of 20,000 names is listed, and paged in the store', async () => {
    await using server = await started();
    const { node, as, root } = server;
    await ok(as('POST', 'sys/mounts/kv', { type: 'kv' }));
    const uuid = node.services.mounts.at('root', 'kv/')?.record.uuid ?? '';
    const prefix = `${keys.data('s', 'root', uuid)}v1/`;
    for (let from = 0; from < 20_000; from += 10_000) {
      await node.services.store.transact((tx) => {
        for (let at = from; at < from + 10_000; at += 1)
          tx.put(`${prefix}n${String(at).padStart(6, '0')}`, Buffer.from('{"k":1}'));
      });
    }
    const listed = await ok(as('LIST', 'kv/'));
    assert.equal((listed.reply?.data?.['keys'] as readonly string[]).length, 20_000);
    const page = await ok(ask(node, 'LIST', 'kv/', { token: root, query: { after: 'n010000', limit: '2' } }));
    assert.deepEqual(page.reply?.data?.['keys'], ['n010001', 'n010002']);
  });
});

test('a deny of the events endpoint holds for subscribers who may watch their paths', async () => {
  await using server = await started();
  const { node } = server;
  const watch = rule('kv/*', 'read', 'subscribe');
  await ok(server.as('POST', 'sys/mounts/kv', { type: 'kv' }));
  const { admit } = await import('../../src/core/events/admission.ts');
  const { requestOf } = await import('../support/node.ts');
  const asking = async (policy: string) => {
    const token = await withRules(server, policy);
    const namespace = { id: 'root', path: '' };
    const wants = { dialect: 'lockstep', types: '*', namespace, patterns: [{ path: 'kv/a', prefix: false }] } as const;
    const request = requestOf('GET', 'sys/events/subscribe/*', { token });
    return (await admit(node.services, request, wants, () => undefined)).outcome.status;
  };
  assert.equal(await asking(watch), 101);
  assert.equal(await asking(watch + rule('sys/events/*', 'deny')), 403);
});
