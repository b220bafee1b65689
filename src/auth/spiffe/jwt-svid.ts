/** JWT-SVIDs (SPIFFE JWT-SVID specification, sections 2 to 4). */
import { defaultLeeways } from '../../lib/jwt/claims.ts';
import { TokenRefused } from '../../lib/jwt/refusal.ts';
import { verifyToken } from '../../lib/jwt/verify.ts';
import { parseSpiffeId, type SpiffeId } from '../../lib/spiffe/spiffe-id.ts';
import { keysOf, type Verifying } from './bundle-source.ts';

/** Section 2.1: these and no others. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'];
/** Section 2.3. */
const TYPES = ['JWT', 'JOSE'];

/** Rejects with `TokenRefused`, or with `ServerUnavailable`. */
export async function verifiedToken(token: string, { config, source, now, signal }: Verifying): Promise<SpiffeId> {
  // With none, a token that names no audience at all would hold.
  if (config.audience.length === 0) {
    throw new TokenRefused('audience', 'the configuration has no audience, so no JWT-SVID logs in');
  }
  const claims = await verifyToken(
    token,
    keysOf(source),
    {
      ...{ now, leeways: defaultLeeways, audiences: config.audience },
      ...{ algorithms: ALGORITHMS, types: TYPES, named: true },
    },
    signal,
  );
  if (claims['exp'] === undefined) throw new TokenRefused('no time', 'a JWT-SVID has an exp');
  const { sub } = claims;
  const id = typeof sub === 'string' ? parseSpiffeId(sub) : undefined;
  if (id === undefined) throw new TokenRefused('subject', 'it is no SPIFFE ID');
  return id;
}
