/** AWS: Secrets Manager and Parameter Store. AWS's libraries are loaded when the first secret is asked for. */
import { ProviderProblem, type Provider } from '../contract.ts';
import type { AwsConfig } from './config.ts';
import { keysFor } from './keys.ts';
import { awsFields } from './metadata.ts';
import { ParameterStore } from './parameter-store.ts';
import { SecretsManager } from './secrets-manager.ts';

export const aws: Provider<AwsConfig> = {
  type: 'aws',
  capabilities: 'ReadWrite',
  pushMetadata: awsFields,
  differsByNamespace: ({ sessionTagsPolicy = 'None' }) => sessionTagsPolicy !== 'None',
  connect: (config, credentials) => {
    const keys = keysFor({ ...config, ...config.auth }, credentials);
    if (config.service === 'SecretsManager') return new SecretsManager(config, keys);
    if (config.service === 'ParameterStore') return new ParameterStore(config, keys);
    throw new ProviderProblem(
      'invalid',
      `service ${config.service} is not offered: SecretsManager and ParameterStore are`,
    );
  },
};
