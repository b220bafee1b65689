/** `spec.provider.aws`, as External Secrets Operator has it. */
import type { AccountRefLike, SecretRefLike } from '../contract.ts';

export interface AwsAuthConfig {
  readonly secretRef?: {
    readonly accessKeyIDSecretRef?: SecretRefLike;
    readonly secretAccessKeySecretRef?: SecretRefLike;
    readonly sessionTokenSecretRef?: SecretRefLike;
  };
  readonly jwt?: { readonly serviceAccountRef?: AccountRefLike };
}

export interface AwsConfig {
  readonly service: 'SecretsManager' | 'ParameterStore' | 'CertificateManager';
  readonly region: string;
  readonly auth?: AwsAuthConfig;
  readonly role?: string;
  readonly additionalRoles?: readonly string[];
  readonly externalID?: string;
  readonly sessionTags?: readonly { readonly key: string; readonly value: string }[];
  readonly sessionTagsPolicy?: 'None' | 'Simple' | 'Custom';
  readonly customSessionTags?: Readonly<Record<string, string>>;
  readonly transitiveTagKeys?: readonly string[];
  /** Before every key. */
  readonly prefix?: string;
  readonly secretsManager?: {
    readonly forceDeleteWithoutRecovery?: boolean;
    readonly recoveryWindowInDays?: number;
  };
}
