/** SPIFFE IDs (SPIFFE-ID specification, section 2): one text names one workload, so nothing is put right here. */
export interface SpiffeId {
  readonly trustDomain: string;
  /** With its leading slash; empty: the trust domain itself. */
  readonly path: string;
}

const LONGEST = 2_048;
const LONGEST_DOMAIN = 255;
const SCHEME = 'spiffe://';
const DOMAIN = /^[a-z0-9._-]+$/;
const SEGMENT = /^[a-zA-Z0-9._-]+$/;

export function isTrustDomain(text: string): boolean {
  return text.length <= LONGEST_DOMAIN && DOMAIN.test(text);
}

/** Whether the path of an ID can have it between two slashes. */
export function isPathSegment(text: string): boolean {
  return SEGMENT.test(text) && text !== '.' && text !== '..';
}

/**
 * undefined for what is none: another case of scheme or trust domain, a port, a user, a query, percent signs, empty segments
 * or dots as segments, a closing slash, or more than 2048 bytes.
 */
export function parseSpiffeId(text: string): SpiffeId | undefined {
  if (text.length > LONGEST || !text.startsWith(SCHEME)) return undefined;
  const [trustDomain = '', ...segments] = text.slice(SCHEME.length).split('/');
  if (!isTrustDomain(trustDomain) || !segments.every(isPathSegment)) return undefined;
  return { trustDomain, path: segments.map((segment) => `/${segment}`).join('') };
}
