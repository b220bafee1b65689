import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../../src/core/node.ts';
import type { JsonObject } from '../../src/framework/field.ts';
import type { Outcome } from '../../src/framework/request.ts';
import { everyKey } from '../../src/storage/every-key.ts';
import { ask, runningNode, testNode, type Asking } from '../support/node.ts';
import { openMemoryStore } from '../../src/storage/memory/open.ts';

const READ = 'path "secret/*" { capabilities = ["read"] }';
const ALL = 'path "*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "scan", "sudo"] }';

/** Fails where the answer is not a success. */
async function must(node: Node, method: string, path: string, asking: Asking): Promise<Outcome> {
  const outcome = await ask(node, method, path, asking);
  assert.ok(outcome.status < 300, `${method} ${asking.namespace ?? ''} ${path}: ${(outcome.errors ?? []).join()}`);
  return outcome;
}

const dataOf = ({ reply }: Outcome): JsonObject => reply?.data ?? {};
const tokenOf = ({ auth }: Outcome): string => String(auth?.['client_token']);

function everything(node: Node): readonly string[] {
  using snapshot = node.services.store.snapshot();
  return [...everyKey(snapshot, '')];
}

async function withTeam() {
  const running = await runningNode();
  const { node, root } = running;
  const inside = { token: root, namespace: 'team' };
  await must(node, 'POST', 'sys/namespaces/team', { token: root });
  await must(node, 'POST', 'sys/mounts/secret', { ...inside, body: { type: 'kv' } });
  await must(node, 'POST', 'secret/x', { ...inside, body: { k: 'v' } });
  const admin = async (policy = ALL): Promise<string> => {
    await must(node, 'PUT', 'sys/policies/acl/p', { ...inside, body: { policy } });
    return tokenOf(await must(node, 'POST', 'auth/token/create', { ...inside, body: { policies: ['p'] } }));
  };
  return { ...running, inside, admin };
}

test('a namespace has its own mounts, policies and tokens, reached by header, by path or by both', async () => {
  const { node, root, inside, admin } = await withTeam();
  await using _ = node;
  await must(node, 'POST', 'sys/namespaces/a', inside);
  assert.deepEqual((await ask(node, 'GET', 'team/secret/x', { token: root })).reply?.data, { k: 'v' });
  assert.equal((await ask(node, 'GET', 'secret/x', { token: root })).status, 404);
  const token = await admin(READ);
  assert.match(token, /^hvs\.\w{24}\.\w{6}$/);
  assert.equal((await ask(node, 'GET', 'secret/x', { token, namespace: 'team' })).status, 200);
  assert.equal((await ask(node, 'GET', 'team/secret/x', { token })).status, 200);
  assert.equal((await ask(node, 'GET', 'secret/x', { token })).status, 403);
  assert.equal((await ask(node, 'GET', 'secret/x', { token, namespace: 'team/a' })).status, 403);
  assert.equal((await ask(node, 'GET', 'secret/x', { token, namespace: 'nope' })).status, 404);
  // Only its own policies count, and `root` is none of them.
  assert.equal((await ask(node, 'GET', 'sys/policies/acl/root', inside)).status, 404);
  const policies = (body: JsonObject) => ask(node, 'POST', 'auth/token/create', { ...inside, body });
  assert.equal((await policies({ policies: ['root'] })).status, 400);
  assert.equal((await policies({ id: 'chosen' })).status, 400);
  const shown = await ask(node, 'GET', 'auth/token/lookup-self', { token });
  assert.equal(dataOf(shown)['namespace_path'], 'team/');
});

