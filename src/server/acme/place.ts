/**
 * What is kept of a listener's certificate by ACME: the account's key, the certificate with its key, and the answers to
 * challenges while they last. In clear, since a node that is sealed needs them too: so nobody else may look into the folder.
 */
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { fail } from '../../errors.ts';
import { certificateTime } from '../../lib/crypto/certificate-time.ts';
import { flawIn, type ServedPair } from '../../lib/crypto/served-certificate.ts';
import { sha256 } from '../../lib/crypto/hash.ts';
import { uuid } from '../../lib/crypto/random.ts';
import type { AcmeSettings } from './settings.ts';

export interface AcmePlace {
  readonly folder: string;
  /** PKCS #8, PEM. */
  readonly account: string;
  /** The chain, leaf first, and the key in one PEM file: a crash leaves both or neither. */
  readonly certificate: string;
  readonly challenges: string;
}

/** Other names or another server get a place of their own, and so a certificate of their own. */
export function placeOf({
  cachePath,
  directory,
  domains,
}: Pick<AcmeSettings, 'cachePath' | 'directory' | 'domains'>): AcmePlace {
  const id = sha256(JSON.stringify([directory, [...domains].sort()]))
    .toString('hex')
    .slice(0, 16);
  const folder = join(cachePath, `${domains[0] ?? ''}-${id}`);
  return {
    folder,
    account: join(folder, 'account.pem'),
    certificate: join(folder, 'certificate.pem'),
    challenges: join(folder, 'challenges'),
  };
}

/** Where the answer for a name lies: what a client calls itself makes no path. */
export const answerFile = (challenges: string, domain: string): string =>
  join(challenges, `${sha256(domain.toLowerCase()).toString('hex')}.pem`);

/** Replaces a file as a whole; readable by its user alone. */
export async function putFile(path: string, content: string): Promise<void> {
  const made = `${path}.${uuid()}`;
  try {
    await writeFile(made, content, { mode: 0o600, flag: 'wx', flush: true });
    await rename(made, path);
  } catch (error) {
    await rm(made, { force: true });
    throw error;
  }
}

/** Puts what an ACME server issued in place of what is there, which is as good as new: so nothing else takes it away. */
export async function putIssued(settings: AcmeSettings, pair: ServedPair): Promise<void> {
  const flaw = flawIn(pair, settings.domains, Date.now());
  if (flaw !== undefined) throw fail('badRequest', `what the ACME server issued cannot be served: ${flaw}`);
  const pem = `${pair.chain.trimEnd()}\n${pair.key}`;
  if (!canBeServed(pem)) throw fail('badRequest', 'what the ACME server issued cannot be served: OpenSSL refuses it');
  await putFile(placeOf(settings).certificate, pem);
}

/**
 * Makes the folders, and a certificate that nobody trusts where there is none that could be served: a listener has to listen
 * before a challenge can be answered on it. Throws `unsafeDirectory` when others may look into the cache.
 */
export async function preparePlace(settings: AcmeSettings): Promise<void> {
  const place = placeOf(settings);
  await mkdir(settings.cachePath, { recursive: true, mode: 0o700 });
  const { mode } = await stat(settings.cachePath);
  if ((mode & 0o077) !== 0) {
    const problem = `others may look into ${settings.cachePath}, where private keys lie`;
    throw fail('unsafeDirectory', `${problem}: chmod 0700 ${settings.cachePath}`);
  }
  // What a process that was killed left of its challenges answers nothing any more.
  await rm(place.challenges, { recursive: true, force: true });
  await mkdir(place.challenges, { recursive: true, mode: 0o700 });
  const pem = await readFile(place.certificate, 'utf8').catch(() => '');
  if (!canBeServed(pem)) await putFile(place.certificate, await placeholder(settings.domains));
}

function canBeServed(pem: string): boolean {
  try {
    createSecureContext({ cert: pem, key: pem });
    return pem !== '';
  } catch {
    return false;
  }
}

const HOUR_MS = 3_600_000;

/** Of an authority that is thrown away. */
async function placeholder(domains: readonly string[]): Promise<string> {
  const { createAuthority, issueCertificate, newPrivateKey, publicKeyOf } =
    await import('../../lib/crypto/certificates.ts');
  const validity = { notBefore: new Date(Date.now() - HOUR_MS), notAfter: new Date(Date.now() + HOUR_MS) };
  const authority = await createAuthority(PLACEHOLDER, validity);
  const key = newPrivateKey();
  const issuing = {
    authority,
    publicKey: publicKeyOf(key),
    commonName: PLACEHOLDER,
    usage: 'server',
    names: domains,
  } as const;
  return (await issueCertificate({ ...issuing, ...validity })) + key;
}

const PLACEHOLDER = 'Lockstep placeholder';
/** Of the time of a certificate, when it is ordered anew: what ACME clients commonly keep to. */
const RENEWED_AT = 2 / 3;

/** When the certificate is to be ordered, in milliseconds since the epoch: 0 for a placeholder, and for what is no certificate. */
export function dueAt(pem: string): number {
  if (!canBeServed(pem)) return 0;
  const { issuer, from, to } = certificateTime(pem);
  if (issuer === `CN=${PLACEHOLDER}`) return 0;
  return from + (to - from) * RENEWED_AT;
}
