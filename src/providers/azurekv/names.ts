/** What a key of a store names in a vault: `secret/db`, `key/db`, `cert/db`; without a kind a secret. */
import { ProviderProblem } from '../contract.ts';

export type Kind = 'secret' | 'key' | 'cert';

export interface Named {
  readonly kind: Kind;
  readonly name: string;
}

/** Segments of paths, and what is answered where there is none. */
export const KINDS = {
  secret: { path: 'secrets', gone: 'SecretNotFound' },
  key: { path: 'keys', gone: 'KeyNotFound' },
  cert: { path: 'certificates', gone: 'CertificateNotFound' },
} as const;

/** Azure looks at no case, and a secret needs no kind. */
export const nameOf = (key: string): string => key.toLowerCase().replace(/^secret\//, '');

/** A name that Azure's rules do not allow would be another path. Throws `ProviderProblem`. */
export function namedBy(key: string): Named {
  const [, kind = 'secret', name = ''] = /^(?:(secret|key|cert)\/)?([0-9A-Za-z-]{1,127})$/.exec(key) ?? [];
  if (name !== '') return { kind: kind as Kind, name };
  const rule = 'secret/, key/ or cert/, then letters, digits and -';
  throw new ProviderProblem('invalid', `"${key}" is no name of an object of Azure Key Vault: ${rule}`);
}

/** Throws `ProviderProblem`. */
export function versionOf(version: string | undefined): string {
  if (version === undefined || /^[0-9A-Za-z]{0,64}$/.test(version)) return version ?? '';
  throw new ProviderProblem('invalid', 'the version is none of Azure Key Vault: letters and digits');
}
