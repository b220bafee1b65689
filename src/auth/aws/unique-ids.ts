/** IAM's own word on users and roles: their unique ids, which are never given out twice, and their paths. */
import type { IAMClient } from '@aws-sdk/client-iam';
import { ServerUnavailable } from '../../lib/outgoing/unavailable.ts';
import type { AwsConfig, AwsSecrets } from './config.ts';
import type { BoundPrincipal } from './principal.ts';

export interface Named {
  readonly uniqueId: string;
  /** With its path. */
  readonly arn: string;
}

const TIMES = { connectionTimeout: 5_000, requestTimeout: 10_000 };
/** IAM is one for a partition; its requests are signed for this region of it. */
const REGIONS: Readonly<Record<string, string>> = { 'aws-cn': 'cn-north-1', 'aws-us-gov': 'us-gov-west-1' };

const hasName = (error: unknown, name: string): boolean => error instanceof Error && error.name === name;

async function clientFor(partition: string, config: AwsConfig, { secretKey }: AwsSecrets): Promise<IAMClient> {
  const { IAMClient: Client } = await import('@aws-sdk/client-iam');
  const { accessKey, iamEndpoint, maxRetries } = config;
  return new Client({
    region: REGIONS[partition] ?? 'us-east-1',
    requestHandler: TIMES,
    ...(iamEndpoint === '' ? {} : { endpoint: iamEndpoint }),
    ...(accessKey === '' ? {} : { credentials: { accessKeyId: accessKey, secretAccessKey: secretKey } }),
    ...(maxRetries < 0 ? {} : { maxAttempts: maxRetries + 1 }),
  });
}

async function found(
  client: IAMClient,
  { kind, name }: BoundPrincipal,
  signal: AbortSignal,
): Promise<Named | undefined> {
  const { GetRoleCommand, GetUserCommand } = await import('@aws-sdk/client-iam');
  if (kind === 'user') {
    const { User } = await client.send(new GetUserCommand({ UserName: name }), { abortSignal: signal });
    return User?.UserId === undefined || User.Arn === undefined ? undefined : { uniqueId: User.UserId, arn: User.Arn };
  }
  const { Role } = await client.send(new GetRoleCommand({ RoleName: name }), { abortSignal: signal });
  return Role?.RoleId === undefined || Role.Arn === undefined ? undefined : { uniqueId: Role.RoleId, arn: Role.Arn };
}

/** What IAM has under that name; undefined where there is none. Rejects with `issuerUnreachable`. */
export async function lookedUp(
  principal: BoundPrincipal,
  {
    config,
    secrets,
    signal,
  }: { readonly config: AwsConfig; readonly secrets: AwsSecrets; readonly signal: AbortSignal },
): Promise<Named | undefined> {
  const client = await clientFor(principal.partition, config, secrets);
  try {
    return await found(client, principal, signal);
  } catch (error) {
    if (hasName(error, 'NoSuchEntityException') || hasName(error, 'NoSuchEntity')) return undefined;
    signal.throwIfAborted();
    // Names of errors are AWS's; their texts may hold more than belongs into an answer.
    throw new ServerUnavailable(`IAM: ${error instanceof Error ? error.name : 'unknown error'}`, { cause: error });
  } finally {
    client.destroy();
  }
}
