/** What somebody sends as their second factors: in a body, or in the header that goes with a login. */
import { fail } from '../../errors.ts';
import type { JsonObject } from '../../framework/field.ts';
import type { Request } from '../../framework/request.ts';

export const MFA_HEADER = 'x-vault-mfa';

/** By the id or the name of a method. */
export type Credentials = ReadonlyMap<string, readonly string[]>;

const MOST_METHODS = 100;
const MOST_FACTORS = 10;

const invalid = () => fail('badRequest', 'invalid mfa payload: expected {"<method id>": ["<code>"]}');

/** `mfa_payload`. Throws `badRequest`, with nothing of the value. */
export function credentialsIn(payload: JsonObject): Credentials {
  const entries = Object.entries(payload);
  if (entries.length > MOST_METHODS) throw invalid();
  return new Map(
    entries.map(([method, factors]) => {
      if (!Array.isArray(factors) || factors.length > MOST_FACTORS) throw invalid();
      return [
        method,
        factors.map((each: unknown) => {
          if (typeof each !== 'string') throw invalid();
          return each;
        }),
      ];
    }),
  );
}

/** `X-Vault-MFA: <method>:<code>`, once for each method. undefined: there is none. Throws `badRequest`. */
export function credentialsOf({ headers }: Pick<Request, 'headers'>): Credentials | undefined {
  const sent = headers[MFA_HEADER];
  if (sent === undefined) return undefined;
  const found = new Map<string, string[]>();
  // One that is sent several times comes as one text with commas.
  for (const each of (typeof sent === 'string' ? [sent] : sent).flatMap((text) => text.split(','))) {
    const text = each.trim();
    const colon = text.indexOf(':');
    const method = colon === -1 ? text : text.slice(0, colon);
    if (method === '') {
      throw fail(
        'badRequest',
        'failed to parse X-Vault-MFA header: missing method name or ID, expected <method>:<code>',
      );
    }
    found.set(method, [...(found.get(method) ?? []), colon === -1 ? '' : text.slice(colon + 1)]);
    if (found.size > MOST_METHODS) throw fail('badRequest', 'failed to parse X-Vault-MFA header: too many methods');
  }
  return found;
}

/** The one code among a method's factors. undefined: there is none, or it cannot be told which. */
export function passcodeOf(factors: readonly string[]): string | undefined {
  const prefix = 'passcode=';
  const codes = factors
    .filter((each) => each !== '')
    .map((each) => (each.startsWith(prefix) ? each.slice(prefix.length) : each));
  return codes.length === 1 ? codes[0] : undefined;
}
