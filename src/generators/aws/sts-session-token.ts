import type { STSClient } from '@aws-sdk/client-sts';
import { clientOptions } from '../../providers/aws/keys.ts';
import { ProviderProblem } from '../../providers/contract.ts';
import type { Generator } from '../contract.ts';
import { generated } from '../generated.ts';
import { asked, type AwsGeneratorConfig, keysOf, seconds } from './config.ts';

export interface StsSessionTokenConfig extends AwsGeneratorConfig {
  readonly requestParameters?: {
    /** Seconds. */
    readonly sessionDuration?: number;
    /** Of a device, whose code `tokenCode` is. */
    readonly serialNumber?: string;
    readonly tokenCode?: string;
  };
}

/** Keys for a while in place of those that last. */
export const stsSessionToken: Generator<StsSessionTokenConfig> = {
  kind: 'STSSessionToken',
  generate: async (config, credentials, signal) => {
    if (config.auth?.jwt !== undefined)
      throw new ProviderProblem(
        'invalid',
        'auth.jwt: AWS gives session tokens for keys of a user alone: name auth.secretRef',
      );
    const keys = keysOf(config, credentials);
    const { sessionDuration, serialNumber, tokenCode } = config.requestParameters ?? {};
    const input = {
      ...(sessionDuration === undefined ? {} : { DurationSeconds: sessionDuration }),
      ...(serialNumber === undefined ? {} : { SerialNumber: serialNumber }),
      ...(tokenCode === undefined ? {} : { TokenCode: tokenCode }),
    };
    const made = await asked('get a session token', signal, {
      open: async (): Promise<STSClient> => {
        const { STSClient: Client } = await import('@aws-sdk/client-sts');
        return new Client(clientOptions(config.region, keys));
      },
      ask: async (client) => {
        const { GetSessionTokenCommand } = await import('@aws-sdk/client-sts');
        return (await client.send(new GetSessionTokenCommand(input), { abortSignal: signal })).Credentials;
      },
    });
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = made ?? {};
    if (AccessKeyId === undefined || SecretAccessKey === undefined || SessionToken === undefined)
      throw new ProviderProblem('unreachable', 'AWS STS gave no keys');
    return generated({
      ...{ access_key_id: AccessKeyId, secret_access_key: SecretAccessKey, session_token: SessionToken },
      expiration: seconds(Expiration),
    });
  },
};
