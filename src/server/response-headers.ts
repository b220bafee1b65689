/** Headers of one's own on the replies of a listener: for all, for a class of statuses, for one status. */
import type { HeaderRules } from '../framework/request.ts';

/** RFC 6797: who came by TLS once comes by nothing else. */
const ALWAYS_TLS = { 'Strict-Transport-Security': 'max-age=31536000; includeSubDomains' } as const;

/** Of a listener; undefined where nothing is sent along. */
export function rulesOf(own: HeaderRules | undefined, tls: boolean): HeaderRules | undefined {
  return tls ? { ...own, default: { ...ALWAYS_TLS, ...own?.['default'] } } : own;
}

/** The narrower rule wins, header by header. */
export function headersFor(rules: HeaderRules | undefined, status: number): Readonly<Record<string, string>> {
  const text = String(status);
  return { ...rules?.['default'], ...rules?.[`${text.slice(0, 1)}xx`], ...rules?.[text] };
}

/** Put together once a status. */
export class ResponseHeaders {
  readonly #rules: HeaderRules;
  readonly #known = new Map<number, Readonly<Record<string, string>>>();

  constructor(rules: HeaderRules) {
    this.#rules = rules;
  }

  of(status: number): Readonly<Record<string, string>> {
    const known = this.#known.get(status);
    if (known !== undefined) return known;
    const made = headersFor(this.#rules, status);
    this.#known.set(status, made);
    return made;
  }
}
