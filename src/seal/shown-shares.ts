import type { PgpKey } from './pgp.ts';

/** One entry a share, in both spellings that clients show. */
export interface Shares {
  readonly hex: readonly string[];
  readonly base64: readonly string[];
}

/** For people: as they are, or each encrypted to its PGP key (then the hex text is what is encrypted). They are wiped. */
export async function showShares(shares: readonly Uint8Array[], pgp: readonly PgpKey[]): Promise<Shares> {
  const buffers = shares.map((share) => Buffer.from(share.buffer, share.byteOffset, share.length));
  try {
    const shown = pgp.length === 0 ? buffers : await Promise.all(buffers.map((share, at) => encrypted(share, pgp[at])));
    return { hex: shown.map((each) => each.toString('hex')), base64: shown.map((each) => each.toString('base64')) };
  } finally {
    for (const share of buffers) share.fill(0);
  }
}

async function encrypted(share: Buffer, key: PgpKey | undefined): Promise<Buffer> {
  if (key === undefined) throw new RangeError('fewer PGP keys than shares');
  return Buffer.from(await key.encrypt(share.toString('hex')));
}
