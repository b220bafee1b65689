/** The provider `vault` against OpenBao's own server. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { providerConformance, type ProviderWorld } from '../../src/providers/provider.conformance.ts';
import { vault } from '../../src/providers/vault/provider.ts';
import { givenCredentials } from '../../src/providers/credentials.testing.ts';
import { refusesBytes, vaultVersion, vaultWorld, withoutInVault } from '../support/provider-vault.ts';
import { openbao, startOpenBao } from './support/openbao.ts';

const binary = await openbao();

describe('vault', { skip: binary === undefined ? 'OpenBao is not to be had' : false }, () => {
  const started = new AsyncDisposableStack();
  after(() => started.disposeAsync());
  let opened: Promise<ProviderWorld> | undefined;
  let server: Awaited<ReturnType<typeof startOpenBao>>;
  const open = async (): Promise<ProviderWorld> => {
    server = started.use(await startOpenBao(binary ?? ''));
    const { address, ask } = server;
    return vaultWorld(vault, { address, root: 'root', ask: async (...asked) => (await ask(...asked)).body });
  };
  const world = (): Promise<ProviderWorld> => (opened ??= open());

  providerConformance({ name: 'vault', world, version: vaultVersion, without: withoutInVault });
  test('bytes that are no text are refused', async () => refusesBytes(await world()));

  test('a mount that takes writes under check-and-set alone takes all of a PushSecret, asked for or not', async () => {
    await world();
    const { ask, address } = server;
    await ask('POST', 'sys/mounts/strict', { type: 'kv', options: { version: '2' } });
    const readied = async () => (await ask('POST', 'strict/config', { cas_required: true })).status;
    while ((await readied()) >= 300) await pause(20);
    // By hand, without it, it is refused.
    assert.equal((await ask('POST', 'strict/data/plain', { data: { k: 'v' } })).status, 400);
    for (const checkAndSet of [undefined, { required: true }, { required: false }]) {
      const client = vault.connect(
        {
          ...{ server: address, path: 'strict', ...(checkAndSet === undefined ? {} : { checkAndSet }) },
          auth: { tokenSecretRef: { name: 'login', key: 'token' } },
        },
        givenCredentials({ secrets: { login: { token: 'root' } } }),
      );
      const { signal } = new AbortController();
      const key = `pushed-${String(checkAndSet?.required)}`;
      const text = (value: string): Uint8Array => Buffer.from(value, 'utf8');
      try {
        await client.push?.({ key, property: 'a', value: text('1') }, signal);
        await client.push?.({ key, property: 'b', value: text('2') }, signal);
        await client.push?.({ key, value: text('{"a":"3","c":"4"}') }, signal);
        await client.remove?.({ key, property: 'a' }, signal);
        const { found, ...read } = await client.read({ key }, signal);
        assert.equal(found && Buffer.from((read as { value: Uint8Array }).value).toString(), '{"c":"4"}');
        await client.remove?.({ key }, signal);
        assert.deepEqual(await client.read({ key }, signal), { found: false });
      } finally {
        client.close();
      }
    }
  });
});
