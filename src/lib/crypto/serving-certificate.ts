/** A certificate that a server of ours shows, of an authority made for it alone; both are replaced before they end. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { createAuthority, issueCertificate, newPrivateKey, publicKeyOf, type Certified } from './certificates.ts';

export interface ServingCertificate {
  /** PEM: the authority that issues, and behind it those that issued before, for as long as they count. */
  readonly authorities: string;
  /** PKCS #8, PEM: of the first. */
  readonly authorityKey: string;
  readonly server: Certified;
}

type Authority = Pick<ServingCertificate, 'authorities' | 'authorityKey'>;

export interface Serving {
  readonly commonName: string;
  /** DNS names and addresses by which it is reached. */
  readonly names: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const DAY_MS = 86_400_000;
/** Clocks that are behind may come. */
const BACKDATE_MS = 300_000;
const AUTHORITY_DAYS = 3_650;
const SERVER_DAYS = 90;
/** Of the server's time: a third is left for somebody to notice that it is not replaced. */
const RENEWED_AT = 2 / 3;

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----\n?/g;

const validity = (now: number, days: number) => ({
  notBefore: new Date(now - BACKDATE_MS),
  notAfter: new Date(now + days * DAY_MS),
});

/** Undefined for what is no certificate. */
function read(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function isKeyOf(certificate: X509Certificate, key: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

/** Whether it can still issue: what it issues must end before it does. */
function mayIssue(kept: Authority, now: number): boolean {
  const authority = read(kept.authorities);
  if (authority?.ca !== true || !isKeyOf(authority, kept.authorityKey)) return false;
  return authority.validFromDate.getTime() <= now && authority.validToDate.getTime() > now + SERVER_DAYS * DAY_MS;
}

const has = (certificate: X509Certificate, name: string): boolean =>
  (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined;

function isGood({ authorities, server }: ServingCertificate, { names, now }: Serving): boolean {
  const [authority, certificate] = [read(authorities), read(server.certificate)];
  if (authority === undefined || certificate === undefined) return false;
  const [from, to] = [certificate.validFromDate.getTime(), certificate.validToDate.getTime()];
  return (
    certificate.checkIssued(authority) &&
    certificate.verify(authority.publicKey) &&
    isKeyOf(certificate, server.key) &&
    names.every((name) => has(certificate, name)) &&
    from <= now &&
    now < from + (to - from) * RENEWED_AT
  );
}

/** Those that count still: whoever trusts them meets servers that have not looked yet. */
function earlier(authorities: string, now: number): readonly string[] {
  return (authorities.match(CERTIFICATE) ?? []).filter((pem) => {
    const certificate = read(pem);
    return certificate?.ca === true && certificate.validToDate.getTime() > now;
  });
}

async function newAuthority(before: string, { commonName, now }: Serving): Promise<Authority> {
  const { certificate, key } = await createAuthority(`${commonName} CA`, validity(now, AUTHORITY_DAYS));
  return { authorities: [certificate, ...earlier(before, now).slice(0, 1)].join(''), authorityKey: key };
}

async function issued(
  { authorities, authorityKey }: Authority,
  { commonName, names, now }: Serving,
): Promise<Certified> {
  const key = newPrivateKey();
  const certificate = await issueCertificate({
    authority: { certificate: authorities.match(CERTIFICATE)?.[0] ?? '', key: authorityKey },
    publicKey: publicKeyOf(key),
    ...{ commonName, names, usage: 'server', ...validity(now, SERVER_DAYS) },
  });
  return { certificate, key };
}

/** What is kept, the very object, while it is good; else with what must be new in it. What cannot be read is replaced. */
export async function servingCertificate(
  kept: ServingCertificate | undefined,
  serving: Serving,
): Promise<ServingCertificate> {
  const issues = kept !== undefined && mayIssue(kept, serving.now);
  if (issues && isGood(kept, serving)) return kept;
  const authority = issues ? kept : await newAuthority(kept?.authorities ?? '', serving);
  const { authorities, authorityKey } = authority;
  return { authorities, authorityKey, server: await issued(authority, serving) };
}
