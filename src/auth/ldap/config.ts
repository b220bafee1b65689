/** What a mount knows of its directory. */
import type { Dereference } from '../../lib/ldap/connection.ts';
import { NO_TOKEN_SETTINGS, type TokenSettings } from '../token-fields.ts';

export type TlsVersion = 'tls10' | 'tls11' | 'tls12' | 'tls13';
export const tlsVersions: readonly TlsVersion[] = ['tls10', 'tls11', 'tls12', 'tls13'];

/** Upstream's names for RFC 4511 section 4.5.1.3. */
export const dereferences = {
  never: 'never',
  finding: 'find',
  searching: 'search',
  always: 'always',
} as const satisfies Readonly<Record<string, Dereference>>;

/** As it was written. What is secret lies in a record of its own. Times in seconds. */
export interface LdapConfig {
  /** One after the other, divided by commas. */
  readonly url: string;
  readonly caseSensitive: boolean;
  readonly requestTimeout: number;
  readonly connectionTimeout: number;
  readonly startTls: boolean;
  readonly tlsMin: TlsVersion;
  readonly tlsMax: TlsVersion;
  readonly insecureTls: boolean;
  /** PEM; empty: the authorities of this machine. */
  readonly certificate: string;
  readonly clientCertificate: string;
  readonly bindDn: string;
  readonly userDn: string;
  readonly userAttr: string;
  readonly userFilter: string;
  readonly discoverDn: boolean;
  readonly denyNullBind: boolean;
  readonly upnDomain: string;
  readonly anonymousGroupSearch: boolean;
  readonly groupFilter: string;
  readonly groupDn: string;
  readonly groupAttr: string;
  readonly usernameAsAlias: boolean;
  readonly dereference: keyof typeof dereferences;
  /** 0: without pages. */
  readonly maxPageSize: number;
  readonly token: TokenSettings;
}

export interface LdapSecrets {
  readonly bindPassword: string;
  /** PEM. */
  readonly clientKey: string;
}

/** Upstream's. */
export const DEFAULT_CONFIG: LdapConfig = {
  url: 'ldap://127.0.0.1',
  caseSensitive: false,
  requestTimeout: 90,
  connectionTimeout: 30,
  startTls: false,
  tlsMin: 'tls12',
  tlsMax: 'tls12',
  insecureTls: false,
  certificate: '',
  clientCertificate: '',
  bindDn: '',
  userDn: '',
  userAttr: 'cn',
  userFilter: '({{.UserAttr}}={{.Username}})',
  discoverDn: false,
  denyNullBind: true,
  upnDomain: '',
  anonymousGroupSearch: false,
  groupFilter: '(|(memberUid={{.Username}})(member={{.UserDN}})(uniqueMember={{.UserDN}}))',
  groupDn: '',
  groupAttr: 'cn',
  usernameAsAlias: false,
  dereference: 'never',
  maxPageSize: 0,
  token: NO_TOKEN_SETTINGS,
};

export const NO_SECRETS: LdapSecrets = { bindPassword: '', clientKey: '' };

export const urlsOf = ({ url }: Pick<LdapConfig, 'url'>): readonly string[] => url.split(',').map((one) => one.trim());
