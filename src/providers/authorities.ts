/** Whom a store trusts for its server: `caBundle` and `caProvider`. */
import type { Credentials, SecretRefLike } from './contract.ts';

export interface AuthoritiesConfig {
  /** PEM, in base64; one that is PEM as it stands is taken too. */
  readonly caBundle?: string;
  readonly caProvider?: SecretRefLike & { readonly type: 'Secret' | 'ConfigMap' };
}

/** PEM; undefined: those that Node and the machine know. Rejects with `ProviderProblem`. */
export async function authoritiesOf(
  { caBundle, caProvider }: AuthoritiesConfig,
  credentials: Credentials,
): Promise<string | undefined> {
  if (caBundle !== undefined && caBundle !== '') {
    return caBundle.includes('-----BEGIN') ? caBundle : Buffer.from(caBundle, 'base64').toString('utf8');
  }
  if (caProvider === undefined) return undefined;
  return caProvider.type === 'Secret' ? credentials.secret(caProvider) : credentials.configMap(caProvider);
}
