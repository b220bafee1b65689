/** The provider `lockstep`, and `vault`, against a server of ours. */
import { after, describe, test } from 'node:test';
import { lockstep } from '../../src/providers/lockstep/provider.ts';
import { providerConformance, type ProviderWorld } from '../../src/providers/provider.conformance.ts';
import { vault } from '../../src/providers/vault/provider.ts';
import { refusesBytes, vaultVersion, vaultWorld, withoutInVault } from '../support/provider-vault.ts';
import { plainServer } from '../support/snapshots.ts';

for (const provider of [lockstep, vault]) {
  describe(provider.type, () => {
    const started = new AsyncDisposableStack();
    after(() => started.disposeAsync());
    let opened: Promise<ProviderWorld> | undefined;
    const open = async (): Promise<ProviderWorld> => {
      const { server, token } = await plainServer({
        after: (end) => {
          started.defer(end as () => Promise<void>);
        },
      });
      const ask = async (method: string, path: string, body?: object): Promise<unknown> =>
        (await server.ask(method, `/v1/${path}`, { token, ...(body === undefined ? {} : { body }) })).json;
      return vaultWorld(provider, { address: await server.address(), root: token, ask });
    };
    const world = (): Promise<ProviderWorld> => (opened ??= open());

    providerConformance({ name: provider.type, world, version: vaultVersion, without: withoutInVault });
    test('bytes that are no text are refused', async () => refusesBytes(await world()));
  });
}
