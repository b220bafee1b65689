/** `tls_key_exchange_preferences` of a listener, as OpenBao 2.7 has them: Go's names of what OpenSSL calls groups. */

/** By the name in small letters; those with ML-KEM are of TLS 1.3 (draft-ietf-tls-ecdhe-mlkem, draft-ietf-tls-mlkem). */
const GROUPS: Readonly<Record<string, string>> = {
  x25519: 'X25519',
  curvep256: 'P-256',
  curvep384: 'P-384',
  curvep521: 'P-521',
  x25519mlkem768: 'X25519MLKEM768',
  secp256r1mlkem768: 'SecP256r1MLKEM768',
  secp384r1mlkem1024: 'SecP384r1MLKEM1024',
  mlkem512: 'MLKEM512',
  mlkem768: 'MLKEM768',
  mlkem1024: 'MLKEM1024',
};

const KNOWN =
  'X25519MLKEM768, SecP256r1MLKEM768, SecP384r1MLKEM1024, MLKEM512, MLKEM768, MLKEM1024, X25519, CurveP256, CurveP384, CurveP521';

const groupOf = (name: string): string | undefined => GROUPS[name.toLowerCase()];

export interface KeyExchange {
  readonly tls_key_exchange_preferences: readonly string[];
  readonly tls_max_version: 'tls12' | 'tls13';
}

/** What is wrong with them, if anything. */
export function keyExchangeProblem({ tls_key_exchange_preferences: names, ...tls }: KeyExchange): string | undefined {
  const groups = names.map(groupOf);
  const unknown = names.find((_, at) => groups[at] === undefined);
  if (unknown !== undefined) {
    return `\`tls_key_exchange_preferences\`: ${JSON.stringify(unknown)} is not known; it takes ${KNOWN}`;
  }
  if (
    names.length === 0 ||
    tls.tls_max_version !== 'tls12' ||
    groups.some((group) => group?.includes('MLKEM') === false)
  )
    return undefined;
  return '`tls_key_exchange_preferences` names what TLS 1.3 alone has, and `tls_max_version` is "tls12"';
}

/** As OpenSSL takes them, the first one first; undefined leaves the choice to Node. */
export function keyExchangeGroups(names: readonly string[]): string | undefined {
  return names.length === 0 ? undefined : names.map((name) => groupOf(name) ?? name).join(':');
}
