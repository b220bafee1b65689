/**
 * New keys of a cluster, and who vouches for them. Two texts come together:
 *
 * - the publication: the cluster's key set, signed by a key that the publisher made for it (its header holds the public half);
 * - a token of the publisher's ServiceAccount, signed by the cluster under a key that is held already, and made for nothing but
 *   that signing key: its one audience is the key's thumbprint.
 *
 * So whoever sees both on their way, a region or a proxy, can publish nothing else with them.
 */
import { fail } from '../../errors.ts';
import { algorithms } from '../../lib/jwt/algorithms.ts';
import { audiencesOf, defaultLeeways, type Claims } from '../../lib/jwt/claims.ts';
import { publisherAudience } from '../../lib/jwt/key-publication.ts';
import { TokenRefused } from '../../lib/jwt/refusal.ts';
import { isObject, strictObject } from '../../lib/jwt/strict-json.ts';
import { tokenBounds, verifyToken } from '../../lib/jwt/verify.ts';
import { documentOf, keysIn, newestOf, sourceOf, type HeldKey, type KeyHistory, type NamedKey } from './held-keys.ts';
import { OLDEST } from './offline.ts';
import { serviceAccountOf } from './service-account.ts';

/** Seconds from the signature on. */
const FRESH = 600;
/** Real sets have a few. */
const MOST_KEYS = 10;

export interface Publication {
  readonly claims: Claims;
  /** Milliseconds since the epoch. */
  readonly publishedAt: number;
  /** Of what it is signed with. */
  readonly thumbprint: string;
}

interface Moment {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly signal: AbortSignal;
}

/** Its signing key, as its header has it: an EC key on P-256, and nothing else. */
async function signerOf(text: string): Promise<NamedKey> {
  const header = strictObject(Buffer.from(text.split('.', 1)[0] ?? '', 'base64url').toString('utf8'), {
    length: tokenBounds.header,
  });
  const jwk = isObject(header?.['jwk']) ? header['jwk'] : {};
  if (jwk['crv'] !== 'P-256') throw new TokenRefused('malformed', 'the publication names no key on P-256');
  const [signer] = await keysIn(documentOf([{ kty: 'EC', crv: 'P-256', x: String(jwk['x']), y: String(jwk['y']) }]));
  if (signer === undefined) throw new TokenRefused('malformed', 'the publication names no key on P-256');
  return signer;
}

const refuse = (why: string): Error => fail('badRequest', `the keys are not taken: ${why}`);

/** The set as it is, or not at all: a key that is left out silently could be the one that is missed. Throws `badRequest`. */
async function setOf({ jwks }: Claims): Promise<readonly NamedKey[]> {
  const raw = isObject(jwks) ? jwks['keys'] : undefined;
  if (!Array.isArray(raw) || raw.length === 0) throw refuse('the publication holds no JWKS document');
  if (raw.length > MOST_KEYS) throw refuse(`more than ${String(MOST_KEYS)}`);
  const keys = await keysIn(JSON.stringify({ keys: raw }));
  if (keys.length !== raw.length) throw refuse('one of them can verify no token');
  if (new Set(keys.map(({ thumbprint }) => thumbprint)).size !== keys.length) throw refuse('one of them stands twice');
  const names = keys.map(({ kid }) => kid);
  if (names.includes('') || new Set(names).size !== names.length) throw refuse('each needs a kid of its own');
  return keys;
}

/**
 * The publication, if it is whole and of now: nobody vouches for it yet. `mount`: the request path of the mount that it must be
 * for. Rejects with `TokenRefused`.
 */
export async function readPublication(text: string, mount: string, { now, signal }: Moment): Promise<Publication> {
  const signer = await signerOf(text);
  const source = sourceOf(signer);
  if (source === undefined) throw new TokenRefused('malformed', 'the publication names no key on P-256');
  const claims = await verifyToken(
    text,
    source,
    {
      now,
      algorithms: ['ES256'],
      leeways: defaultLeeways,
      audiences: [mount],
      maxAge: FRESH - defaultLeeways.clockSkew,
    },
    signal,
  );
  return { claims, publishedAt: Number(claims['iat']) * 1_000, thumbprint: signer.thumbprint };
}

interface Vouching extends Moment {
  readonly held: readonly NamedKey[];
  readonly history: KeyHistory;
  readonly issuer: string;
  /** `namespace/name`. */
  readonly publisher: string;
  readonly thumbprint: string;
}

/** The held key that the publisher's token is signed with. Rejects with `TokenRefused`. */
export async function vouchingKey(token: string, vouching: Vouching): Promise<HeldKey> {
  const { held, history, issuer, publisher, thumbprint, now, signal } = vouching;
  const audience = publisherAudience(thumbprint);
  for (const key of held) {
    const source = sourceOf(key);
    const known = history.keys.find((each) => each.thumbprint === key.thumbprint);
    if (source === undefined || known === undefined) continue;
    try {
      const expected = {
        ...{ now, algorithms, leeways: defaultLeeways, issuers: [issuer], audiences: [audience] },
        maxAge: OLDEST - defaultLeeways.clockSkew,
      };
      const claims = await verifyToken(token, source, expected, signal);
      checkPublisher(claims, publisher);
      return known;
    } catch (error) {
      if (!(error instanceof TokenRefused) || (error.check !== 'key' && error.check !== 'signature')) throw error;
    }
  }
  throw new TokenRefused('key', 'none of the keys that are held signed it');
}

function checkPublisher(claims: Claims, publisher: string): void {
  if (claims['exp'] === undefined) throw new TokenRefused('no time', 'a token of a service account has an exp');
  if (audiencesOf(claims).length !== 1) throw new TokenRefused('audience', 'it is for others too');
  const { namespace, name } = serviceAccountOf(claims);
  if (`${namespace}/${name}` !== publisher) throw new TokenRefused('claim', 'its service account is not the publisher');
}

/** The set that is published, if the vouching key may bring it about. undefined: it is held already. Throws `badRequest`. */
export async function acceptedSet(
  { claims, publishedAt }: Pick<Publication, 'claims' | 'publishedAt'>,
  vouching: HeldKey,
  history: KeyHistory,
): Promise<readonly NamedKey[] | undefined> {
  const keys = await setOf(claims);
  const held = new Map(history.keys.map((key) => [key.thumbprint, key]));
  const isSame = keys.length === held.size && keys.every(({ thumbprint }) => held.has(thumbprint));
  if (isSame) return undefined;
  if (publishedAt <= history.publishedAt) throw refuse('a later set was published before');
  if (!keys.some(({ thumbprint }) => thumbprint === vouching.thumbprint)) {
    throw refuse('the key that vouches for them is not among them: the cluster signs with it still');
  }
  // An older key, leaked perhaps, could otherwise push out the one that took its place.
  if (vouching.generation !== newestOf(history)) {
    throw refuse(
      'the key that vouches for them is older than one that is held: the cluster must sign with its newest key',
    );
  }
  for (const { kid, thumbprint } of keys) {
    const other = history.keys.find((each) => each.kid === kid);
    if (other !== undefined && other.thumbprint !== thumbprint) throw refuse('a kid that is held names another key');
  }
  return keys;
}
