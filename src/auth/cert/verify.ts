/** From what a client showed to the role that it logs in by. Import lazily: the libraries behind take a while to load. */
import { fail, isLockstepError } from '../../errors.ts';
import type { Certificate } from '../../lib/x509/certificate.ts';
import { certificationPaths, checkCertificate, type CertificationPath } from '../../lib/x509/certification-path.ts';
import { CertificateRefused } from '../../lib/x509/refusal.ts';
import { vouchedFor } from '../../lib/x509/vouched.ts';
import { fitsRole } from './constraints.ts';
import type { CertMount } from './mount.ts';
import { checkLists, checkOcsp, listsOf, type Moment } from './revocation.ts';
import { readRole, rolesPrefix, type CertRole } from './role.ts';
import { isPinned, trustedOf, type Trusted } from './trusted.ts';

export interface Shown extends Moment {
  /** DER, the client's own first. */
  readonly certificates: readonly Uint8Array[];
}

export interface Verified {
  readonly name: string;
  readonly role: CertRole;
  readonly certificate: Certificate;
}

interface Candidate {
  readonly name: string;
  readonly role: CertRole;
  readonly trusted: Trusted;
}

/** How many roles a login without a name is held against: each costs some of the time of everybody else. */
const MOST_ROLES = 1_000;

function namesOf({ view }: CertMount): readonly string[] {
  const keys = view.shared.list(rolesPrefix, { limit: MOST_ROLES + 1 });
  if (keys.length > MOST_ROLES) {
    throw fail('badRequest', `this mount has more than ${String(MOST_ROLES)} roles: name the one to log in by`);
  }
  return keys.map((key) => key.slice(rolesPrefix.length));
}

function candidates(mount: CertMount, name: string): readonly Candidate[] {
  const names = name === '' ? namesOf(mount) : [name.toLowerCase()];
  return names.flatMap((each) => {
    const role = readRole(mount.view.shared, each);
    return role === undefined ? [] : [{ name: each, role, trusted: trustedOf(role) }];
  });
}

const isSame = (one: Certificate, other: Certificate): boolean => Buffer.compare(one.der, other.der) === 0;

function anchorsOf(all: readonly Candidate[]): readonly Certificate[] {
  const anchors = new Map<string, Certificate>();
  for (const { trusted } of all) {
    if (isPinned(trusted)) continue;
    for (const each of trusted.certificates) anchors.set(each.opened.fingerprint256, each);
  }
  return [...anchors.values()];
}

interface Match extends Candidate {
  readonly path: CertificationPath;
}

/** Roles of this very certificate, if they hold today. */
function pinnedMatches(all: readonly Candidate[], leaf: Uint8Array, now: number): Match[] {
  const pinned = all.filter(
    ({ trusted }) => isPinned(trusted) && Buffer.compare(trusted.certificates[0].der, leaf) === 0,
  );
  return pinned.map((each): Match => {
    const [certificate] = each.trusted.certificates;
    checkCertificate(certificate, now);
    return { ...each, path: [certificate] };
  });
}

/** Roles of authorities with each path that leads to one of theirs. Throws `CertificateRefused`. */
function issuedMatches(all: readonly Candidate[], shown: readonly Uint8Array[], now: number): Match[] {
  const anchors = anchorsOf(all);
  const [leaf, ...intermediates] = vouchedFor(shown, anchors);
  if (leaf === undefined || Buffer.compare(leaf.der, shown[0] ?? new Uint8Array()) !== 0) {
    throw new CertificateRefused('no path', 'no authority that is trusted here has signed it');
  }
  const paths = certificationPaths({ leaf, intermediates, anchors, now });
  return all.flatMap((each) => {
    if (isPinned(each.trusted)) return [];
    const fits = paths.filter((path) =>
      path.some((one) => each.trusted.certificates.some((trusted) => isSame(one, trusted))),
    );
    return fits.map((path): Match => ({ ...each, path }));
  });
}

/** Each role that vouches for it with each path that does, those of pinned certificates first, as upstream has them. */
function matches(all: readonly Candidate[], shown: readonly [Uint8Array, ...Uint8Array[]], now: number): Match[] {
  const pinned = pinnedMatches(all, shown[0], now);
  try {
    return [...pinned, ...issuedMatches(all, shown, now)];
  } catch (error) {
    if (pinned.length > 0 && error instanceof CertificateRefused) return pinned;
    throw error;
  }
}

/**
 * The first role, in the order of their names, by which the client that showed this logs in; `name` limits it to one. Throws
 * `CertificateRefused`, or `invalidCredentials` where no role takes what is verified.
 */
export async function verify(mount: CertMount, name: string, shown: Shown): Promise<Verified> {
  const [first, ...rest] = shown.certificates;
  if (first === undefined) throw fail('badRequest', 'no client certificate found');
  const found = matches(candidates(mount, name), [first, ...rest], shown.now);
  const lists = await listsOf(mount, shown);
  let refused: unknown;
  for (const match of found) {
    const [certificate] = match.path;
    if (!fitsRole(certificate, match.role)) continue;
    try {
      checkLists(match.path, lists, shown.now);
      await checkOcsp(match.path, match, mount, shown);
      return { name: match.name, role: match.role, certificate };
    } catch (error) {
      if (!isLockstepError(error)) throw error;
      refused = error;
    }
  }
  if (refused !== undefined) throw refused;
  throw fail('invalidCredentials', 'no chain matching all constraints could be found for this login certificate', {
    detail: 'role: no role takes it',
  });
}
