/** `spec.provider.azurekv`, as External Secrets Operator has it. */
import type { AccountRefLike, SecretRefLike } from '../contract.ts';

export type EnvironmentType = 'PublicCloud' | 'USGovernmentCloud' | 'ChinaCloud' | 'GermanCloud' | 'AzureStackCloud';

export interface CustomCloudConfig {
  /** Of Entra, or of what stands for it there. */
  readonly activeDirectoryEndpoint: string;
  /** What tokens of Key Vault are for. */
  readonly keyVaultEndpoint?: string;
  /** What the names of its vaults end with. */
  readonly keyVaultDNSSuffix?: string;
}

export interface AzureKvConfig {
  readonly vaultUrl: string;
  readonly tenantId?: string;
  readonly environmentType?: EnvironmentType;
  readonly customCloudConfig?: CustomCloudConfig;
  readonly authType?: 'ServicePrincipal' | 'ManagedIdentity' | 'WorkloadIdentity';
  readonly authSecretRef?: {
    readonly clientId?: SecretRefLike;
    readonly clientSecret?: SecretRefLike;
    /** PEM of a certificate and its RSA key. */
    readonly clientCertificate?: SecretRefLike;
    readonly tenantId?: SecretRefLike;
  };
  readonly serviceAccountRef?: AccountRefLike;
  /** The client id of a managed identity, where the machine has several. */
  readonly identityId?: string;
}
