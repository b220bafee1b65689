/** What is answered to a login that needs a second factor: an `auth` block without a token. */
import type { JsonObject } from '../../framework/field.ts';
import type { Outcome } from '../../framework/request.ts';

/** Vault's words. */
export const MFA_NEEDED =
  'A login request was issued that is subject to MFA validation. Please make sure to validate the login by sending ' +
  'another request to mfa/validate endpoint.';

export function waitingLogin(requirement: JsonObject): { readonly auth: JsonObject } {
  return {
    auth: {
      ...{ client_token: '', accessor: '', policies: null, metadata: null, lease_duration: 0, renewable: false },
      ...{ entity_id: '', token_type: 'default', orphan: false, mfa_requirement: requirement, num_uses: 0 },
    },
  };
}

export const isWaitingLogin = ({ auth }: Pick<Outcome, 'auth'>): boolean =>
  (auth?.['mfa_requirement'] ?? null) !== null;
