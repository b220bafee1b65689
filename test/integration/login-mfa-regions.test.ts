/** Second factors where there are regions: the hub alone checks them, and no region lets a login through that needs one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../src/framework/field.ts';
import { everyKey } from '../../src/storage/every-key.ts';
import { testHub, testRegion, type TestHub, type TestRegion } from '../support/cluster.ts';
import { ask } from '../support/node.ts';

type At = Pick<TestHub, 'node' | 'root'>;

async function must({ node, root }: At, method: string, path: string, body?: JsonObject) {
  const outcome = await ask(node, method, path, { token: root, ...(body === undefined ? {} : { body }) });
  assert.ok(outcome.status < 300, `${method} ${path}: ${(outcome.errors ?? []).join()}`);
  return outcome.reply?.data ?? {};
}

async function converged(hub: TestHub): Promise<void> {
  const waited = await must(hub, 'POST', 'sys/wait', { latest: true, timeout: 10 });
  assert.equal(waited['state'], 'done');
}

/** `within`: the path of the namespace, with its closing slash. */
const login = ({ node }: At, user: string, within = '') =>
  ask(node, 'POST', `${within}auth/userpass/login/${user}`, { body: { password: 'right-pass' } });

interface World extends AsyncDisposable {
  readonly hub: TestHub;
  readonly eu: TestRegion;
  readonly ann: string;
  readonly method: string;
}

async function world(paths: readonly string[], within = ''): Promise<World> {
  const hub = await testHub();
  if (within !== '') await must(hub, 'POST', `sys/namespaces/${within}`, {});
  await must(hub, 'POST', `${within}sys/auth/userpass`, { type: 'userpass' });
  for (const user of ['ann', 'bob']) {
    await must(hub, 'POST', `${within}auth/userpass/users/${user}`, { password: 'right-pass' });
  }
  const ann = String((await login(hub, 'ann', within)).auth?.['entity_id']);
  const { method_id: method } = await must(hub, 'POST', 'identity/mfa/method/totp', { issuer: 'x' });
  const eu = await testRegion(hub, 'eu', paths);
  return {
    ...{ hub, eu, ann, method: String(method) },
    [Symbol.asyncDispose]: async () => {
      await eu.node[Symbol.asyncDispose]();
      await hub.node[Symbol.asyncDispose]();
    },
  };
}

test('a login that needs a second factor is the hub’s alone, and secrets never leave it', async () => {
  await using all = await world(['auth/', 'identity/']);
  const { hub, eu, ann, method } = all;
  await must(hub, 'POST', 'identity/mfa/login-enforcement/e', { mfa_method_ids: [method], identity_entity_ids: [ann] });
  await must(hub, 'POST', 'identity/mfa/method/totp/admin-generate', { method_id: method, entity_id: ann });
  await converged(hub);
  const refused = await login(eu, 'ann');
  assert.deepEqual([refused.status, refused.auth], [503, null]);
  assert.match(String(refused.errors), /second factor, which the hub alone can check/);
  assert.equal((await login(eu, 'bob')).status, 200);
  assert.notEqual((await login(hub, 'ann')).auth?.['mfa_requirement'], null);
  using there = hub.node.services.store.snapshot();
  assert.equal([...everyKey(there, 'h/root/data/identity/mfa/totp/')].length, 1);
  using here = eu.behind.snapshot();
  assert.deepEqual([...everyKey(here, 'h/')], []);
  assert.deepEqual(
    [...everyKey(here, '')].filter((key) => key.includes('totp')),
    [],
  );
  // What changes it is the hub's too.
  const path = 'identity/mfa/login-enforcement/e';
  assert.equal((await ask(eu.node, 'DELETE', path, { token: eu.root })).status, 403);
  await must(hub, 'DELETE', path);
  await converged(hub);
  assert.equal((await login(eu, 'ann')).status, 200);
});

test('a region that holds nothing of identities knows the enforcements, and refuses whom it cannot tell from those meant', async () => {
  await using all = await world(['auth/']);
  const { hub, eu, ann, method } = all;
  const path = 'identity/mfa/login-enforcement/e';
  const { id: group } = await must(hub, 'POST', 'identity/group', { name: 'g', member_entity_ids: [ann] });
  const whose: readonly (readonly [JsonObject, number])[] = [
    [{ auth_method_types: ['approle'] }, 200],
    [{ auth_method_types: ['userpass'] }, 503],
    [{ identity_entity_ids: [ann] }, 503],
    [{ identity_group_ids: [group] }, 503],
  ];
  await must(hub, 'POST', 'sys/auth/approle', { type: 'approle' });
  for (const [named, status] of whose) {
    await must(hub, 'POST', path, { mfa_method_ids: [method], ...named });
    await converged(hub);
    assert.equal((await login(eu, 'ann')).status, status, JSON.stringify(named));
    await must(hub, 'DELETE', path);
    await converged(hub);
    assert.equal((await login(eu, 'ann')).status, 200);
  }
});

test('what the root namespace asks of logins holds at a region that has one namespace below it alone', async () => {
  await using all = await world(['a/auth/'], 'a/');
  const { hub, eu, method } = all;
  await converged(hub);
  assert.equal((await login(eu, 'ann', 'a/')).status, 200);
  await must(hub, 'POST', 'identity/mfa/login-enforcement/e', {
    mfa_method_ids: [method],
    auth_method_types: ['userpass'],
  });
  await converged(hub);
  assert.equal((await login(eu, 'ann', 'a/')).status, 503);
});
