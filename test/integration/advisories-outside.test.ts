/** As advisories.test.ts: what those can do who have no token yet. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encodeIndex } from '../../src/core/freshness.ts';
import { keys } from '../../src/core/keys.ts';
import type { JsonObject } from '../../src/framework/field.ts';
import { ok, rule, started, statusOf, tokenIn, withRules } from '../support/advisories.ts';
import { ask, type Asking } from '../support/node.ts';

// CVE-2025-6011, CVE-2025-54999
describe('AppRole tells nobody what there is, and binds what it gives', () => {
  async function approle(settings: JsonObject = {}) {
    const server = await started();
    const { node, as } = server;
    await ok(as('POST', 'sys/auth/approle', { type: 'approle' }));
    const role = async () => {
      await ok(as('POST', 'auth/approle/role/a', { role_id: 'known', ...settings }));
    };
    await role();
    const login = (body: JsonObject, address = '127.0.0.1') =>
      ask(node, 'POST', 'auth/approle/login', { body, address });
    const issue = async (body: JsonObject = {}) => {
      const issued = await ok(as('POST', 'auth/approle/role/a/secret-id', body));
      return issued.reply?.data as { readonly secret_id: string; readonly secret_id_accessor: string };
    };
    return { ...server, role, login, issue, [Symbol.asyncDispose]: () => node[Symbol.asyncDispose]() };
  }

  test('a role-id that is known gets the answers of one that is not', async () => {
    await using server = await approle();
    const elsewhere = 'ffffffff-0000-8000-8000-000000000000';
    const wrong: readonly JsonObject[] = [
      {},
      { secret_id: '' },
      { secret_id: 'wrong' },
      { secret_id: elsewhere },
      { secret_id: 'x'.repeat(5_000) },
      { secret_id: 7 },
      { secret_id: [] },
    ];
    for (const body of wrong) {
      const known = await server.login({ role_id: 'known', ...body });
      const unknown = await server.login({ role_id: 'other', ...body });
      assert.deepEqual([known.status, known.errors], [unknown.status, unknown.errors], JSON.stringify(body));
    }
  });

  test('and about as fast', async () => {
    await using server = await approle();
    // Else nearly all of them would be refused before a role is looked for.
    await ok(server.as('POST', 'sys/auth/approle/tune', { user_lockout_config: { lockout_disable: true } }));
    const times = { known: [] as number[], other: [] as number[] };
    for (let at = 0; at < 600; at += 1) {
      for (const role_id of ['known', 'other'] as const) {
        const start = performance.now();
        await server.login({ role_id, secret_id: 'wrong' });
        times[role_id].push(performance.now() - start);
      }
    }
    const median = (all: readonly number[]): number => all.toSorted((a, b) => a - b)[all.length >> 1] ?? 0;
    const ratio = median(times.known) / median(times.other);
    // Pairs of one run, so a busy machine slows both; it was 2.7 when the two took different ways.
    assert.ok(ratio > 0.5 && ratio < 2, `a known role-id takes ${ratio.toFixed(2)} times as long`);
  });

  test('a secret-id dies with its role, also where a new role takes the name', async () => {
    await using server = await approle();
    const { secret_id, secret_id_accessor } = await server.issue();
    const limited = await server.issue({ num_uses: 5 });
    // As in a region, or by an issue that was under way: the records stay when the role goes.
    const kept = [secret_id, limited.secret_id];
    const { services } = server.node;
    const uuid = services.mounts.at('root', 'auth/approle/')?.record.uuid ?? '';
    const area = (cls: 's' | 'l') => keys.data(cls, 'root', uuid);
    const records = new Map<string, Uint8Array>();
    {
      using snapshot = services.store.snapshot();
      for (const cls of ['s', 'l'] as const) {
        for (const part of ['secret-id/', 'accessor/']) {
          for (const key of snapshot.list(area(cls) + part, { limit: 100 })) {
            records.set(key, Uint8Array.from(snapshot.get(key) ?? []));
          }
        }
      }
    }
    assert.equal(records.size, 4);
    await ok(server.as('DELETE', 'auth/approle/role/a'));
    await services.store.transact((tx) => {
      for (const [key, value] of records) tx.put(key, value);
    });
    await server.role();
    for (const each of kept) {
      assert.equal(await statusOf(server.login({ role_id: 'known', secret_id: each })), 400);
    }
    assert.equal(await statusOf(server.as('LIST', 'auth/approle/role/a/secret-id')), 404);
    const lookup = { secret_id_accessor };
    assert.equal(await statusOf(server.as('POST', 'auth/approle/role/a/secret-id-accessor/lookup', lookup)), 404);
  });

  test('a secret-id does not widen the addresses of its role, nor when the role is narrowed later', async () => {
    await using server = await approle({ token_bound_cidrs: '10.0.0.0/8' });
    const issue = (token_bound_cidrs: string) =>
      server.as('POST', 'auth/approle/role/a/secret-id', { token_bound_cidrs });
    for (const blocks of ['0.0.0.0/0', '10.0.0.0/7', '::/0', '10.1.0.0/16,11.0.0.0/8', '192.168.1.1']) {
      assert.equal(await statusOf(issue(blocks)), 400, blocks);
    }
    const { secret_id } = await server.issue({ token_bound_cidrs: '10.1.0.0/16' });
    const token = tokenIn(await ok(server.login({ role_id: 'known', secret_id })));
    const from = (address: string) => statusOf(ask(server.node, 'GET', 'auth/token/lookup-self', { token, address }));
    assert.equal(await from('10.1.2.3'), 200);
    assert.equal(await from('10.2.2.3'), 403);
    await ok(server.as('POST', 'auth/approle/role/a', { token_bound_cidrs: '10.1.1.0/24,10.9.0.0/16' }));
    const narrow = tokenIn(await ok(server.login({ role_id: 'known', secret_id })));
    assert.deepEqual(server.node.services.tokens.find(narrow)?.record.boundCidrs, ['10.1.1.0/24']);
    await ok(server.as('POST', 'auth/approle/role/a', { token_bound_cidrs: '10.9.0.0/16' }));
    assert.equal(await statusOf(server.login({ role_id: 'known', secret_id })), 400);
  });

  test('no role makes a root token, and a use-limited secret-id works as often as it says', async () => {
    await using server = await approle({ token_policies: ['default', ' ROOT'] });
    const first = await server.issue();
    assert.equal(await statusOf(server.login({ role_id: 'known', secret_id: first.secret_id })), 400);
    await ok(server.as('POST', 'auth/approle/role/a', { token_policies: 'default' }));
    const { secret_id } = await server.issue({ num_uses: 2 });
    const tries = await Promise.all(Array.from({ length: 8 }, () => server.login({ role_id: 'known', secret_id })));
    assert.equal(tries.filter(({ status }) => status === 200).length, 2);
  });
});

// CVE-2021-3282, CVE-2025-52894, CVE-2026-5807, CVE-2025-4656
describe('without a token', () => {
  test('only what is meant to be open answers, and nothing there starts a rekey or a root token', async () => {
    await using server = await started();
    const { node } = server;
    const { services } = node;
    const open = services.mounts.all('root').flatMap(({ path, plugin }) =>
      plugin
        .paths({ options: {} })
        .filter(({ access }) => access === 'open')
        .map(({ pattern }) => path + pattern),
    );
    assert.deepEqual(open.sort(), [
      // Both by the id of a login whose first factor was right.
      'identity/mfa/method/totp/self-enroll',
      // What tokens are verified with; `token` asks for a code or a client's secret.
      'identity/oidc/.well-known/keys',
      'identity/oidc/.well-known/openid-configuration',
      'identity/oidc/provider/:name/.well-known/keys',
      'identity/oidc/provider/:name/.well-known/openid-configuration',
      'identity/oidc/provider/:name/token',
      'sys/decode-token',
      'sys/health',
      'sys/init',
      'sys/internal/ui/mounts',
      'sys/internal/ui/mounts/:path...',
      'sys/leader',
      'sys/mfa/validate',
      // As by Vault: which seal is away is asked when none opens the node. Names and health, no keys.
      'sys/seal-backend-status',
      'sys/seal-status',
      'sys/unseal',
      'sys/wrapping/lookup',
    ]);
    for (const path of [
      'sys/rekey/init',
      'sys/rekey/update',
      'sys/generate-root/attempt',
      'sys/generate-root/update',
      'sys/rekey-recovery-key/init',
      'sys/replication/status',
      'sys/raw/x',
      'sys/pprof/',
    ]) {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        assert.equal(await statusOf(ask(node, method, path, { body: {} })), 403, `${method} ${path}`);
      }
    }
    for (const path of ['sys/replication/status', 'sys/raw/x', 'sys/pprof/']) {
      assert.equal(await statusOf(ask(node, 'GET', path, { token: server.root, body: {} })), 404);
    }
  });

  test('no help, no document of the paths, no list of mounts, and every refusal is the same', async () => {
    await using server = await started();
    const { node, as } = server;
    await ok(as('POST', 'sys/mounts/hidden', { type: 'kv', description: 'what it is for' }));
    await ok(as('POST', 'sys/mounts/shown', { type: 'kv', config: { listing_visibility: 'unauth' } }));
    const token = 'hvs.000000000000000000000000';
    for (const asking of [{}, { token }, { help: true }, { help: true, token }] satisfies Asking[]) {
      for (const path of ['sys/internal/specs/openapi', 'sys/mounts', 'hidden/x', 'not-there/x', 'sys/not-there']) {
        const { status, errors } = await ask(node, 'GET', path, asking);
        assert.deepEqual([status, errors], [403, ['permission denied']], path);
      }
    }
    for (const asking of [{}, { token }] satisfies Asking[]) {
      const { reply } = await ask(node, 'GET', 'sys/internal/ui/mounts', asking);
      assert.deepEqual(reply?.data, { auth: {}, secret: { 'shown/': { type: 'kv', description: '', options: null } } });
      for (const path of ['shown/x', 'hidden/x', 'not-there/x']) {
        assert.equal(await statusOf(ask(node, 'GET', `sys/internal/ui/mounts/${path}`, asking)), 403);
      }
    }
    const bound = await withRules(server, rule('hidden/*', 'read') + rule('sys/internal/*', 'read'));
    const spec = await ok(ask(node, 'GET', 'sys/internal/specs/openapi', { token: bound }));
    const paths = Object.keys(spec.reply?.bare?.['paths'] as object);
    assert.ok(paths.includes('/hidden/{path}'));
    assert.ok(!paths.some((path) => path.startsWith('/auth/approle') || path.startsWith('/other')));
  });

  test('a token that is bound to addresses shows no mounts elsewhere', async () => {
    await using server = await started();
    await ok(server.as('POST', 'auth/token/roles/bound', { token_bound_cidrs: '10.0.0.0/8', allowed_policies: 'own' }));
    await withRules(server, rule('*', 'read'));
    const token = tokenIn(await ok(server.as('POST', 'auth/token/create/bound', {})));
    const seen = async (address: string) => {
      const { reply } = await ask(server.node, 'GET', 'sys/internal/ui/mounts', { token, address });
      return Object.keys(reply?.data?.['secret'] as object).length;
    };
    assert.ok((await seen('10.1.1.1')) > 0);
    assert.equal(await seen('192.0.2.1'), 0);
  });

  test('nothing is stored for who has no token', async () => {
    await using server = await started();
    const before = server.node.services.store.position.sequence;
    for (const path of ['sys/internal/ui/mounts', 'sys/health', 'sys/seal-status', 'sys/leader', 'sys/init']) {
      const { wrapInfo } = await ask(server.node, 'GET', path, { wrapTtl: 3_600 });
      assert.equal(wrapInfo, null, path);
    }
    assert.equal(server.node.services.store.position.sequence, before);
  });

  test('made-up tokens do not wait for an index any longer than one address may', async () => {
    await using server = await started({ settings: { indexWaitMs: 20_000 } });
    const { freshness, store } = server.node.services;
    const index = encodeIndex({ [store.log]: { ...store.position, sequence: store.position.sequence + 1 } });
    const asked = Array.from({ length: 100 }, (_, at) =>
      ask(server.node, 'GET', 'sys/mounts', { token: `hvs.made-up-${String(at)}`, index, address: '192.0.2.9' }),
    );
    const refused = await Promise.all(asked.slice(64));
    assert.ok(refused.every(({ status }) => status === 412));
    assert.equal(freshness.waiting, 64);
    const ours = ask(server.node, 'GET', 'sys/mounts', { token: server.root, index, address: '192.0.2.9' });
    await ok(server.as('PUT', 'sys/policies/acl/x', { policy: rule('x', 'read') }));
    assert.equal((await ours).status, 200, 'a real token waits by itself');
    assert.ok((await Promise.all(asked.slice(0, 64))).every(({ status }) => status === 403));
  });
});
