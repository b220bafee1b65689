/** What an issuer may look like: an address, to which the path of the API is added. */
import { fail } from '../../../errors.ts';

const ADDRESS = /^https?:\/\/(?:\[[0-9a-f:.]+\]|[^\s/?#@:[\]]+)(?::\d{1,5})?$/i;

const INVALID =
  'invalid issuer, which must include only a scheme, host, and optional port (e.g. https://example.com:8200)';

/** Told to who sets one. */
export const SET_EXPLICITLY =
  'If "issuer" is set explicitly, all tokens must be validated against that address, including those that were given before';

export const NO_ADDRESS =
  'Both "issuer" and "api_addr" of the configuration are empty: nobody can reach the issuer that tokens name';

/** Throws `badRequest`. */
export function checkIssuer(issuer: string): string {
  if (issuer !== '' && !ADDRESS.test(issuer)) throw fail('badRequest', INVALID);
  return issuer;
}
