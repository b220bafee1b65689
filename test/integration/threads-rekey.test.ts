import assert from 'node:assert/strict';
import { test } from 'node:test';
import { threadedServer } from '../support/threaded-server.ts';

// The root key changes with the shares: each thread reads the keyring for itself.
test('threads that read follow a new root key, and the key terms after it', async (t) => {
  const { server, ask, token, connections, key, metric } = await threadedServer(t);
  const everywhere = async (value: number): Promise<void> => {
    for (const connection of connections) {
      const { status, text } = await connection.ask('GET', 'secret/data/a', { token });
      assert.equal(status, 200);
      assert.ok(text.includes(`{"value":${value}}`), text);
    }
  };
  await everywhere(0);
  let share = key;
  for (let round = 1; round <= 3; round++) {
    const { nonce } = await ask('POST', 'sys/rekey/init', { secret_shares: 1, secret_threshold: 1 });
    const { keys } = await ask('POST', 'sys/rekey/update', { nonce, key: share });
    share = (keys as string[])[0] ?? '';
    // Nobody reads between two of the changes in the second round: threads find both at once.
    if (round !== 2) await everywhere(2 * (round - 1));
    await ask('POST', 'sys/rotate', {});
    await ask('POST', 'secret/data/a', { data: { value: 2 * round } });
    if (round !== 2) await everywhere(2 * round);
  }
  assert.ok((await metric('lockstep_threads_served')) > 0);
  await ask('PUT', 'sys/seal');
  assert.equal((await server.ask('PUT', '/v1/sys/unseal', { body: { key } })).status, 400, 'the old share');
  await ask('PUT', 'sys/unseal', { key: share });
  await everywhere(6);
});
