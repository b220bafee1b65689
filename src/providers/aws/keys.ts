/** As whom AWS is asked: keys of a Secret, a role of a service account, and the roles that are assumed with them, one by the other. */
import type { AssumeRoleCommandInput, Credentials as StsCredentials, STSClient } from '@aws-sdk/client-sts';
import { ProviderProblem, type Credentials } from '../contract.ts';
import type { AwsAuthConfig, AwsConfig } from './config.ts';

export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** AWS's library asks anew five minutes before. */
  readonly expiration?: Date;
}

/** What of a store says as whom AWS is asked. */
export type Whose = AwsAuthConfig & Omit<AwsConfig, 'service' | 'prefix' | 'secretsManager' | 'auth'>;

export type KeySource = () => Promise<Keys>;

/** Rejects as AWS's library does. */
type Assume = (sts: STSClient) => Promise<StsCredentials | undefined>;

/** Seconds that a token of a service account lives that is made for a login. */
const ACCOUNT_TOKEN_S = 600;
/** Milliseconds until keys of a Secret, which may have changed, are read again; and what AWS's library takes off that. */
const KEPT_MS = 300_000;
const EARLY_MS = 300_000;
const SESSION = 'external-secrets-provider-aws';

const invalid = (message: string): ProviderProblem => new ProviderProblem('invalid', message);

function fromSecret(ref: AwsAuthConfig['secretRef'], credentials: Credentials): KeySource {
  const { accessKeyIDSecretRef, secretAccessKeySecretRef, sessionTokenSecretRef } = ref ?? {};
  if (accessKeyIDSecretRef === undefined || secretAccessKeySecretRef === undefined) {
    throw invalid('auth.secretRef names not both accessKeyIDSecretRef and secretAccessKeySecretRef');
  }
  return async () => {
    const accessKeyId = (await credentials.secret(accessKeyIDSecretRef)).trim();
    const secretAccessKey = (await credentials.secret(secretAccessKeySecretRef)).trim();
    const sessionToken =
      sessionTokenSecretRef === undefined ? undefined : (await credentials.secret(sessionTokenSecretRef)).trim();
    const expiration = new Date(Date.now() + KEPT_MS + EARLY_MS);
    return { accessKeyId, secretAccessKey, expiration, ...(sessionToken === undefined ? {} : { sessionToken }) };
  };
}

/** Keys that STS gives. `before`: who asks it; undefined: nobody, or whoever this process is to AWS. */
function bySts(region: string, before: KeySource | undefined, assume: Assume): KeySource {
  let client: Promise<STSClient> | undefined;
  const open = async (): Promise<STSClient> => {
    const { STSClient: Client } = await import('@aws-sdk/client-sts');
    return new Client(clientOptions(region, before));
  };
  return async () => {
    client ??= open();
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = (await assume(await client)) ?? {};
    if (AccessKeyId === undefined || SecretAccessKey === undefined) {
      throw new ProviderProblem('unreachable', 'AWS STS gave no keys');
    }
    return {
      ...{ accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey },
      ...(SessionToken === undefined ? {} : { sessionToken: SessionToken }),
      ...(Expiration === undefined ? {} : { expiration: Expiration }),
    };
  };
}

const TIMES = { connectionTimeout: 5_000, requestTimeout: 15_000 };

/** What clients of AWS's library are made with. `keys` undefined: nobody's, or those that this process has. */
export const clientOptions = (region: string, keys: KeySource | undefined) => ({
  ...{ region, requestHandler: TIMES },
  ...(keys === undefined ? {} : { credentials: keys }),
});

