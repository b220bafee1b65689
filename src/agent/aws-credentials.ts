/** The agent's method `aws`: a request to AWS STS, signed with the keys that AWS's own chain finds, instance roles among them. */
import type { Client } from '../client/client.ts';
import type { AuthMethodConfig } from '../config/agent.ts';
import { fail } from '../errors.ts';
import { granted, type Credentials, type Grant } from './credential-file.ts';

export type AwsMethod = Extract<AuthMethodConfig, { type: 'aws' }>;

export class AwsCredentials implements Credentials {
  /** AWS renews its keys where they lie; each login looks for them. */
  readonly files: readonly string[] = [];
  readonly #method: AwsMethod;

  constructor(method: AwsMethod) {
    this.#method = method;
  }

  async login(client: Client): Promise<Grant> {
    const { mount_path: mount, config } = this.#method;
    const { role, region, header_value: serverId } = config;
    const { signedCallerIdentity } = await import('../lib/aws/signed-caller-identity.ts');
    const signed = await signedCallerIdentity({ region, serverId }).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : 'unknown error';
      throw fail('noCredentials', `nothing to sign a request to AWS with: ${why}`);
    });
    return granted((await client.write(`${mount}/login`, { role, ...signed }))?.auth);
  }

  changed(): Promise<boolean> {
    return Promise.resolve(false);
  }

  identity(): Promise<string> {
    const { config, mount_path: mount, namespace = '' } = this.#method;
    return Promise.resolve(`aws ${namespace} ${mount} ${config.role}`);
  }
}
