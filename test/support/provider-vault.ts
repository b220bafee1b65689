/** A server of the Vault API as the conformance suite of providers wants it: KV version 2 at `kv`. */
import assert from 'node:assert/strict';
import { ProviderProblem, type Provider } from '../../src/providers/contract.ts';
import { givenCredentials } from '../../src/providers/credentials.testing.ts';
import type { ProviderWorld } from '../../src/providers/provider.conformance.ts';
import type { VaultConfig } from '../../src/providers/vault/provider.ts';

export interface VaultServer {
  readonly address: string;
  /** As root. Rejects unless the status is below 300, or is 404. */
  readonly ask: (method: string, path: string, body?: object) => Promise<unknown>;
  readonly root: string;
}

interface Reply {
  readonly data?: Readonly<Record<string, unknown>>;
  readonly auth?: { readonly client_token: string };
}

/** Nobody listens on the first port. */
const NOWHERE = 'http://127.0.0.1:1';

export async function vaultWorld(provider: Provider<VaultConfig>, server: VaultServer): Promise<ProviderWorld> {
  const { ask, address } = server;
  await ask('POST', 'sys/mounts/kv', { type: 'kv', options: { version: '2' } });
  const made = (await ask('POST', 'auth/token/create', { policies: ['default'] })) as Reply;
  const tokens = { owner: server.root, stranger: made.auth?.client_token ?? '', nowhere: 'canary' };
  const write = async (key: string, data: unknown, tags?: object): Promise<void> => {
    await ask('POST', `kv/data/${key}`, { data });
    if (tags !== undefined) await ask('POST', `kv/metadata/${key}`, { custom_metadata: tags });
  };
  return {
    connect: (who) =>
      provider.connect(
        {
          ...{ server: who === 'nowhere' ? NOWHERE : address, path: 'kv', version: 'v2' },
          auth: { tokenSecretRef: { name: 'login', key: 'token' } },
        },
        givenCredentials({ secrets: { login: { token: tokens[who] } } }),
      ),
    put: write,
    revision: async (key) => {
      const { data } = (await ask('GET', `kv/metadata/${key}`)) as Reply;
      return JSON.stringify([data?.['current_version'], data?.['custom_metadata']]);
    },
  };
}

export const vaultVersion = {
  names: () => Promise.resolve(['1', '2'] as const),
  none: '9',
};

export const withoutInVault = {
  text: 'secrets are objects',
  binary: 'values are JSON: bytes that are no text are refused',
};

/** What is no text is refused, so that nothing is written in its place. */
export async function refusesBytes({ connect }: ProviderWorld): Promise<void> {
  const { signal } = new AbortController();
  const pushed = { key: 'bytes', property: 'raw', value: Uint8Array.of(0xff) };
  await assert.rejects(
    async () => connect('owner').push?.(pushed, signal),
    (error) => error instanceof ProviderProblem && error.kind === 'unsuitable',
  );
}
