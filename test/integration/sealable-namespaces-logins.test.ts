/** Logins that have begun in a namespace with a seal of its own, and what sealing it makes of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../src/framework/field.ts';
import { authenticator } from '../support/mfa.ts';
import { ask } from '../support/node.ts';
import { dataOf, withVault } from '../support/sealable-world.ts';

const NAMESPACE = 'vault';
const body = { password: 'right-pass' };

test('sealing a namespace forgets the logins in it that wait for a second factor, and no other', async () => {
  const clock = { now: 1_800_000_000_000 };
  const { node, world, shares } = await withVault({ now: () => clock.now });
  await using _ = node;
  const waiting = async (namespace: string): Promise<string> => {
    const { auth, errors } = await ask(node, 'POST', 'auth/userpass/login/ann', { namespace, body });
    assert.ok(auth, String(errors));
    return String((auth['mfa_requirement'] as JsonObject)['mfa_request_id']);
  };
  const withMfa = async (namespace: string) => {
    const write = async (path: string, written: JsonObject): Promise<JsonObject> =>
      dataOf(await world.must('POST', path, written, namespace));
    await write('sys/auth/userpass', { type: 'userpass' });
    await write('auth/userpass/users/ann', body);
    const { auth } = await ask(node, 'POST', 'auth/userpass/login/ann', { namespace, body });
    const { method_id: method } = await write('identity/mfa/method/totp', { issuer: 'here' });
    const entity = auth?.['entity_id'];
    const named = { method_id: method, entity_id: entity };
    const { url } = await write('identity/mfa/method/totp/admin-generate', named);
    await write('identity/mfa/login-enforcement/all', { mfa_method_ids: [method], identity_entity_ids: [entity] });
    const code = authenticator(String(url), () => clock.now);
    return (id: string) => {
      const payload = { [String(method)]: [code()] };
      return ask(node, 'POST', 'sys/mfa/validate', { namespace, body: { mfa_request_id: id, mfa_payload: payload } });
    };
  };
  const validate = { root: await withMfa(''), vault: await withMfa(NAMESPACE) };
  const begun = { root: await waiting(''), vault: await waiting(NAMESPACE) };
  await world.seal(NAMESPACE);
  await world.unseal(NAMESPACE, shares);
  const ended = await validate.vault(begun.vault);
  assert.deepEqual([ended.status, ended.auth], [400, null]);
  assert.match(String(ended.errors), /invalid request ID/);
  assert.equal((await validate.vault(await waiting(NAMESPACE))).status, 200, 'a new one goes on, by the same code');
  assert.equal((await validate.root(begun.root)).status, 200);
});

test('sealing a namespace forgets the authorization codes that its OIDC providers have given', async () => {
  const { node, world, shares } = await withVault();
  await using _ = node;
  const { codes } = node.services.identities.oidc;
  const id = String(dataOf(await world.must('GET', 'sys/namespaces/vault'))['id']);
  const now = Date.now();
  const given = (namespace: string): string => {
    const about = { namespace, provider: 'p', client: 'c', entity: 'e', redirectUri: 'https://a/', nonce: '' };
    return codes.give({ ...about, scopes: ['openid'], authTime: undefined, challenge: undefined }, now);
  };
  const taken = (code: string, namespace: string) =>
    codes.take(code, { namespace, client: 'c', grant: 'g', end: now + 60_000, now });
  const [inside, outside, used] = [given(id), given('root'), given(id)];
  taken(used, id);
  await world.seal('vault');
  await world.unseal('vault', shares);
  assert.equal(taken(inside, id), undefined);
  assert.ok(taken(outside, 'root'));
  assert.deepEqual(taken(used, id), { replayed: 'g' }, 'who stole it still ends what it gave');
});