/** The role that its annotation names, as EKS has it (IRSA). */
function fromAccount(region: string, jwt: AwsAuthConfig['jwt'], credentials: Credentials): KeySource {
  const { serviceAccountRef: ref } = jwt ?? {};
  if (ref === undefined) throw invalid('auth.jwt names no serviceAccountRef');
  return bySts(
    region,
    async () => ({ accessKeyId: 'unsigned', secretAccessKey: 'unsigned' }),
    async (sts) => {
      const annotations = await credentials.annotations(ref);
      const { 'eks.amazonaws.com/role-arn': role = '', 'eks.amazonaws.com/audience': audience = 'sts.amazonaws.com' } =
        annotations;
      if (role === '') throw invalid(`service account "${ref.name}" has no annotation eks.amazonaws.com/role-arn`);
      const token = await credentials.token(ref, [audience, ...(ref.audiences ?? [])], ACCOUNT_TOKEN_S);
      const { AssumeRoleWithWebIdentityCommand } = await import('@aws-sdk/client-sts');
      const input = { RoleArn: role, RoleSessionName: SESSION, WebIdentityToken: token };
      return (await sts.send(new AssumeRoleWithWebIdentityCommand(input))).Credentials;
    },
  );
}

function byRole(region: string, before: KeySource | undefined, input: Omit<AssumeRoleCommandInput, 'RoleSessionName'>) {
  return bySts(region, before, async (sts) => {
    const { AssumeRoleCommand } = await import('@aws-sdk/client-sts');
    return (await sts.send(new AssumeRoleCommand({ RoleSessionName: SESSION, ...input }))).Credentials;
  });
}

/** Of the store, which nobody else can say of himself: they win over those of the configuration. */
function tagsOf(config: Whose, { kind, name, namespace = '' }: Credentials['store']) {
  const { sessionTags = [], sessionTagsPolicy = 'None', customSessionTags = {} } = config;
  const own = { esoNamespace: namespace, esoStoreName: name, esoStoreKind: kind };
  const tags = Object.entries({
    ...Object.fromEntries(sessionTags.map(({ key, value }) => [key, value])),
    ...(sessionTagsPolicy === 'Custom' ? customSessionTags : {}),
    ...(sessionTagsPolicy === 'None' ? {} : own),
  });
  return tags.filter(([key, value]) => key !== '' && value !== '').map(([Key, Value]) => ({ Key, Value }));
}

/**
 * Undefined: this process itself, by AWS's own chain. That is for a ClusterSecretStore alone: who writes a SecretStore would read
 * with the controller's rights. Throws `ProviderProblem`.
 */
export function keysFor(config: Whose, credentials: Credentials): KeySource | undefined {
  const { region, role = '', additionalRoles = [] } = config;
  const before = additionalRoles.reduce<KeySource | undefined>(
    (asking, each) => byRole(region, asking, { RoleArn: each }),
    firstKeys(config, credentials),
  );
  return role === '' ? before : byRole(region, before, { RoleArn: role, ...sessionOf(config, credentials.store) });
}

function firstKeys({ region, jwt, secretRef }: Whose, credentials: Credentials) {
  if (secretRef !== undefined && jwt !== undefined) throw invalid('auth names both secretRef and jwt: one of them');
  if (jwt !== undefined) return fromAccount(region, jwt, credentials);
  if (secretRef !== undefined) return fromSecret(secretRef, credentials);
  if (credentials.store.kind === 'ClusterSecretStore') return undefined;
  throw invalid(
    'auth names neither secretRef nor jwt: the controller lends its own role to a ClusterSecretStore alone',
  );
}

function sessionOf(
  config: Whose,
  store: Credentials['store'],
): Omit<AssumeRoleCommandInput, 'RoleArn' | 'RoleSessionName'> {
  const { externalID = '', transitiveTagKeys = [] } = config;
  const tags = tagsOf(config, store);
  return {
    ...(externalID === '' ? {} : { ExternalId: externalID }),
    ...(tags.length === 0 ? {} : { Tags: tags }),
    ...(tags.length === 0 || transitiveTagKeys.length === 0 ? {} : { TransitiveTagKeys: [...transitiveTagKeys] }),
  };
}
