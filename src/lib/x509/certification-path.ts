/**
 * Certification paths (RFC 5280, section 6) from a client's certificate to trust anchors, for TLS clients. The rules are those of
 * Go's crypto/x509, which upstream uses; where OpenSSL is stricter, mostly OpenSSL's: docs/adr/0027 lists them.
 */
import { isSignedBy, namesIssuer } from '../crypto/certificate-signature.ts';
import type { Certificate } from './certificate.ts';
import type { GeneralName } from './general-names.ts';
import { checkNames } from './name-constraints.ts';
import { CertificateRefused } from './refusal.ts';

/** From the client's certificate to an anchor; that one alone where it is itself an anchor. */
export type CertificationPath = readonly [Certificate, ...Certificate[]];

export interface PathOptions {
  readonly leaf: Certificate;
  /** As shown, in any order, with or without what is not needed. */
  readonly intermediates: readonly Certificate[];
  readonly anchors: readonly Certificate[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What a client can make us do. */
export const pathBounds = { intermediates: 16, length: 8, issuers: 128, paths: 16 } as const;

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const ANY_USAGE = '2.5.29.37.0';

const isSame = (one: Certificate, other: Certificate): boolean => Buffer.compare(one.der, other.der) === 0;

/** Certificates that cross-sign each other would lead round in circles. */
const isSameEntity = (one: Certificate, other: Certificate): boolean =>
  one.subject === other.subject && one.publicKey === other.publicKey;

/** What holds of every certificate of a path. Throws `CertificateRefused`. */
export function checkCertificate({ notBefore, notAfter, unknownCritical }: Certificate, now: number): void {
  const [oid] = unknownCritical;
  if (oid !== undefined) throw new CertificateRefused('critical extension', `${oid} is not understood`);
  if (now < notBefore) throw new CertificateRefused('not yet valid', 'a certificate of the path is not valid yet');
  if (now > notAfter) throw new CertificateRefused('expired', 'a certificate of the path has expired');
}

/** Whether `issuer` may stand above so many certificates. Throws `CertificateRefused`. */
function checkIssuer(issuer: Certificate, below: number, now: number): void {
  checkCertificate(issuer, now);
  if (!issuer.isAuthority) throw new CertificateRefused('not an authority', 'an issuer is none by its own certificate');
  if (issuer.keyUsage?.includes('keyCertSign') === false) {
    throw new CertificateRefused('not an authority', 'an issuer may not sign certificates');
  }
  if (issuer.pathLength !== undefined && below - 1 > issuer.pathLength) {
    throw new CertificateRefused('path length', 'an issuer may not stand above so many authorities');
  }
}

/** Each usage that a path is good for is granted by every certificate of it. */
function checkUsage(path: CertificationPath): void {
  const denies = path.some(
    ({ extendedKeyUsage: usages }) =>
      usages !== undefined && !usages.includes(CLIENT_AUTH) && !usages.includes(ANY_USAGE),
  );
  if (denies) throw new CertificateRefused('extended key usage', 'the path is not for clients');
}

/** Names of a certificate that constraints bind. OpenSSL has it that a host name in a common name is one of them. */
function boundNames(certificate: Certificate, isLeaf: boolean): readonly GeneralName[] {
  const { alternativeNames, commonName } = certificate;
  const looksLikeHost = /^[\w-]+(?:\.[\w-]+)+$/.test(commonName);
  if (!isLeaf || !looksLikeHost || alternativeNames.some(({ kind }) => kind === 'dns')) return alternativeNames;
  return [...alternativeNames, { kind: 'dns', text: commonName }];
}

function checkConstraints(path: CertificationPath): void {
  for (const [at, { nameConstraints }] of path.entries()) {
    if (nameConstraints === undefined) continue;
    for (const [below, certificate] of path.slice(0, at).entries()) {
      checkNames(boundNames(certificate, below === 0), nameConstraints);
    }
  }
}

class Search {
  readonly #options: PathOptions;
  readonly #found: CertificationPath[] = [];
  #tried = 0;
  #refused: CertificateRefused | undefined;

  constructor(options: PathOptions) {
    this.#options = options;
  }

  run(): readonly CertificationPath[] {
    const { leaf, anchors, now } = this.#options;
    checkCertificate(leaf, now);
    if (anchors.some((anchor) => isSame(anchor, leaf))) {
      checkUsage([leaf]);
      return [[leaf]];
    }
    this.#extend([leaf]);
    if (this.#found.length > 0) return this.#found;
    throw this.#refused ?? new CertificateRefused('no path', 'no authority that is trusted here stands above it');
  }

  #extend(path: CertificationPath): void {
    const { anchors, intermediates } = this.#options;
    for (const anchor of anchors) {
      if (this.#issues(anchor, path)) this.#complete([...path, anchor]);
    }
    if (path.length + 1 >= pathBounds.length) return;
    for (const issuer of intermediates) {
      if (this.#found.length >= pathBounds.paths) return;
      const known = path.some((one) => isSameEntity(one, issuer)) || anchors.some((anchor) => isSame(anchor, issuer));
      if (!known && this.#issues(issuer, path)) this.#extend([...path, issuer]);
    }
  }

  #complete(path: CertificationPath): void {
    this.#try(() => {
      checkUsage(path);
      checkConstraints(path);
      if (this.#found.length < pathBounds.paths) this.#found.push(path);
    });
  }

  #issues(issuer: Certificate, path: CertificationPath): boolean {
    const subject = path.at(-1) ?? path[0];
    if (this.#tried >= pathBounds.issuers || !namesIssuer(subject.opened, issuer.opened)) return false;
    this.#tried += 1;
    return this.#try(() => {
      if (this.#tried >= pathBounds.issuers) {
        throw new CertificateRefused('work', 'finding out who issued it takes too much');
      }
      checkIssuer(issuer, path.length, this.#options.now);
      if (!subject.hasStrongSignature) throw new CertificateRefused('weak algorithm', 'a signature does not count');
      if (!isSignedBy(subject.opened, issuer.opened))
        throw new CertificateRefused('signature', 'it is not of the named issuer');
    });
  }

  #try(step: () => void): boolean {
    try {
      step();
      return true;
    } catch (error) {
      if (!(error instanceof CertificateRefused)) throw error;
      this.#refused = error;
      return false;
    }
  }
}

/** All paths, within `pathBounds`; at least one. Throws `CertificateRefused`, saying what stopped the last of them. */
export function certificationPaths(options: PathOptions): readonly CertificationPath[] {
  if (options.intermediates.length > pathBounds.intermediates) {
    throw new CertificateRefused(
      'work',
      `more than ${String(pathBounds.intermediates)} certificates were shown with it`,
    );
  }
  return new Search(options).run();
}
