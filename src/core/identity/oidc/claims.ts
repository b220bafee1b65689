/** What a token or `userinfo` says, put together of what the core says and what templates add to it. */
import type { Identity } from '../identity-store.ts';
import { compileTemplate, RESERVED_CLAIMS, type Claims } from './claims-template.ts';
import type { OidcRecords } from './oidc-store.ts';

/** Without what is empty. Templates never change what the core says. */
export function withClaims(own: Readonly<Record<string, string | number | undefined>>, added: Claims): Claims {
  const said = Object.entries(own).filter(([, value]) => value !== undefined && value !== '');
  const more = Object.entries(added).filter(([name]) => !RESERVED_CLAIMS.includes(name) && !Object.hasOwn(own, name));
  return Object.fromEntries([...said, ...more]);
}

/** Of one template; nothing where it cannot be filled, as upstream: the token is worth something without it. */
export function claimsOf(template: string, who: Identity | undefined, now: number): Claims {
  return compileTemplate(template).fill(who, now) ?? {};
}

/** The claims of all scopes; the text says which two of them make the same one. */
export function claimsOfScopes(
  records: OidcRecords,
  scopes: readonly string[],
  who: Identity | undefined,
  now: number,
): Claims | string {
  const claims = new Map<string, unknown>();
  const from = new Map<string, string>();
  for (const scope of scopes) {
    const template = records.get('scope', scope)?.template ?? '';
    for (const [name, value] of Object.entries(claimsOf(template, who, now))) {
      const other = from.get(name);
      if (other !== undefined) {
        return `found scopes with conflicting top-level claim: claim "${name}" in scopes "${scope}", "${other}"`;
      }
      from.set(name, scope);
      claims.set(name, value);
    }
  }
  return Object.fromEntries(claims);
}
