import type { ECRClient } from '@aws-sdk/client-ecr';
import { clientOptions } from '../../providers/aws/keys.ts';
import { ProviderProblem } from '../../providers/contract.ts';
import type { Generator } from '../contract.ts';
import { generated } from '../generated.ts';
import { asked, type AwsGeneratorConfig, keysOf, seconds } from './config.ts';

export interface EcrAuthorizationTokenConfig extends AwsGeneratorConfig {
  readonly scope?: string;
}

/** A login for a registry of images (Elastic Container Registry), valid for twelve hours. */
export const ecrAuthorizationToken: Generator<EcrAuthorizationTokenConfig> = {
  kind: 'ECRAuthorizationToken',
  generate: async (config, credentials, signal) => {
    if (config.scope === 'public')
      throw new ProviderProblem(
        'invalid',
        'scope "public" is not offered: without it, the token is for a private registry',
      );
    const keys = keysOf(config, credentials);
    const data = await asked('get a token of ECR', signal, {
      open: async (): Promise<ECRClient> => {
        const { ECRClient: Client } = await import('@aws-sdk/client-ecr');
        return new Client(clientOptions(config.region, keys));
      },
      ask: async (client) => {
        const { GetAuthorizationTokenCommand } = await import('@aws-sdk/client-ecr');
        const { authorizationData } = await client.send(new GetAuthorizationTokenCommand({}), { abortSignal: signal });
        return authorizationData?.[0];
      },
    });
    const [, username, password] =
      /^([^:]*):([^:]*)$/.exec(Buffer.from(data?.authorizationToken ?? '', 'base64').toString('utf8')) ?? [];
    if (username === undefined || password === undefined)
      throw new ProviderProblem('unsuitable', 'the token of ECR is not of the form name:password');
    const { proxyEndpoint = '', expiresAt } = data ?? {};
    return generated({ username, password, proxy_endpoint: proxyEndpoint, expires_at: seconds(expiresAt) });
  },
};
