/** The hub's own authority for its cluster: it issues the certificates that hub and regions know each other by. */
import { encodeRecord, recordAt } from '../lib/record.ts';
import type { Certified } from '../lib/crypto/certificates.ts';
import { deriveKey, hmacSha256, takeKey, type KeyObject } from '../lib/crypto/hash.ts';
import type { Store } from '../storage/store.ts';
import { keys } from '../core/keys.ts';

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3_650;
const CERTIFICATE_DAYS = 30;
/** Certificates count from a little earlier, for clocks that are behind. */
const BACKDATE_MS = 300_000;
/** The name that a region asks the hub's certificate for, whatever address it connects to. */
export const HUB_NAME = 'hub.lockstep.internal';

const library = () => import('../lib/crypto/certificates.ts');

function validity(now: number, days: number) {
  return { notBefore: new Date(now - BACKDATE_MS), notAfter: new Date(now + days * DAY_MS) };
}

export interface IssuedCertificate {
  readonly certificate: string;
  readonly fingerprint: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

export class ClusterAuthority {
  readonly #certified: Certified;
  readonly #now: () => number;
  readonly #blinding: KeyObject;
  /** SHA-256 of its certificate, hex. */
  readonly pin: string;

  private constructor(certified: Certified, pin: string, now: () => number) {
    this.#certified = certified;
    this.pin = pin;
    this.#now = now;
    this.#blinding = deriveKey(takeKey(Buffer.from(certified.key)), 'hashes of the log, as regions see them');
  }

  /** Made the first time, in a transaction of its own; kept behind the barrier, at the hub alone. */
  static async open(store: Store, now: () => number): Promise<ClusterAuthority> {
    const { createAuthority, fingerprint } = await library();
    const read = (): Certified | undefined => {
      using snapshot = store.snapshot();
      return recordAt<Certified>(snapshot, keys.clusterCa);
    };
    const made = read() ?? (await createAuthority('Lockstep cluster', validity(now(), AUTHORITY_DAYS)));
    const { value } = await store.transact((tx) => {
      const known = recordAt<Certified>(tx, keys.clusterCa);
      if (known === undefined) tx.put(keys.clusterCa, encodeRecord(made));
      return known ?? made;
    });
    return new ClusterAuthority(value, fingerprint(value.certificate), now);
  }

  /**
   * A hash of the log's chain as a region gets it: the same for the same hash, and nothing to test guesses against. The
   * chain covers names outside of the region's view, and a deletion's record holds nothing that could not be guessed.
   */
  blind(hash: Uint8Array): Uint8Array {
    return hmacSha256(this.#blinding, hash);
  }

  get certificate(): string {
    return this.#certified.certificate;
  }

  /** The hub's certificate with a new key, for `HUB_NAME`. */
  async server(): Promise<Certified> {
    const { newPrivateKey, publicKeyOf, issueCertificate } = await library();
    const key = newPrivateKey();
    const certificate = await issueCertificate({
      authority: this.#certified,
      publicKey: publicKeyOf(key),
      commonName: HUB_NAME,
      usage: 'server',
      names: [HUB_NAME],
      ...validity(this.#now(), CERTIFICATE_DAYS),
    });
    return { certificate, key };
  }

  /** A region's certificate: the name is the hub's word, only the public key comes from the region. */
  async region(name: string, publicKey: Uint8Array): Promise<IssuedCertificate> {
    const { issueCertificate, fingerprint } = await library();
    const period = validity(this.#now(), CERTIFICATE_DAYS);
    const certificate = await issueCertificate({
      ...{ authority: this.#certified, publicKey, commonName: name, usage: 'client', ...period },
    });
    return { certificate, fingerprint: fingerprint(certificate), notAfter: period.notAfter.getTime() };
  }
}
