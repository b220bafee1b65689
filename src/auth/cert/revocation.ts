/** Whether a path holds today: the lists of the mount, and OCSP where the role asks for it. */
import { isLockstepError } from '../../errors.ts';
import { decodeRecord } from '../../lib/record.ts';
import type { Certificate } from '../../lib/x509/certificate.ts';
import type { CertificationPath } from '../../lib/x509/certification-path.ts';
import { ocspAnswer, ocspRequest, respondersOf, type Asked } from '../../lib/x509/ocsp.ts';
import { CertificateRefused } from '../../lib/x509/refusal.ts';
import { checkListed, isListOf, parseRevocationList, type RevocationList } from '../../lib/x509/revocation-list.ts';
import { namesIssuer } from '../../lib/crypto/certificate-signature.ts';
import { askResponder } from './fetch.ts';
import { listsPrefix, MOST_LISTS, type CertMount, type ListRecord } from './mount.ts';
import type { CertRole } from './role.ts';
import type { Trusted } from './trusted.ts';

export interface Moment {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly signal: AbortSignal;
}

const parsed = new WeakMap<ListRecord, RevocationList>();

/** Versions of one list, the one that counts first. */
type Versions = readonly [RevocationList, ...RevocationList[]];

/** Of a published one what is there now, where it is newer, before what was stored: nobody has verified who published it. */
async function listOf(mount: CertMount, record: ListRecord, signal: AbortSignal): Promise<Versions> {
  const stored = parsed.get(record) ?? parseRevocationList(new Uint8Array(Buffer.from(record.list, 'base64')));
  parsed.set(record, stored);
  if (record.url === '') return [stored];
  try {
    const found = await mount.published(record.url).current(signal);
    return found.issuer === stored.issuer && found.thisUpdate >= stored.thisUpdate ? [found, stored] : [stored];
  } catch (error) {
    if (isLockstepError(error)) return [stored];
    throw error;
  }
}

export async function listsOf(mount: CertMount, { signal }: Moment): Promise<readonly Versions[]> {
  const { shared } = mount.view;
  const records = shared.list(listsPrefix, { limit: MOST_LISTS }).flatMap((key) => {
    const record = shared.kept(key, decodeRecord<ListRecord>);
    return record === undefined ? [] : [record];
  });
  return Promise.all(records.map((record) => listOf(mount, record, signal)));
}

/**
 * Throws `CertificateRefused`. What somebody else put at the address of a list takes the place of none that the issuer signed;
 * where the issuer is not known, it makes nobody good again who was on the list before.
 */
export function checkLists(path: readonly Certificate[], lists: readonly Versions[], now: number): void {
  for (const versions of lists) {
    for (const [at, certificate] of path.entries()) {
      const issuer = path[at + 1];
      const signed = issuer === undefined ? undefined : versions.find((each) => isListOf(each, issuer));
      checkListed(certificate, issuer, signed ?? versions[0], now);
      const isListed = ({ issuer: name, serials }: RevocationList): boolean =>
        name === certificate.issuer && serials.has(certificate.serial);
      if (issuer === undefined && versions.some(isListed)) {
        throw new CertificateRefused('revoked', 'it was on the list of its issuer');
      }
    }
  }
}

interface Questioned extends Asked {
  readonly mount: CertMount;
  readonly trusted: readonly Certificate[];
  readonly moment: Moment;
}

const MOST_RESPONDERS = 4;

async function askOne(address: string, asking: Questioned): Promise<'good' | 'revoked' | 'unknown'> {
  const { mount, certificate, trusted, moment } = asking;
  const key = `${certificate.opened.fingerprint256} ${asking.issuer.opened.fingerprint256} ${address}`;
  const kept = mount.answers.get(key);
  if (kept !== undefined && moment.now <= kept.until) return kept.status;
  const der = await askResponder(address, ocspRequest(asking), moment.signal);
  const { status, until } = ocspAnswer(der, asking, trusted, moment.now);
  if (status !== 'unknown') mount.keepAnswer(key, { status, until });
  return status;
}

async function statusAt(address: string, asking: Questioned): Promise<'good' | 'revoked' | 'unknown'> {
  try {
    return await askOne(address, asking);
  } catch (error) {
    asking.moment.signal.throwIfAborted();
    if (isLockstepError(error)) return 'unknown';
    throw error;
  }
}

/** Throws `CertificateRefused`. A responder that says that it is revoked is believed whatever the others say. */
async function checkResponders(addresses: readonly string[], queryAll: boolean, asking: Questioned): Promise<void> {
  let [good, unknown] = [0, 0];
  for (const address of addresses) {
    const status = await statusAt(address, asking);
    if (status === 'revoked') throw new CertificateRefused('revoked', 'an OCSP responder says so');
    if (status === 'good') good += 1;
    else unknown += 1;
    if (good > 0 && !queryAll) return;
  }
  if (good > 0 && unknown === 0) return;
  throw new CertificateRefused('revocation unknown', 'no OCSP responder vouches for it now');
}

/** Throws `CertificateRefused`. Authorities are not asked about: their revocations are for lists. */
export async function checkOcsp(
  path: CertificationPath,
  { role, trusted }: { readonly role: CertRole; readonly trusted: Trusted },
  mount: CertMount,
  moment: Moment,
): Promise<void> {
  const { ocsp } = role;
  const [certificate, above] = path;
  if (!ocsp.enabled) return;
  const { ocspAuthorities } = trusted;
  const issuer = above ?? ocspAuthorities.find((each) => namesIssuer(certificate.opened, each.opened));
  try {
    if (issuer === undefined) throw new CertificateRefused('revocation unknown', 'its issuer is not known');
    const addresses = ocsp.servers.length > 0 ? ocsp.servers : respondersOf(certificate);
    const asking = { mount, certificate, issuer, trusted: ocspAuthorities, moment };
    await checkResponders(addresses.slice(0, MOST_RESPONDERS), ocsp.queryAll, asking);
  } catch (error) {
    if (ocsp.failOpen && error instanceof CertificateRefused && error.check === 'revocation unknown') return;
    throw error;
  }
}
