/** Our own servers: read as any server of the Vault API, and followed, so that a change arrives when it is made. */
import { canonicalJson } from '../../lib/canonical-json.ts';
import type { Credentials, Following, Provider } from '../contract.ts';
import { vaultFields } from '../vault/push.ts';
import { nameOf, VaultClient, type VaultConfig } from '../vault/provider.ts';
import { follow } from './follow.ts';
import { Proved } from './proved.ts';

class LockstepClient extends VaultClient {
  readonly #proved: Proved;

  constructor(config: VaultConfig, credentials: Credentials) {
    const proved = new Proved();
    // What is pushed is read at once: no node may answer with what was there before.
    super({ ...config, readYourWrites: true }, credentials, (path, data, version) => {
      proved.read(path, canonicalJson(data), version);
    });
    this.#proved = proved;
  }

  follow(following: Following, signal: AbortSignal): Promise<void> {
    return follow({ client: this, proved: this.#proved, following }, signal);
  }
}

export const lockstep: Provider<VaultConfig> = {
  type: 'lockstep',
  capabilities: 'ReadWrite',
  pushMetadata: vaultFields,
  nameOf,
  connect: (config, credentials) => new LockstepClient(config, credentials),
};
