/** The provider `vault` against OpenBao's own server. */
import { after, describe, test } from 'node:test';
import { providerConformance, type ProviderWorld } from '../../src/providers/provider.conformance.ts';
import { vault } from '../../src/providers/vault/provider.ts';
import { refusesBytes, vaultVersion, vaultWorld, withoutInVault } from '../support/provider-vault.ts';
import { openbao, startOpenBao } from './support/openbao.ts';

const binary = await openbao();

describe('vault', { skip: binary === undefined ? 'OpenBao is not to be had' : false }, () => {
  const started = new AsyncDisposableStack();
  after(() => started.disposeAsync());
  let opened: Promise<ProviderWorld> | undefined;
  const open = async (): Promise<ProviderWorld> => {
    const { address, ask } = started.use(await startOpenBao(binary ?? ''));
    return vaultWorld(vault, { address, root: 'root', ask: async (...asked) => (await ask(...asked)).body });
  };
  const world = (): Promise<ProviderWorld> => (opened ??= open());

  providerConformance({ name: 'vault', world, version: vaultVersion, without: withoutInVault });
  test('bytes that are no text are refused', async () => refusesBytes(await world()));
});