test('a policy of a parent reaches into its children, and one of a child never out of it', async () => {
  const { node, root, admin } = await withTeam();
  await using _ = node;
  const policy = 'path "team/secret/*" { capabilities = ["read"] }';
  await must(node, 'PUT', 'sys/policies/acl/outer', { token: root, body: { policy } });
  const made = await must(node, 'POST', 'auth/token/create', { token: root, body: { policies: ['outer'] } });
  const outer = tokenOf(made);
  assert.equal((await ask(node, 'GET', 'secret/x', { token: outer, namespace: 'team' })).status, 200);
  assert.equal((await ask(node, 'GET', 'secret/y', { token: outer })).status, 403);
  const token = await admin();
  for (const namespace of ['', 'other']) {
    await ask(node, 'POST', 'sys/namespaces/other', { token: root });
    for (const path of ['sys/mounts', 'sys/namespaces/team', 'sys/policies/acl/default', 'sys/seal-status/../mounts']) {
      assert.equal((await ask(node, 'GET', path, { token, namespace })).status, 403, `${namespace} ${path}`);
    }
  }
  // Without sudo a caller from outside gives no policy: the names are not its own.
  const maker = 'path "team/auth/token/create" { capabilities = ["update"] }';
  await must(node, 'PUT', 'sys/policies/acl/outer', { token: root, body: { policy: maker } });
  const asking = { token: outer, namespace: 'team' };
  assert.equal((await ask(node, 'POST', 'auth/token/create', { ...asking, body: { policies: ['p'] } })).status, 400);
  const plain = await must(node, 'POST', 'auth/token/create', { ...asking, body: {} });
  assert.deepEqual(plain.auth?.['policies'], ['default']);
});

test('a mount and a namespace do not take each other’s paths', async () => {
  const { node, root, inside } = await withTeam();
  await using _ = node;
  await must(node, 'POST', 'sys/mounts/kv/deep', { token: root, body: { type: 'kv' } });
  for (const name of ['kv', 'sys', 'auth', 'root', 'a%2fb', 'a b']) {
    assert.equal((await ask(node, 'POST', `sys/namespaces/${name}`, { token: root })).status, 400, name);
  }
  assert.equal((await ask(node, 'POST', 'sys/namespaces/secret', inside)).status, 400);
  for (const path of ['other', 'other/kv']) {
    await must(node, 'POST', 'sys/namespaces/other', { token: root });
    const mount = await ask(node, 'POST', `sys/mounts/${path}`, { token: root, body: { type: 'kv' } });
    // `other/kv` is no mount of the root namespace but one inside: the path of the request names it.
    assert.equal(mount.status, 400, path);
  }
  assert.equal(
    (await ask(node, 'POST', 'sys/remount', { token: root, body: { from: 'kv/deep', to: 'other' } })).status,
    400,
  );
  let deep = '';
  for (let depth = 0; depth < 16; depth += 1) {
    await must(node, 'POST', 'sys/namespaces/n', { token: root, namespace: deep });
    deep = deep === '' ? 'n' : `${deep}/n`;
  }
  assert.equal((await ask(node, 'POST', 'sys/namespaces/n', { token: root, namespace: deep })).status, 400);
});

test('what is about the node is served in the root namespace alone', async () => {
  const { node, inside } = await withTeam();
  await using _ = node;
  for (const path of ['sys/audit', 'sys/key-status', 'sys/metrics', 'sys/in-flight-req', 'sys/regions', 'sys/init']) {
    const refused = await ask(node, 'GET', path, inside);
    assert.equal(refused.status, 400, path);
    // Of a namespace with a seal of its own it is about that.
    assert.match(refused.errors?.[0] ?? '', path === 'sys/key-status' ? /not sealable/ : /root namespace/);
  }
  assert.equal((await ask(node, 'PUT', 'sys/seal', inside)).status, 400);
  assert.equal(node.sealed, false);
  for (const path of ['sys/health', 'sys/seal-status', 'sys/mounts', 'sys/internal/ui/mounts', 'sys/policies/acl']) {
    assert.equal((await ask(node, 'GET', path, inside)).status, 200, path);
  }
  const document = await must(node, 'GET', 'sys/internal/specs/openapi', inside);
  const paths = Object.keys(document.reply?.bare?.['paths'] as JsonObject);
  assert.ok(paths.includes('/sys/mounts') && !paths.includes('/sys/audit'), paths.join());
});

