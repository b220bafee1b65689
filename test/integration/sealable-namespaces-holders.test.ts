/** What the holders of the shares of a namespace with a seal of its own do together: new shares, a root token of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../src/framework/field.ts';
import { ask } from '../support/node.ts';
import { dataOf, withVault } from '../support/sealable-world.ts';

async function started() {
  const { node, root, world, shares } = await withVault();
  const at = async (method: string, path: string, body?: JsonObject, { token = root, namespace = 'vault' } = {}) => {
    const outcome = await ask(node, method, path, { token, namespace, ...(body === undefined ? {} : { body }) });
    return { status: outcome.status, data: dataOf(outcome), error: outcome.errors?.[0] ?? '' };
  };
  /** Gives shares until one answers otherwise than with the progress. */
  const give = async (path: string, given: readonly string[], nonce: unknown): Promise<JsonObject> => {
    let last: JsonObject = {};
    for (const key of given) {
      const { status, data, error } = await at('PUT', path, { key, nonce: String(nonce) });
      assert.equal(status, 200, error);
      last = data;
    }
    return last;
  };
  const rekey = async (body: JsonObject, given: readonly string[] = shares.slice(0, 2)): Promise<JsonObject> => {
    const { data } = await at('PUT', 'sys/rotate/root/init', body);
    return give('sys/rotate/root/update', given, data['nonce']);
  };
  return { node, root, world, shares, at, give, rekey };
}

const TWO = { secret_shares: 2, secret_threshold: 2 };
const texts = (value: unknown): readonly string[] => value as readonly string[];

test('new shares open it and the old ones do not; its data, its key terms and the node’s shares stay', async () => {
  const { node, world, shares, at, rekey } = await started();
  await using _ = node;
  const term = (await at('GET', 'sys/key-status')).data['term'];
  const done = await rekey(TWO);
  assert.deepEqual([done['complete'], texts(done['keys']).length], [true, 2]);
  assert.equal((await at('GET', 'sys/key-status')).data['term'], term);
  await world.must('POST', 'sys/rotate', undefined, 'vault');
  await world.must('POST', 'kv/y', { word: 'later' }, 'vault');
  await world.seal('vault');
  await world.must('PUT', 'sys/namespaces/vault/unseal', { key: shares[0] ?? '' });
  const wrong = await at('PUT', 'sys/namespaces/vault/unseal', { key: shares[1] ?? '' }, { namespace: '' });
  assert.equal(wrong.status, 400);
  assert.equal((await world.unseal('vault', texts(done['keys'])))['sealed'], false);
  assert.deepEqual(dataOf(await world.must('GET', 'kv/x', undefined, 'vault')), { word: 'hush' });
  assert.deepEqual(dataOf(await world.must('GET', 'kv/y', undefined, 'vault')), { word: 'later' });
});

test('new shares that are to be proved hold once they were, and until then the old ones do', async () => {
  const { node, world, shares, at, give, rekey } = await started();
  await using _ = node;
  const made = await rekey({ ...TWO, require_verification: true });
  const fresh = texts(made['keys']);
  await world.seal('vault');
  assert.equal((await world.unseal('vault', shares))['sealed'], false, 'sealing has dropped what was not proved');
  assert.equal((await at('GET', 'sys/rotate/root/init')).data['started'], false);
  const again = await rekey({ ...TWO, require_verification: true });
  assert.notDeepEqual(texts(again['keys']), fresh);
  await give('sys/rotate/root/verify', texts(again['keys']), again['verification_nonce']);
  await world.seal('vault');
  assert.equal((await world.unseal('vault', texts(again['keys'])))['sealed'], false);
});

test('wrong shares, wrong nonces and too few rights change nothing', async () => {
  const { node, world, shares, at } = await started();
  await using _ = node;
  const others = await world.make('other');
  const { data } = await at('PUT', 'sys/rotate/root/init', TWO);
  const nonce = String(data['nonce']);
  assert.equal((await at('PUT', 'sys/rotate/root/update', { key: shares[0] ?? '', nonce: 'x' })).status, 400);
  await at('PUT', 'sys/rotate/root/update', { key: shares[0] ?? '', nonce });
  const wrong = await at('PUT', 'sys/rotate/root/update', { key: others[1] ?? '', nonce });
  assert.deepEqual([wrong.status, /at least one of the shares is wrong/.test(wrong.error)], [400, true]);
  assert.equal((await at('GET', 'sys/rotate/root/init')).data['progress'], 0);
  assert.equal((await at('PUT', 'sys/rotate/root')).status, 400, 'people hold its unseal key');
  // Who may do all in it but what takes `sudo`.
  await world.must(
    'PUT',
    'sys/policies/acl/all',
    { policy: 'path "*" { capabilities = ["update", "read"] }' },
    'vault',
  );
  const token = String(
    (
      await ask(node, 'PUT', 'auth/token/create', {
        token: world.root,
        namespace: 'vault',
        body: { policies: ['all'] },
      })
    ).reply?.auth?.['client_token'],
  );
  for (const path of ['sys/rotate/root/init', 'sys/generate-root-token/attempt', 'sys/rotate/root/backup']) {
    assert.equal((await at('GET', path, undefined, { token })).status, 403, path);
  }
  await world.seal('vault');
  assert.equal((await world.unseal('vault', shares))['sealed'], false);
});

