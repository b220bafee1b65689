/** `spec.provider.gcpsm`, as External Secrets Operator has it. */
import type { AccountRefLike, SecretRefLike } from '../contract.ts';

export interface WorkloadIdentityConfig {
  readonly serviceAccountRef: AccountRefLike;
  readonly clusterLocation?: string;
  readonly clusterName?: string;
  readonly clusterProjectID?: string;
}

export interface FederationConfig {
  /** Of the workload identity pool's provider: `//iam.googleapis.com/projects/…`. */
  readonly audience?: string;
  readonly serviceAccountRef?: AccountRefLike;
  /** A ConfigMap with a file of credentials of the type `external_account`. */
  readonly credConfig?: SecretRefLike;
  /** The one address that its `credential_source` may name. */
  readonly externalTokenEndpoint?: string;
  readonly gcpServiceAccountEmail?: string;
  readonly awsSecurityCredentials?: unknown;
}

export interface GcpAuthConfig {
  readonly secretRef?: { readonly secretAccessKeySecretRef?: SecretRefLike };
  readonly workloadIdentity?: WorkloadIdentityConfig;
  readonly workloadIdentityFederation?: FederationConfig;
}

export interface GcpsmConfig {
  readonly auth?: GcpAuthConfig;
  /** Of regional secrets; absent: global ones. */
  readonly location?: string;
  readonly projectID?: string;
  readonly secretVersionSelectionPolicy?: string;
}
