/** Azure Key Vault: secrets, keys and certificates. */
import { isObject } from '../../client/json.ts';
import { BearerApi } from '../bearer-api.ts';
import type { Provider } from '../contract.ts';
import { cloudOf, vaultOf } from './clouds.ts';
import type { AzureKvConfig } from './config.ts';
import { KeyVault } from './key-vault.ts';
import { loginOf } from './login.ts';
import { azurekvFields } from './metadata.ts';
import { nameOf } from './names.ts';
import { Vault } from './vault.ts';

type Json = Readonly<Record<string, unknown>>;

const textAt = (error: Json, name: string): string => {
  const value = error[name];
  return typeof value === 'string' ? value : '';
};

/** The inner one says more: `Forbidden` is a disabled secret as well as a missing right. */
function codeOf(error: Json): string {
  const { innererror } = error;
  const inner = isObject(innererror) ? textAt(innererror, 'code') : '';
  return inner === '' ? textAt(error, 'code') : inner;
}

export const azurekv: Provider<AzureKvConfig> = {
  type: 'azurekv',
  capabilities: 'ReadWrite',
  pushMetadata: azurekvFields,
  nameOf,
  connect: (config, credentials) => {
    const cloud = cloudOf(config);
    const origin = vaultOf(config.vaultUrl, cloud);
    const login = loginOf(config, { ...cloud, resource: cloud.keyVault }, credentials);
    const anywhere = credentials.store.kind === 'ClusterSecretStore';
    const kinds = { SecretDisabled: 'unsuitable', KeyDisabled: 'unsuitable', BadParameter: 'invalid' } as const;
    return new KeyVault(new Vault(new BearerApi({ whom: 'Azure Key Vault', login, anywhere, codeOf, kinds }), origin));
  },
};