test('the OpenAPI document comes by POST too, where the parameter may stand in the body', async () => {
  const { node, inside } = await withTeam();
  await using _ = node;
  const document = await must(node, 'GET', 'sys/internal/specs/openapi', inside);
  const posted = await must(node, 'POST', 'sys/internal/specs/openapi', { ...inside, body: { context: 'x' } });
  assert.deepEqual(posted.reply?.bare, document.reply?.bare);
  const generic = { ...inside, body: { generic_mount_paths: true } };
  const { reply: written } = await must(node, 'POST', 'sys/internal/specs/openapi', generic);
  assert.ok(Object.keys(written?.bare?.['paths'] as JsonObject).some((path) => path.includes('_mount_path}')));
});

test('tools, the catalogue of plug-ins and the versions answer in a namespace as in the root one', async () => {
  const { node, inside } = await withTeam();
  await using _ = node;
  const random = await must(node, 'POST', 'sys/tools/random/4', { ...inside, body: { format: 'hex' } });
  assert.match(String(dataOf(random)['random_bytes']), /^[0-9a-f]{8}$/);
  await must(node, 'POST', 'sys/tools/hash/sha2-256', { ...inside, body: { input: 'YQ==' } });
  await must(node, 'GET', 'sys/plugins/catalog', inside);
  await must(node, 'LIST', 'sys/plugins/catalog/secret', inside);
  await must(node, 'LIST', 'sys/version-history', inside);
  await must(node, 'GET', 'sys/internal/counters/entities', inside);
});

test('a password policy is of its namespace alone', async () => {
  const { node, root: token, inside } = await withTeam();
  await using _ = node;
  const path = 'sys/policies/password/digits';
  const charset = (characters: string) => `length = 8\nrule "charset" { charset = "${characters}" }`;
  await must(node, 'POST', path, { ...inside, body: { policy: charset('1') } });
  assert.equal((await ask(node, 'GET', path, { token })).status, 404);
  await must(node, 'POST', path, { token, body: { policy: charset('2') } });
  assert.equal(dataOf(await must(node, 'GET', `${path}/generate`, inside))['password'], '11111111');
  assert.equal(dataOf(await must(node, 'GET', `${path}/generate`, { token }))['password'], '22222222');
  assert.deepEqual(dataOf(await must(node, 'LIST', 'sys/policies/password', inside))['keys'], ['digits']);
  await must(node, 'DELETE', path, inside);
  assert.equal((await ask(node, 'GET', path, inside)).status, 404);
  await must(node, 'GET', path, { token });
});

test('custom metadata are strings, replaced by a write and merged by a patch', async () => {
  const { node, root: token } = await withTeam();
  await using _ = node;
  const write = (method: string, custom_metadata: unknown) =>
    ask(node, method, 'sys/namespaces/team', {
      ...{ token, body: { custom_metadata } },
      contentType: method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
    });
  const first = await write('POST', { a: '1', b: '2' });
  assert.deepEqual(dataOf(first)['custom_metadata'], { a: '1', b: '2' });
  const patched = await write('PATCH', { a: null, c: '3' });
  assert.deepEqual(dataOf(patched)['custom_metadata'], { b: '2', c: '3' });
  assert.equal(dataOf(patched)['id'], dataOf(first)['id']);
  for (const wrong of [{ a: 1 }, { a: { b: 'c' } }, 'text', ['x'], { ['x'.repeat(129)]: 'v' }]) {
    for (const method of ['POST', 'PATCH']) {
      assert.equal((await write(method, wrong)).status, 400, `${method} ${JSON.stringify(wrong)}`);
    }
  }
  const shown = await ask(node, 'GET', 'sys/namespaces/team', { token });
  assert.deepEqual(dataOf(shown)['custom_metadata'], { b: '2', c: '3' });
  const patch = { token, body: { custom_metadata: {} } };
  assert.equal((await ask(node, 'PATCH', 'sys/namespaces/nope', patch)).status, 400);
});

