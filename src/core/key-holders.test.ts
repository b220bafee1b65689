import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ask, requestOf, testNode, type TestNodeOptions } from '../../test/support/node.ts';
import type { JsonObject } from '../framework/field.ts';
import type { ListenerTerms } from '../framework/request.ts';
import type { Node } from './node.ts';

async function started(options: TestNodeOptions = {}) {
  const node = testNode(options);
  const { unsealShares, rootToken } = await node.initialize({ secretShares: 3, secretThreshold: 2 });
  const keys = unsealShares.hex;
  for (const key of keys.slice(0, 2)) await node.unseal(Buffer.from(key, 'hex'));
  const as =
    (token: string) =>
    async (method: string, path: string, body?: JsonObject): Promise<[number, JsonObject, readonly string[]]> => {
      const outcome = await ask(node, method, `sys/${path}`, { token, ...(body === undefined ? {} : { body }) });
      return [outcome.status, outcome.reply?.bare ?? outcome.reply?.data ?? {}, outcome.errors ?? []];
    };
  return { node, rootToken, keys, root: as(rootToken), as };
}

async function unseal(node: Node, keys: unknown): Promise<unknown> {
  let status: JsonObject = {};
  for (const key of keys as string[]) status = await node.unseal(Buffer.from(key, 'hex'));
  return status['sealed'];
}

for (const base of ['rekey', 'rotate/root']) {
  test(`sys/${base}: from the start to new shares that unseal`, async () => {
    const { node, root, keys } = await started();
    assert.equal((await root('GET', `${base}/init`))[1]['started'], false);
    const [, made] = await root('POST', `${base}/init`, { secret_shares: 2, secret_threshold: 2 });
    assert.deepEqual([made['started'], made['t'], made['n'], made['required']], [true, 2, 2, 2]);
    const { nonce } = made;
    const [, first] = await root('POST', `${base}/update`, { key: keys[0], nonce });
    assert.deepEqual([first['progress'], first['started']], [1, true]);
    const [status, done] = await root('POST', `${base}/update`, { key: keys[2], nonce });
    assert.deepEqual([status, done['complete'], done['verification_required']], [200, true, false]);
    await node.seal();
    await assert.rejects(unseal(node, keys.slice(0, 2)));
    assert.equal(await unseal(node, done['keys']), false);
  });
}

test('the verification, its nonce and its end, by the API', async () => {
  const { node, root, keys } = await started();
  const body = { secret_shares: 2, secret_threshold: 2, require_verification: true };
  const { nonce } = (await root('POST', 'rekey/init', body))[1];
  await root('POST', 'rekey/update', { key: keys[0], nonce });
  const [, made] = await root('POST', 'rekey/update', { key: keys[1], nonce });
  const [one, two] = made['keys'] as string[];
  const [, waiting] = await root('GET', 'rekey/verify');
  assert.deepEqual(waiting, { nonce: made['verification_nonce'], started: true, t: 2, n: 2, progress: 0 });
  const [, again] = await root('DELETE', 'rekey/verify');
  assert.notEqual(again['nonce'], waiting['nonce']);
  await root('POST', 'rekey/verify', { key: one, nonce: again['nonce'] });
  const [, done] = await root('POST', 'rekey/verify', { key: two, nonce: again['nonce'] });
  assert.deepEqual(done, { nonce: again['nonce'], complete: true });
  assert.deepEqual((await root('GET', 'rekey/verify'))[0], 400);
  await node.seal();
  assert.equal(await unseal(node, [one, two]), false);
});

test('sealing ends every attempt', async () => {
  const { node, root, keys } = await started();
  await root('POST', 'rekey/init', { secret_shares: 2, secret_threshold: 2 });
  await root('POST', 'generate-root/attempt', {});
  await node.seal();
  assert.equal(await unseal(node, keys.slice(1)), false);
  assert.equal((await root('GET', 'rekey/init'))[1]['started'], false);
  assert.equal((await root('GET', 'generate-root/attempt'))[1]['started'], false);
});

const xor = (encoded: unknown, otp: string): string =>
  Buffer.from(Buffer.from(String(encoded), 'base64').map((byte, at) => byte ^ otp.charCodeAt(at))).toString();

for (const base of ['generate-root', 'generate-root-token']) {
  test(`sys/${base}: a root token that only who has the password can read`, async () => {
    const { root, keys, as } = await started();
    const [, made] = await root('POST', `${base}/attempt`, {});
    const { nonce, otp } = made;
    assert.equal(String(otp).length, 28);
    assert.equal((await root('GET', `${base}/attempt`))[1]['otp'], '', 'told once');
    await root('POST', `${base}/update`, { key: keys[0], nonce });
    const [, done] = await root('POST', `${base}/update`, { key: keys[1], nonce });
    assert.deepEqual([done['complete'], done['progress'], done['required']], [true, 2, 2]);
    assert.equal(done['encoded_token'], done['encoded_root_token']);
    const token = xor(done['encoded_token'], String(otp));
    assert.match(token, /^hvs\.[A-Za-z0-9]{24}$/);
    assert.equal((await as(token)('GET', 'mounts'))[0], 200);
    const [, plain] = await as('')('POST', 'decode-token', { encoded_token: done['encoded_token'], otp });
    assert.deepEqual(plain, { token });
    assert.equal((await root('GET', `${base}/attempt`))[1]['started'], false);
  });
}

