/** Azure's clouds, and where a store may send its tokens. Figures are those of Azure's libraries. */
import { cloudVariable } from '../../config/cloud.ts';
import { ProviderProblem } from '../contract.ts';
import type { AzureKvConfig, EnvironmentType } from './config.ts';

export interface Cloud {
  /** Where tokens are given, without a slash at the end. */
  readonly authority: string;
  /** Whether the store says so: then a SecretStore's is neither on this machine nor link-local. */
  readonly isCustom: boolean;
  /** What the names of vaults end with; undefined: anything, of a cloud that does not say so. */
  readonly vaults: string | undefined;
  /** What the names of registries of images end with; undefined as `vaults`. */
  readonly registries: string | undefined;
  /** What a token of Key Vault is for. */
  readonly keyVault: string;
  /** What a token of the cloud's management is for. */
  readonly management: string;
}

const cloud = (login: string, vaults: string, management: string, registries: string): Cloud => ({
  ...{ authority: `https://${login}`, vaults, registries, isCustom: false },
  ...{ keyVault: `https://${vaults}`, management: `https://${management}` },
});

const CLOUDS: Readonly<Partial<Record<EnvironmentType, Cloud>>> = {
  PublicCloud: cloud('login.microsoftonline.com', 'vault.azure.net', 'management.azure.com', 'azurecr.io'),
  USGovernmentCloud: cloud(
    'login.microsoftonline.us',
    'vault.usgovcloudapi.net',
    'management.usgovcloudapi.net',
    'azurecr.us',
  ),
  ChinaCloud: cloud('login.chinacloudapi.cn', 'vault.azure.cn', 'management.chinacloudapi.cn', 'azurecr.cn'),
  GermanCloud: cloud(
    'login.microsoftonline.de',
    'vault.microsoftazure.de',
    'management.microsoftazure.de',
    'azurecr.de',
  ),
};

const invalid = (message: string): ProviderProblem => new ProviderProblem('invalid', message);

/** The origin of an https address. Throws `ProviderProblem`. */
function httpsOrigin(text: string, field: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:' && url.username === '' && url.search === '') return url.origin;
  throw invalid(`${field} is no https:// address`);
}

/** `AZURE_AUTHORITY_HOST`, of Azure's libraries, names another place where tokens are given. Throws `ProviderProblem`. */
export function cloudOf({ environmentType = 'PublicCloud', customCloudConfig: custom }: Partial<AzureKvConfig>): Cloud {
  const known = CLOUDS[environmentType];
  if (custom === undefined) {
    const other = cloudVariable('AZURE_AUTHORITY_HOST');
    if (known !== undefined) {
      return other === '' ? known : { ...known, authority: httpsOrigin(other, 'AZURE_AUTHORITY_HOST') };
    }
    throw invalid(`environmentType ${environmentType} needs customCloudConfig, which says where that cloud is`);
  }
  const { keyVaultDNSSuffix: suffix = '', keyVaultEndpoint = '' } = custom;
  const vaults = suffix === '' ? undefined : suffix.replace(/^\./, '');
  const keyVault = keyVaultEndpoint === '' ? `https://${vaults ?? 'vault.azure.net'}` : keyVaultEndpoint;
  return {
    authority: httpsOrigin(custom.activeDirectoryEndpoint, 'customCloudConfig.activeDirectoryEndpoint'),
    isCustom: true,
    ...{
      vaults,
      registries: undefined,
      keyVault: httpsOrigin(keyVault, 'customCloudConfig.keyVaultEndpoint'),
      management: '',
    },
  };
}

/**
 * The vault's origin. A token of the store goes there, so it has to be one of the store's cloud. Throws `ProviderProblem`.
 */
export function vaultOf(vaultUrl: string, { vaults }: Cloud): string {
  const origin = httpsOrigin(vaultUrl, 'vaultUrl');
  const { hostname } = new URL(origin);
  if (vaults === undefined || hostname === vaults || hostname.endsWith(`.${vaults}`)) return origin;
  const remedy = 'environmentType or customCloudConfig names another cloud';
  throw invalid(`vaultUrl is no address of a vault: https://<name>.${vaults}; ${remedy}`);
}

/** Of a tenant, as a segment of an address. Throws `ProviderProblem`. */
export function tenantOf(tenantId: string): string {
  if (/^[\w-][\w.-]*$/.test(tenantId)) return tenantId;
  throw invalid(
    tenantId === '' ? 'tenantId is missing: the tenant of Entra' : 'tenantId is no id or domain of a tenant',
  );
}