test('a locked namespace answers nothing, with all below it, until its key or sudo unlocks it', async () => {
  const { node, root, inside, admin } = await withTeam();
  await using _ = node;
  await must(node, 'POST', 'sys/namespaces/a', inside);
  const token = await admin('path "*" { capabilities = ["read", "update"] }');
  const lock = await must(node, 'POST', 'sys/namespaces/api-lock/lock', inside);
  const key = String(lock.reply?.data?.['unlock_key']);
  for (const namespace of ['team', 'team/a']) {
    for (const path of ['secret/x', 'sys/mounts', 'auth/token/lookup-self', 'sys/health']) {
      assert.equal((await ask(node, 'GET', path, { token: root, namespace })).status, 503, `${namespace} ${path}`);
    }
  }
  assert.equal((await ask(node, 'GET', 'auth/token/lookup-self', { token })).status, 503);
  assert.equal((await ask(node, 'POST', 'sys/namespaces/api-lock/lock', inside)).status, 503);
  assert.equal((await ask(node, 'GET', 'sys/mounts', { token: root })).status, 200);
  const unlock = (body: JsonObject) =>
    ask(node, 'POST', 'sys/namespaces/api-lock/unlock', { token, namespace: 'team', body });
  assert.equal((await unlock({ unlock_key: 'wrong' })).status, 400);
  assert.equal((await unlock({})).status, 400);
  assert.equal((await unlock({ unlock_key: key })).status, 204);
  assert.equal((await unlock({ unlock_key: key })).status, 400);
  assert.equal((await ask(node, 'GET', 'secret/x', inside)).status, 200);
  await must(node, 'POST', 'sys/namespaces/api-lock/lock/team/a', { token: root });
  assert.equal((await ask(node, 'GET', 'sys/mounts', { token: root, namespace: 'team/a' })).status, 503);
  const opened = await must(node, 'POST', 'sys/namespaces/api-lock/unlock/team/a', { token: root });
  assert.deepEqual(opened.warnings, ['Namespace unlocked using sudo capabilities']);
  assert.equal((await ask(node, 'POST', 'sys/namespaces/api-lock/lock', { token: root })).status, 400);
});

/** One of everything that can lie in a namespace, and in the root one because of it. */
async function fill(node: Node, token: string, namespace: string): Promise<readonly string[]> {
  const inside = { token, namespace };
  await must(node, 'POST', 'sys/mounts/kv', { ...inside, body: { type: 'kv-v2' } });
  await must(node, 'POST', 'kv/data/a', { ...inside, body: { data: { k: 'v' } } });
  await must(node, 'POST', 'sys/auth/approle', { ...inside, body: { type: 'approle' } });
  await must(node, 'POST', 'auth/approle/role/web', { ...inside, body: { token_policies: 'p' } });
  await must(node, 'POST', 'auth/token/roles/r', { ...inside, body: { allowed_policies: 'p' } });
  await must(node, 'POST', 'sys/auth/token/tune', { ...inside, body: { description: 'tuned' } });
  await must(node, 'PUT', 'sys/policies/acl/p', { ...inside, body: { policy: ALL } });
  const roleId = await must(node, 'GET', 'auth/approle/role/web/role-id', inside);
  const secretId = await must(node, 'POST', 'auth/approle/role/web/secret-id', inside);
  const body = { role_id: roleId.reply?.data?.['role_id'], secret_id: secretId.reply?.data?.['secret_id'] };
  const login = tokenOf(await must(node, 'POST', 'auth/approle/login', { namespace, body }));
  const child = tokenOf(
    await must(node, 'POST', 'auth/token/create', { token: login, namespace, body: { ttl: '1h' } }),
  );
  await must(node, 'POST', 'cubbyhole/x', { token: child, namespace, body: { k: 'v' } });
  const wrapped = await must(node, 'GET', 'kv/data/a', { ...inside, wrapTtl: 60 });
  const direct = tokenOf(await must(node, 'POST', 'auth/token/create', { ...inside, body: { ttl: '1h' } }));
  return [login, child, direct, String(wrapped.wrapInfo?.['token'])];
}