test('a root generation refuses a short password, a second start, a foreign nonce and wrong shares', async () => {
  const { root, keys } = await started();
  assert.equal((await root('POST', 'generate-root/attempt', { otp: 'short' }))[0], 400);
  assert.equal((await root('POST', 'generate-root/attempt', { otp: 'x'.repeat(28), pgp_key: 'YQ==' }))[0], 400);
  assert.equal((await root('POST', 'generate-root/attempt', { pgp_key: 'YQ==' }))[0], 400);
  assert.equal((await root('POST', 'generate-root/update', { key: keys[0], nonce: 'n' }))[0], 400);
  const { nonce } = (await root('POST', 'generate-root/attempt', { otp: 'x'.repeat(28) }))[1];
  assert.equal((await root('POST', 'generate-root/attempt', {}))[0], 400);
  const update = (body: JsonObject) => root('POST', 'generate-root/update', body);
  for (const wrong of [{ key: keys[0] }, { nonce }, { key: keys[0], nonce: 'n' }, { key: 'zz', nonce }, {}]) {
    assert.equal((await update(wrong))[0], 400, JSON.stringify(Object.keys(wrong)));
  }
  assert.equal((await update({ key: keys[0], nonce }))[1]['progress'], 1);
  assert.equal((await update({ key: keys[0], nonce }))[0], 400, 'given twice');
  const [status, , errors] = await update({ key: 'ab'.repeat(33), nonce });
  assert.equal(status, 400);
  assert.ok(!JSON.stringify(errors).includes('abab'));
  assert.equal((await root('GET', 'generate-root/attempt'))[1]['progress'], 0);
  for (const key of keys.slice(0, 1)) await update({ key, nonce });
  assert.equal((await update({ key: keys[1], nonce }))[1]['complete'], true);
  assert.equal((await root('POST', 'decode-token', { encoded_token: 'abcd', otp: 'x' }))[0], 400);
});

const attempts = ['rekey/init', 'rekey/backup', 'rotate/root/init', 'rotate/root/backup', 'generate-root/attempt'];

test('without a token, without the right and without sudo nobody comes near', async () => {
  const { root, as, node, rootToken } = await started();
  const policy = 'path "sys/*" { capabilities = ["create","read","update","delete"] }';
  await root('POST', 'policies/acl/all', { policy });
  const made = await ask(node, 'POST', 'auth/token/create', { token: rootToken, body: { policies: ['all'] } });
  const weak = String(made.auth?.['client_token']);
  for (const path of [...attempts, 'generate-root-token/attempt']) {
    for (const token of ['', 'hvs.none', weak]) {
      for (const method of ['GET', 'DELETE'])
        assert.equal((await as(token)(method, path))[0], 403, `${method} ${path}`);
    }
  }
  for (const path of ['rekey/init', 'generate-root/attempt']) {
    assert.equal((await as(weak)('POST', path, { secret_shares: 1, secret_threshold: 1 }))[0], 403);
  }
});

test('a listener that reopens the old endpoints serves them without a token, and those alone', async () => {
  const { node } = await started();
  const from = async (listener: ListenerTerms, path: string): Promise<number> =>
    (await node.handle({ ...requestOf('GET', `sys/${path}`), listener })).status;
  const rekey = { unauthenticatedMetrics: false, unauthenticatedRekey: true };
  const generate = { unauthenticatedMetrics: false, unauthenticatedGenerateRoot: true };
  assert.deepEqual(await Promise.all(attempts.map((path) => from(rekey, path))), [200, 403, 403, 403, 403]);
  assert.deepEqual(await Promise.all(attempts.map((path) => from(generate, path))), [403, 403, 403, 403, 200]);
});

test('recovery shares and a root key without shares are not for a seal that people hold', async () => {
  const { root } = await started();
  for (const path of ['rotate/recovery/init', 'rekey-recovery-key/init']) {
    assert.equal((await root('GET', path))[0], 400);
    assert.equal((await root('POST', path, { secret_shares: 1, secret_threshold: 1 }))[0], 400);
  }
  assert.equal((await root('POST', 'rotate/root', {}))[0], 400);
  const [status, , errors] = await root('GET', 'rekey/backup');
  assert.deepEqual([status, errors], [400, ['no backed-up keys found']]);
});

test('PGP keys at init: shares and root token can be read by their holders alone', async () => {
  const { decrypt, generateKey, readMessage } = await import('openpgp');
  const { privateKey, publicKey } = await generateKey({ userIDs: [{ name: 'ann' }], format: 'object' });
  const text = Buffer.from(publicKey.write()).toString('base64');
  const node = testNode();
  const split = { secret_shares: 1, secret_threshold: 1 };
  for (const wrong of [{ pgp_keys: [text, text] }, { root_token_pgp_key: 'YQ==' }, { recovery_pgp_keys: [text] }]) {
    assert.equal((await ask(node, 'POST', 'sys/init', { body: { ...split, ...wrong } })).status, 400);
  }
  assert.equal(node.initialized, false);
  const body = { ...split, pgp_keys: [text], root_token_pgp_key: text };
  const { reply } = await ask(node, 'POST', 'sys/init', { body });
  const open = async (binaryMessage: Buffer): Promise<string> => {
    const message = await readMessage({ binaryMessage });
    return (await decrypt({ message, decryptionKeys: privateKey })).data as string;
  };
  const { keys, root_token: token } = reply?.bare as { keys: string[]; root_token: string };
  assert.equal(await unseal(node, [await open(Buffer.from(keys[0] ?? '', 'hex'))]), false);
  const root = await open(Buffer.from(token, 'base64'));
  assert.equal((await ask(node, 'GET', 'sys/mounts', { token: root })).status, 200);
});