test('its attempts are apart from those of the node and of other namespaces, and none is where there is no seal', async () => {
  const { node, world, at } = await started();
  await using _ = node;
  const others = await world.make('other');
  await world.unseal('other', others);
  await world.must('POST', 'sys/namespaces/plain');
  await at('PUT', 'sys/rotate/root/init', TWO);
  await at('PUT', 'sys/generate-root-token/attempt');
  for (const namespace of ['', 'other']) {
    for (const path of ['sys/rotate/root/init', 'sys/generate-root-token/attempt']) {
      assert.equal((await at('GET', path, undefined, { namespace })).data['started'], false, `${namespace} ${path}`);
    }
  }
  for (const namespace of ['plain', 'vault/below']) {
    if (namespace !== 'plain') await world.must('POST', 'sys/namespaces/below', undefined, 'vault');
    for (const path of ['sys/rotate/root/init', 'sys/generate-root-token/attempt']) {
      const { status, error } = await at('GET', path, undefined, { namespace });
      assert.deepEqual([status, /not sealable/.test(error)], [400, true], `${namespace} ${path}`);
    }
  }
  await world.seal('other');
  assert.equal((await at('GET', 'sys/rotate/root/init', undefined, { namespace: 'other' })).status, 503);
});

test('a root token by its shares does all in it and below, and nothing above or beside it', async () => {
  const { node, root, world, shares, at, give } = await started();
  await using _ = node;
  await world.must('POST', 'sys/namespaces/below', undefined, 'vault');
  await world.must('POST', 'sys/namespaces/plain');
  const { data: begun } = await at('PUT', 'sys/generate-root-token/attempt');
  const otp = String(begun['otp']);
  assert.equal(otp.length, begun['otp_length']);
  const done = await give('sys/generate-root-token/update', shares.slice(0, 2), begun['nonce']);
  assert.equal(done['complete'], true);
  const body = { encoded_token: String(done['encoded_token']), otp };
  const token = String((await at('PUT', 'sys/decode-token', body, { namespace: '' })).data['token']);
  const found = (await at('GET', 'auth/token/lookup-self', undefined, { token })).data;
  assert.deepEqual([found['policies'], found['ttl'], found['orphan']], [['root'], 0, true]);
  const as = (method: string, path: string, namespace: string, sent?: JsonObject) =>
    at(method, path, sent, { token, namespace });
  assert.deepEqual((await as('GET', 'kv/x', 'vault')).data, { word: 'hush' });
  assert.equal((await as('PUT', 'sys/rotate', 'vault')).status, 204, 'what takes sudo');
  assert.equal((await as('PUT', 'sys/mounts/kv', 'vault/below', { type: 'kv' })).status, 204);
  assert.deepEqual((await as('PUT', 'auth/token/create', 'vault', { policies: ['root'] })).status, 200);
  const beyond = [
    await as('GET', 'sys/mounts', ''),
    await as('GET', 'sys/mounts', 'plain'),
    await as('PUT', 'sys/namespaces/vault/seal', ''),
    await as('PUT', 'sys/namespaces/new', ''),
    await as('PUT', 'auth/token/create', '', { policies: ['root'] }),
  ];
  assert.deepEqual(
    beyond.map(({ status }) => status),
    beyond.map(() => 403),
  );
  const from = async (asking: string, namespace: string) =>
    (await at('PUT', 'auth/token/create', { policies: ['root'] }, { token: asking, namespace })).status;
  assert.equal(await from(token, 'vault/below'), 400, 'root of one namespace makes no root of another');
  assert.equal(await from(root, 'vault'), 400, 'nor does that of the node');
  const policy = { policy: 'path "*" { capabilities = ["read"] }' };
  assert.equal((await as('PUT', 'sys/policies/acl/root', 'vault', policy)).status, 400);
  await world.seal('vault');
  assert.equal((await as('GET', 'kv/x', 'vault')).status, 503);
});

test('a token with the policy root means nothing where no shares give one', async () => {
  const { node, world, at } = await started();
  await using _ = node;
  await world.must('POST', 'sys/namespaces/below', undefined, 'vault');
  for (const namespace of ['vault/below', 'vault']) {
    const { status } = await at('GET', 'sys/policies/acl/root', undefined, { namespace });
    assert.equal(status, namespace === 'vault' ? 200 : 404);
  }
});

test('new shares encrypted to PGP keys are kept as asked, apart from those of the node', async () => {
  const { generateKey } = await import('openpgp');
  const { node, world, shares, at, rekey } = await started();
  await using _ = node;
  const { publicKey } = await generateKey({ userIDs: [{ name: 'ann' }], format: 'object' });
  const pgp = [Buffer.from(publicKey.write()).toString('base64')];
  const one = { secret_shares: 1, secret_threshold: 1 };
  assert.equal((await at('GET', 'sys/rotate/root/backup')).status, 400);
  const made = await rekey({ ...one, pgp_keys: pgp, backup: true, require_verification: true });
  assert.deepEqual(made['pgp_fingerprints'], [publicKey.getFingerprint()]);
  assert.equal((await at('GET', 'sys/rotate/root/backup')).status, 400, 'not before it holds');
  await at('DELETE', 'sys/rotate/root/init');
  const begun = await at('PUT', 'sys/rotate/root/init', { ...one, pgp_keys: pgp, backup: true });
  for (const key of shares.slice(0, 2)) {
    await at('PUT', 'sys/rotate/root/update', { key, nonce: String(begun.data['nonce']) });
  }
  const kept = (await at('GET', 'sys/rotate/root/backup')).data;
  assert.deepEqual(Object.keys(kept['keys'] as object), [publicKey.getFingerprint()]);
  assert.equal((await at('GET', 'sys/rotate/root/backup', undefined, { namespace: '' })).status, 400, 'not the node’s');
  assert.equal((await at('DELETE', 'sys/rotate/root/backup')).status, 204);
  assert.equal((await at('GET', 'sys/rotate/root/backup')).status, 400);
  assert.equal(await world.status('kv/x', 'vault'), 200);
});
