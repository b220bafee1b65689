/** What is kept of roles, clients, providers, scopes and assignments. Durations in seconds. */
export interface ConfigRecord {
  /** Scheme, host and port; empty: the node's own address. */
  readonly issuer: string;
}

export interface RoleRecord {
  readonly key: string;
  /** As it was written, or decoded from base64; empty for none. */
  readonly template: string;
  readonly clientId: string;
  readonly ttl: number;
}

/** The secret of a confidential one lies apart. */
export interface ClientRecord {
  readonly name: string;
  readonly id: string;
  readonly type: 'confidential' | 'public';
  readonly key: string;
  readonly redirectUris: readonly string[];
  readonly assignments: readonly string[];
  readonly idTokenTtl: number;
  readonly accessTokenTtl: number;
  readonly authorizationCode: boolean;
  readonly clientCredentials: boolean;
}

export interface ProviderRecord {
  readonly issuer: string;
  /** `*` is every client of the namespace. */
  readonly allowedClientIds: readonly string[];
  readonly scopes: readonly string[];
}

export interface ScopeRecord {
  readonly template: string;
  readonly description: string;
}

export interface AssignmentRecord {
  readonly entityIds: readonly string[];
  readonly groupIds: readonly string[];
}

export interface Records {
  readonly role: RoleRecord;
  readonly client: ClientRecord;
  readonly provider: ProviderRecord;
  readonly scope: ScopeRecord;
  readonly assignment: AssignmentRecord;
}

export const DEFAULT_PROVIDER: ProviderRecord = { issuer: '', allowedClientIds: ['*'], scopes: [] };

/** The assignment that everybody is in. */
export const ALLOW_ALL = 'allow_all';
export const EVERYBODY: AssignmentRecord = { entityIds: ['*'], groupIds: ['*'] };

export const allowsClient = ({ allowedClientIds }: ProviderRecord, id: string): boolean =>
  allowedClientIds.includes('*') || allowedClientIds.includes(id);
