/**
 * One regression test for each class of hole that servers of this kind have had, against a real node. The numbers name
 * advisories of the peers that belong to the class.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { keys } from '../../src/core/keys.ts';
import type { JsonObject } from '../../src/framework/field.ts';
import { ok, rule, started, statusOf, tokenIn, withRules } from '../support/advisories.ts';
import { ask, testNode } from '../support/node.ts';

// CVE-2026-3605, CVE-2026-89322, CVE-2026-105820, CVE-2025-5999, CVE-2025-64761, GHSA-xp3c-3jw3-4vcr
describe('paths and deny rules', () => {
  test('a closing slash leads around no deny, and to no sudo', async () => {
    await using server = await started();
    await ok(server.as('POST', 'sys/auth/approle', { type: 'approle' }));
    await ok(server.as('POST', 'auth/approle/role/admin', {}));
    const token = await withRules(
      server,
      rule('auth/approle/role/*', 'create', 'read', 'update') +
        rule('auth/approle/role/admin/secret-id', 'deny') +
        rule('sys/policies/acl/*', 'read', 'update') +
        rule('sys/policies/acl/own', 'deny') +
        rule('auth/token/*', 'update', 'sudo') +
        rule('auth/token/create', 'update'),
    );
    for (const path of ['auth/approle/role/admin/secret-id', 'sys/policies/acl/own']) {
      for (const spelled of [path, `${path}/`]) {
        assert.equal(await statusOf(ask(server.node, 'POST', spelled, { token, body: { policy: 'x' } })), 403, spelled);
      }
    }
    for (const path of ['auth/token/create', 'auth/token/create/']) {
      const made = await ask(server.node, 'POST', path, { token, body: { policies: ['more'] } });
      assert.equal(made.status, 400, path);
    }
  });

  test('LIST and SCAN do not slip past a more specific deny', async () => {
    await using server = await started();
    await ok(server.as('POST', 'sys/mounts/kv', { type: 'kv' }));
    await ok(server.as('PUT', 'kv/a/secret/x', { k: 'v' }));
    const token = await withRules(server, rule('kv/*', 'list', 'scan') + rule('kv/a/secret/*', 'deny'));
    for (const path of ['kv/a/secret', 'kv/a/secret/']) {
      assert.equal(await statusOf(ask(server.node, 'LIST', path, { token })), 403);
      assert.equal(await statusOf(ask(server.node, 'SCAN', path, { token })), 403);
    }
    assert.equal(await statusOf(ask(server.node, 'LIST', 'kv/a/', { token })), 200);
  });

  test('names of policies have no case and no blanks, so nobody is or has a second root', async () => {
    await using server = await started();
    const { node, as } = server;
    for (const name of ['root', 'ROOT', 'Root', 'response-wrapping', 'Response-Wrapping']) {
      assert.equal(await statusOf(as('PUT', `sys/policies/acl/${name}`, { policy: rule('*', 'sudo') })), 400, name);
      assert.equal(await statusOf(as('DELETE', `sys/policies/acl/${name}`)), 400, name);
    }
    const token = await withRules(
      server,
      rule('auth/token/create', 'update', 'sudo') + rule('auth/token/create/open', 'update'),
    );
    await ok(as('POST', 'auth/token/roles/open', { disallowed_policies: 'none', allowed_policies_glob: '*' }));
    const tricks: readonly unknown[] = [
      'root',
      ' root',
      'ROOT\t',
      'default,root',
      ['default', ' Root '],
      ['\u00a0root'],
      ['\ufeffroot'],
      ['default', 'root', 'own'],
      ['response-wrapping'],
    ];
    for (const policies of tricks) {
      for (const path of ['auth/token/create', 'auth/token/create/open']) {
        // With an end of its own, or it would be refused as one that outlives the token that makes it.
        const made = await ask(node, 'POST', path, { token, body: { policies, ttl: '10m' } });
        assert.equal(made.status, 400, `${path} ${JSON.stringify(policies)}`);
      }
    }
    // A list in a list is one name with odd characters, or refused: never its members.
    for (const policies of [[['root']], { 0: 'root' }, ['default,root']]) {
      const made = await ask(node, 'POST', 'auth/token/create', { token, body: { policies, ttl: '10m' } });
      if (made.status === 200) assert.ok(!JSON.stringify(made.reply?.auth?.['policies']).includes('"root"'));
    }
  });

  test('a list of disallowed policies holds in any case', async () => {
    await using server = await started();
    const role = { disallowed_policies: ['Admin'], disallowed_policies_glob: ['OPS-*'] };
    await ok(server.as('POST', 'auth/token/roles/most', role));
    const token = await withRules(server, rule('auth/token/create/most', 'update'));
    for (const policies of ['admin', 'ADMIN', 'ops-eu', 'Ops-EU']) {
      const made = await ask(server.node, 'POST', 'auth/token/create/most', { token, body: { policies } });
      assert.equal(made.status, 400, policies);
    }
    assert.equal(
      await statusOf(ask(server.node, 'POST', 'auth/token/create/most', { token, body: { policies: 'a' } })),
      200,
    );
  });

  // CVE-2026-5006
  test('a template that cannot be filled grants nothing, and where it denies it denies all that it could', async () => {
    await using server = await started();
    const path = 'secret/{{identity.entity.metadata.team}}/*';
    const policy = rule('secret/*', 'read') + rule(path, 'deny') + rule('other/{{identity.entity.id}}/*', 'read');
    assert.equal(await statusOf(server.as('PUT', 'sys/policies/acl/t', { policy })), 204);
    const token = tokenIn(await ok(server.as('POST', 'auth/token/create', { policies: ['t'] })));
    const body = { paths: ['secret/red/a', 'secret/a', 'other//a', 'other/{{identity.entity.id}}/a'] };
    const asked = await ask(server.node, 'POST', 'sys/capabilities-self', { token, body });
    const found = body.paths.map((each) => asked.reply?.data?.[each]);
    assert.deepEqual(found, [['deny'], ['read'], ['deny'], ['deny']]);
    const unbalanced = rule('secret/{{identity.entity.id}', 'read');
    assert.equal(await statusOf(server.as('PUT', 'sys/policies/acl/t', { policy: unbalanced })), 400);
    const shown = await server.as('GET', 'sys/policies/acl/default');
    const own = String(shown.reply?.data?.['policy']);
    assert.equal(await statusOf(server.as('PUT', 'sys/policies/acl/default', { policy: own })), 204);
  });
});

// CVE-2020-25816, CVE-2021-32923
describe('tokens end when they should', () => {
  test('an expiring root token makes none that never expires', async () => {
    await using server = await started();
    const expiring = tokenIn(await ok(server.as('POST', 'auth/token/create', { policies: ['root'], ttl: '1h' })));
    for (const path of ['auth/token/create', 'auth/token/create-orphan']) {
      const body = { policies: ['root'] };
      assert.equal(await statusOf(ask(server.node, 'POST', path, { token: expiring, body })), 400, path);
    }
    const body = { policies: ['root'], ttl: '10m' };
    const child = tokenIn(await ok(ask(server.node, 'POST', 'auth/token/create', { token: expiring, body })));
    server.later(601);
    assert.equal(await statusOf(ask(server.node, 'GET', 'sys/mounts', { token: child })), 403);
  });

  test('no renewal leads past the explicit maximum, nor past the mount’s', async () => {
    await using server = await started();
    const make = async (body: JsonObject) =>
      tokenIn(await ok(server.as('POST', 'auth/token/create', { policies: ['default'], ...body })));
    const bounded = [
      await make({ ttl: '10m', explicit_max_ttl: '30m' }),
      await make({ period: '10m', explicit_max_ttl: '30m' }),
    ];
    await ok(server.as('POST', 'sys/auth/token/tune', { max_lease_ttl: '30m' }));
    const all = [...bounded, await make({ ttl: '10m' })];
    const endless = await make({ period: '10m' });
    for (let at = 0; at < 5; at += 1) {
      server.later(359);
      for (const token of [...all, endless]) {
        await ask(server.node, 'POST', 'auth/token/renew-self', { token, body: { increment: '999h' } });
      }
    }
    const lives = (token: string) => statusOf(ask(server.node, 'GET', 'auth/token/lookup-self', { token }));
    for (const token of all) assert.equal(await lives(token), 200);
    server.later(6);
    for (const token of all) assert.equal(await lives(token), 403);
    assert.equal(await lives(endless), 200, 'of a periodic token the mount bounds each period');
  });

  test('renewing often leaves nothing behind in storage', async () => {
    await using server = await started();
    const token = tokenIn(await ok(server.as('POST', 'auth/token/create', { policies: ['default'], ttl: '10m' })));
    for (let at = 0; at < 20; at += 1) {
      server.later(1);
      await ok(ask(server.node, 'POST', 'auth/token/renew-self', { token }));
    }
    const count = () => {
      using snapshot = server.node.services.store.snapshot();
      return snapshot.list(keys.expiries('root'), { limit: 100 }).length;
    };
    assert.equal(count(), 1);
    server.later(601);
    await server.node.tick();
    assert.equal(count(), 0);
    assert.equal(server.node.services.tokens.find(token), undefined);
  });

  test('children end with their parent, however it ends, and while the node is sealed too', async () => {
    let now = Date.UTC(2026, 0, 1);
    await using node = testNode({ now: () => now });
    const { unsealShares, rootToken: root } = await node.initialize({ secretShares: 1, secretThreshold: 1 });
    const share = Buffer.from(unsealShares.hex[0] ?? '', 'hex');
    await node.unseal(share);
    await ok(
      ask(node, 'PUT', 'sys/policies/acl/maker', {
        token: root,
        body: { policy: rule('auth/token/create', 'update') },
      }),
    );
    const body = { policies: ['maker'], ttl: '1h' };
    const parent = tokenIn(await ok(ask(node, 'POST', 'auth/token/create', { token: root, body })));
    const long = { policies: ['maker'], ttl: '100h' };
    const child = tokenIn(await ok(ask(node, 'POST', 'auth/token/create', { token: parent, body: long })));
    const grandchild = tokenIn(await ok(ask(node, 'POST', 'auth/token/create', { token: child, body: long })));
    await node.seal();
    now += 3_601_000;
    await node.unseal(share);
    for (const token of [parent, child, grandchild]) {
      assert.equal(await statusOf(ask(node, 'GET', 'auth/token/lookup-self', { token })), 403);
    }
  });

  test('no child is left when it is made while its parent is revoked', async () => {
    await using server = await started();
    const token = await withRules(server, rule('auth/token/create', 'update'));
    const make = () => ask(server.node, 'POST', 'auth/token/create', { token, body: {} });
    const { tokens } = server.node.services;
    // As a request holds it that was let in before.
    const parent = tokens.find(token);
    assert.ok(parent);
    const early = Array.from({ length: 10 }, make);
    const revoking = server.as('POST', 'auth/token/revoke', { token });
    const late = Array.from({ length: 10 }, make);
    const made = await Promise.all([...early, ...late]);
    assert.equal((await revoking).status, 204);
    const { accessor: _accessor, createdAt: _createdAt, counted: _counted, parent: _parent, ...like } = parent.record;
    await assert.rejects(tokens.create({ ...like, ttl: 60, parent }), { code: 'invalidToken' });
    const left = made.filter(({ status }) => status === 200).map(tokenIn);
    for (const child of left) assert.equal(server.node.services.tokens.find(child), undefined);
    using snapshot = server.node.services.store.snapshot();
    assert.equal(snapshot.list(keys.tokens('root'), { limit: 100 }).length, 1, 'root alone');
    assert.equal(snapshot.list(keys.accessors('root'), { limit: 100 }).length, 1);
  });

  test('a use limit holds for many at once, and no child is without it', async () => {
    await using server = await started();
    const token = await withRules(server, rule('auth/token/*', 'update', 'read', 'sudo'), { num_uses: 3 });
    const tries = await Promise.all(
      Array.from({ length: 12 }, () => ask(server.node, 'GET', 'auth/token/lookup-self', { token })),
    );
    assert.equal(tries.filter(({ status }) => status === 200).length, 3);
    assert.equal(server.node.services.tokens.find(token), undefined);
    for (const num_uses of [1, 2]) {
      const limited = await withRules(server, rule('auth/token/*', 'update', 'sudo'), { num_uses });
      const made = await ask(server.node, 'POST', 'auth/token/create-orphan', { token: limited, body: {} });
      assert.equal(made.status, 400, String(num_uses));
    }
  });

  test('a token made without the default policy gives it to no child', async () => {
    await using server = await started();
    const token = await withRules(
      server,
      rule('auth/token/create', 'update') + rule('auth/token/create/plain', 'update'),
      {
        no_default_policy: true,
      },
    );
    await ok(server.as('POST', 'auth/token/roles/plain', {}));
    for (const path of ['auth/token/create', 'auth/token/create/plain']) {
      const made = await ok(ask(server.node, 'POST', path, { token, body: {} }));
      assert.deepEqual(made.reply?.auth?.['policies'] ?? made.auth?.['policies'], ['own']);
      assert.equal(await statusOf(ask(server.node, 'POST', path, { token, body: { policies: ['default'] } })), 400);
    }
  });

  test('disabling an auth method ends what its logins made', async () => {
    await using server = await started();
    const { node, as } = server;
    await ok(as('POST', 'sys/auth/approle', { type: 'approle' }));
    await ok(as('PUT', 'sys/policies/acl/maker', { policy: rule('auth/token/create', 'update') }));
    await ok(as('POST', 'auth/approle/role/a', { token_policies: 'maker' }));
    const role_id = (await as('GET', 'auth/approle/role/a/role-id')).reply?.data?.['role_id'];
    const secret_id = (await as('POST', 'auth/approle/role/a/secret-id')).reply?.data?.['secret_id'];
    const token = tokenIn(await ok(ask(node, 'POST', 'auth/approle/login', { body: { role_id, secret_id } })));
    const child = tokenIn(await ok(ask(node, 'POST', 'auth/token/create', { token, body: {} })));
    const stays = await withRules(server, rule('sys/mounts', 'read'));
    await ok(as('DELETE', 'sys/auth/approle'));
    await ok(as('POST', 'sys/auth/approle', { type: 'approle' }));
    for (const each of [token, child]) assert.equal(node.services.tokens.find(each), undefined);
    assert.notEqual(node.services.tokens.find(stays), undefined);
  });
});
