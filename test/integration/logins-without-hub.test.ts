/** Every auth method at a region: a login asks the hub for nothing, so each is answered alike with the hub there and ended. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { nextTurn } from '../../src/lib/next-turn.ts';
import { registry } from '../../src/registry.ts';
import type { Outcome } from '../../src/framework/request.ts';
import { testHub, testRegion, type TestHub, type TestRegion } from '../support/cluster.ts';
import { ask } from '../support/node.ts';
import { METHODS, must, type Login } from './logins-without-hub/methods.ts';

test('each method that there is has its logins here', () => {
  assert.deepEqual(
    Object.keys(registry.auth).filter((type) => !(type in METHODS)),
    [],
  );
});

describe('logins at a region', () => {
  const started = new AsyncDisposableStack();
  const logins = new Map<string, Readonly<Record<string, Login>>>();
  let hub: TestHub;
  let region: TestRegion;
  let ended = false;

  const endHub = async (): Promise<void> => {
    if (ended) return;
    ended = true;
    await hub.node[Symbol.asyncDispose]();
    const connected = async () =>
      (await ask(region.node, 'GET', 'sys/regions', { token: region.root })).reply?.data?.['connected'];
    while ((await connected()) !== false) await nextTurn();
  };

  before(async () => {
    hub = await testHub();
    started.defer(endHub);
    for (const [name, { make, skip = false }] of Object.entries(METHODS)) {
      if (skip === false) logins.set(name, await make(hub, started));
    }
    region = await testRegion(hub, 'eu', ['auth/', 'identity/', 'sys/policies/acl/']);
    started.use(region.node);
    assert.equal((await must(hub, 'sys/wait', { latest: true, timeout: 30 }))['state'], 'done');
  });
  after(() => started.disposeAsync());

  /** What it gives is a token of this region, of an entity. */
  async function assertToken({ auth }: Outcome): Promise<void> {
    const { client_token: token, entity_id: entity } = auth ?? {};
    const self = await ask(region.node, 'GET', 'auth/token/lookup-self', { token: String(token) });
    assert.deepEqual([self.status, self.reply?.data?.['entity_id']], [200, entity]);
    assert.notEqual(entity, '');
  }

  for (const state of ['there', 'ended']) {
    test(`what changes a method, while the hub is ${state}`, async () => {
      if (state === 'ended') await endHub();
      const answer =
        state === 'there'
          ? [403, ['a root token of a region rules that region alone: ask the hub']]
          : [503, ['the hub cannot be reached: reads go on, writes wait for it']];
      for (const path of ['userpass/users/ann', 'approle/role/app', 'jwt/config', 'cert/certs/web']) {
        const { status, errors } = await ask(region.node, 'POST', `auth/${path}`, { token: region.root, body: {} });
        assert.deepEqual([status, errors], answer, path);
      }
    });

    for (const [name, { skip = false }] of Object.entries(METHODS)) {
      test(`by ${name} while the hub is ${state}`, { skip }, async () => {
        if (state === 'ended') await endHub();
        for (const [what, { at, status, error }] of Object.entries(logins.get(name) ?? {})) {
          const outcome = await at(region);
          const { errors = [] } = outcome;
          assert.equal(outcome.status, status, `${what}: ${errors.join()}`);
          if (error === undefined) await assertToken(outcome);
          else assert.match(errors.join(), error, what);
        }
      });
    }
  }

  test('what a token has a number of is counted at the region that gave it', async () => {
    const { auth } = await ask(region.node, 'POST', 'auth/userpass/login/few', { body: { password: 'right-pass' } });
    const token = String(auth?.['client_token']);
    const use = async () => (await ask(region.node, 'GET', 'auth/token/lookup-self', { token })).status;
    assert.deepEqual([await use(), await use(), await use()], [200, 200, 403]);
  });

  test('a login is wrapped, and unwrapped once, by the region', async () => {
    const asking = { body: { password: 'right-pass' }, wrapTtl: 60 };
    const { wrapInfo } = await ask(region.node, 'POST', 'auth/userpass/login/ann', asking);
    const token = String(wrapInfo?.['token']);
    const unwrap = async () => (await ask(region.node, 'POST', 'sys/wrapping/unwrap', { token })).status;
    assert.deepEqual([await unwrap(), await unwrap()], [200, 400]);
  });

  test('a region locks out, shows whom, and lets them in again by itself', async () => {
    const login = async (password: string) =>
      (await ask(region.node, 'POST', 'auth/userpass/login/batch', { body: { password } })).status;
    const wrong = [];
    for (let at = 0; at < 5; at += 1) wrong.push(await login('wrong-pass'));
    assert.deepEqual([wrong, await login('right-pass')], [[400, 400, 400, 400, 400], 403]);
    const { root: token } = region;
    const mount = await ask(region.node, 'GET', 'sys/auth/userpass', { token });
    const accessor = String(mount.reply?.data?.['accessor']);
    const unlocked = await ask(region.node, 'POST', `sys/locked-users/${accessor}/unlock/batch`, { token });
    assert.deepEqual([unlocked.status, await login('right-pass')], [204, 200]);
  });
});
