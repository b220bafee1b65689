/** X.509-SVIDs, held against the authorities of a bundle. Import lazily: what reads certificates takes a while to load. */
import type { Bundle } from '../../lib/spiffe/bundle.ts';
import type { SpiffeId } from '../../lib/spiffe/spiffe-id.ts';
import { idOfSvid } from '../../lib/spiffe/x509-svid.ts';
import { parseCertificate, type Certificate } from '../../lib/x509/certificate.ts';
import { certificationPaths, checkCertificate } from '../../lib/x509/certification-path.ts';
import { CertificateRefused } from '../../lib/x509/refusal.ts';
import { vouchedFor } from '../../lib/x509/vouched.ts';
import type { Verifying } from './bundle-source.ts';

const parsed = new WeakMap<Bundle, readonly Certificate[]>();

function anchorsOf(bundle: Bundle): readonly Certificate[] {
  const known = parsed.get(bundle);
  if (known !== undefined) return known;
  const anchors = bundle.anchors.map(parseCertificate);
  parsed.set(bundle, anchors);
  return anchors;
}

type Chain = Pick<Parameters<typeof certificationPaths>[0], 'leaf' | 'intermediates' | 'now'>;

/** undefined: a path leads to an authority of the bundle. */
function refusalBy(bundle: Bundle, chain: Chain): CertificateRefused | undefined {
  try {
    certificationPaths({ ...chain, anchors: anchorsOf(bundle) });
    return undefined;
  } catch (error) {
    if (error instanceof CertificateRefused) return error;
    throw error;
  }
}

/**
 * Whose it is, or why this bundle does not tell. What a stranger shows is not read before an authority vouches for it. Throws
 * `CertificateRefused` for what no other bundle makes good.
 */
function judgedBy(bundle: Bundle, shown: readonly Uint8Array[], now: number): SpiffeId | CertificateRefused {
  const [leaf, ...intermediates] = vouchedFor(shown, anchorsOf(bundle));
  if (leaf === undefined || Buffer.compare(leaf.der, shown[0] ?? new Uint8Array()) !== 0) {
    return new CertificateRefused('no path', 'no authority of the trust bundle has signed it');
  }
  const id = idOfSvid(leaf);
  checkCertificate(leaf, now);
  return refusalBy(bundle, { leaf, intermediates, now }) ?? id;
}

/** How many bundles are tried, as for tokens. */
const MOST_BUNDLES = 4;

/** `certificates`: DER, the SVID first. Rejects with `CertificateRefused`, or with `ServerUnavailable`. */
export async function verifiedCertificate(
  certificates: readonly Uint8Array[],
  { source, now, signal }: Verifying,
): Promise<SpiffeId> {
  let bundle = await source.current(signal);
  for (let tried = 1; ; tried += 1) {
    const judged = judgedBy(bundle, certificates, now);
    if (!(judged instanceof CertificateRefused)) return judged;
    const newer = tried < MOST_BUNDLES ? await source.newer(bundle, signal) : undefined;
    if (newer === undefined) throw judged;
    bundle = newer;
  }
}

/** Of a server's certificate (DER) whose path holds: undefined where it is an SVID of that ID. */
export function endpointProblem(certificate: Uint8Array, expected: string): Error | undefined {
  try {
    const { trustDomain, path } = idOfSvid(parseCertificate(certificate));
    return `spiffe://${trustDomain}${path}` === expected ? undefined : new Error('it is not of endpoint_spiffe_id');
  } catch (error) {
    return error instanceof CertificateRefused ? new Error(error.detail) : new Error('unreadable', { cause: error });
  }
}
