import assert from 'node:assert/strict';
import { test } from 'node:test';
import { threadedServer } from '../support/threaded-server.ts';

const seal = 'seal "shamir" { shares = 2 threshold = 2 }';

// Each thread has keys and caches of its own.
test('every thread serves a namespace with a seal of its own from its unsealing to its sealing', async (t) => {
  const { server, ask, token, connections, key: nodeKey, metric } = await threadedServer(t);
  const everywhere = async (status: number, word?: string): Promise<void> => {
    for (const connection of connections) {
      const found = await connection.ask('GET', 'vault/kv/x', { token });
      assert.equal(found.status, status, found.text);
      if (word !== undefined) assert.ok(found.text.includes(word), found.text);
      else assert.ok(found.text.includes('namespace is sealed'), found.text);
    }
  };
  const made = (await ask('POST', 'sys/namespaces/vault', { seal }))['data'] as { key_shares: string[] };
  let shares = made.key_shares;
  const unseal = async (): Promise<void> => {
    for (const share of shares) await ask('PUT', 'sys/namespaces/vault/unseal', { key: share });
  };
  await everywhere(503);
  await unseal();
  await ask('POST', 'vault/sys/mounts/kv', { type: 'kv' });
  for (let round = 1; round <= 3; round++) {
    await ask('POST', 'vault/kv/x', { word: `hush-${String(round)}` });
    await everywhere(200, `hush-${String(round)}`);
    await ask('PUT', 'sys/namespaces/vault/seal');
    await everywhere(503);
    // What was there before is served beside it.
    for (const connection of connections) {
      assert.equal((await connection.ask('GET', 'secret/data/a', { token })).status, 200);
    }
    await unseal();
    await everywhere(200, `hush-${String(round)}`);
  }
  assert.ok((await metric('lockstep_threads_served')) > 0);
  await ask('POST', 'vault/sys/rotate', {});
  await ask('POST', 'vault/kv/x', { word: 'rotated' });
  await everywhere(200, 'rotated');
  // New shares and another root key, which all threads take up with the keyring that is under it.
  const split = { secret_shares: 2, secret_threshold: 2 };
  const begun = (await ask('PUT', 'vault/sys/rotate/root/init', split))['data'] as { nonce: string };
  for (const key of made.key_shares) {
    const given = await ask('PUT', 'vault/sys/rotate/root/update', { key, nonce: begun.nonce });
    shares = (given['data'] as { keys?: string[] }).keys ?? shares;
  }
  await ask('POST', 'vault/sys/rotate', {});
  await ask('POST', 'vault/kv/x', { word: 'rekeyed' });
  await everywhere(200, 'rekeyed');
  // The node's own seal seals all, and its shares open none of it.
  await ask('PUT', 'sys/seal');
  await server.ask('PUT', '/v1/sys/unseal', { body: { key: nodeKey } });
  await everywhere(503);
  await unseal();
  await everywhere(200, 'rekeyed');
  await ask('DELETE', 'sys/namespaces/vault');
  for (const connection of connections) {
    assert.equal((await connection.ask('GET', 'vault/kv/x', { token })).status, 404);
  }
});

// A thread that nobody reads from lets go of its view of the store, and is then too far behind to follow.
test('a namespace is sealed and unsealed on threads that rest, however much was written meanwhile', async (t) => {
  const { ask, token, connections } = await threadedServer(t);
  const everywhere = async (status: number): Promise<void> => {
    for (const connection of connections) {
      const found = await connection.ask('GET', 'vault/kv/x', { token });
      assert.equal(found.status, status, found.text);
    }
  };
  const writeMuch = async (): Promise<void> => {
    for (let written = 0; written < 1_200; written += 100) {
      await Promise.all(Array.from({ length: 100 }, () => ask('POST', 'secret/data/much', { data: { a: 'b' } })));
    }
  };
  const made = (await ask('POST', 'sys/namespaces/vault', { seal }))['data'] as { key_shares: string[] };
  const unseal = async (): Promise<void> => {
    for (const share of made.key_shares) await ask('PUT', 'sys/namespaces/vault/unseal', { key: share });
  };
  await unseal();
  await ask('POST', 'vault/sys/mounts/kv', { type: 'kv' });
  await ask('POST', 'vault/kv/x', { word: 'hush' });
  await everywhere(200);
  await writeMuch();
  await ask('PUT', 'sys/namespaces/vault/seal');
  await everywhere(503);
  await writeMuch();
  await unseal();
  await everywhere(200);
});