test('deleting a namespace leaves nothing of it, and its tokens end at once', async () => {
  const { node, root: token } = await runningNode();
  await using _ = node;
  await must(node, 'POST', 'sys/namespaces/keep', { token });
  const before = everything(node);
  await must(node, 'POST', 'sys/namespaces/gone', { token });
  await must(node, 'POST', 'sys/namespaces/child', { token, namespace: 'gone' });
  const tokens = await fill(node, token, 'gone');
  assert.ok(everything(node).length > before.length + 20);
  assert.equal((await ask(node, 'DELETE', 'sys/namespaces/gone', { token })).status, 400);
  await must(node, 'DELETE', 'sys/namespaces/child', { token, namespace: 'gone' });
  const deleted = await must(node, 'DELETE', 'sys/namespaces/gone', { token });
  assert.deepEqual(deleted.reply?.data, { status: 'in-progress' });
  for (const id of tokens) assert.equal(node.services.tokens.find(id), undefined);
  assert.equal((await ask(node, 'GET', 'kv/data/a', { token, namespace: 'gone' })).status, 404);
  await node.services.namespaceChanges.resumeRemovals();
  assert.deepEqual(everything(node), before);
  const again = await must(node, 'DELETE', 'sys/namespaces/gone', { token });
  assert.deepEqual(again.warnings, ['requested namespace does not exist']);
  // The name is free, and what is made under it has nothing of what was there.
  await must(node, 'POST', 'sys/namespaces/gone', { token });
  assert.equal((await ask(node, 'GET', 'kv/data/a', { token, namespace: 'gone' })).status, 404);
});

test('a removal that was cut off goes on after a restart, and touches nothing that no order names', async () => {
  const store = openMemoryStore();
  const { node, root: token, share } = await runningNode({ store });
  for (const name of ['keep', 'gone']) await must(node, 'POST', `sys/namespaces/${name}`, { token });
  await fill(node, token, 'keep');
  const tokens = await fill(node, token, 'gone');
  const { namespaces, namespaceChanges } = node.services;
  const found = () => tokens.filter((id) => node.services.tokens.find(id) !== undefined);
  // So that each is known where tokens in use are kept.
  assert.deepEqual(found(), tokens);
  const kept = namespaces.byPath('keep/')?.id ?? '';
  const gone = await namespaceChanges.delete({ id: 'root', path: '' }, 'gone');
  assert.deepEqual(found(), [], 'they end with it, though they are still there');
  const left = everything(node).filter((key) => key.includes(`/${gone}/`));
  assert.ok(left.length > 10);
  await namespaceChanges.remove(kept);
  const others = everything(node).filter((key) => !key.includes(gone ?? ''));
  await node[Symbol.asyncDispose]();

  await using again = testNode({ store });
  await again.unseal(Buffer.from(share, 'hex'));
  await again.services.namespaceChanges.resumeRemovals();
  assert.deepEqual(
    everything(again).filter((key) => key.includes(gone ?? '')),
    [],
  );
  assert.deepEqual(
    others.filter((key) => !everything(again).includes(key)),
    [],
  );
  assert.equal((await ask(again, 'GET', 'kv/data/a', { token, namespace: 'keep' })).status, 200);
});

test('a token has one cubbyhole and one self, wherever it is used', async () => {
  const { node, root: token, inside, admin } = await withTeam();
  await using _ = node;
  await must(node, 'POST', 'cubbyhole/x', { ...inside, body: { k: 'v' } });
  assert.deepEqual((await ask(node, 'GET', 'cubbyhole/x', { token })).reply?.data, { k: 'v' });
  const own = await admin();
  for (const namespace of ['', 'team']) {
    assert.equal((await ask(node, 'POST', 'auth/token/renew-self', { token: own, namespace, body: {} })).status, 200);
  }
  const wrapped = await must(node, 'GET', 'secret/x', { token: own, namespace: 'team', wrapTtl: 60 });
  const wrapping = String(wrapped.wrapInfo?.['token']);
  // Who holds it alone unwraps it, without knowing where it was made.
  assert.equal((await ask(node, 'POST', 'sys/wrapping/unwrap', { token: wrapping })).status, 200);
  assert.equal((await ask(node, 'POST', 'auth/token/revoke-self', { token: own, body: {} })).status, 204);
  assert.equal(node.services.tokens.find(own), undefined);
});
