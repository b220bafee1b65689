/** The parts of tar (POSIX.1-1988 ustar) that a snapshot needs: plain files, one after the other. */
import { fail } from '../../errors.ts';

export const BLOCK = 512;
/** What fits into the size field's 11 octal digits; beyond it stands in base 256, as GNU tar and Go have it. */
const OCTAL_LIMIT = 8 ** 11;
const SIZE = { at: 124, length: 12 } as const;
const SUM = { at: 148, length: 8 } as const;

export interface Entry {
  readonly name: string;
  readonly size: number;
}

/** Bytes between the end of a file and its next block. */
export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function checksum(header: Buffer): number {
  let sum = 0;
  // The sum's own field counts as blanks.
  for (const [at, byte] of header.entries()) sum += at >= SUM.at && at < SUM.at + SUM.length ? 0x20 : byte;
  return sum;
}

/** Without time and owner: two archives of one state are the same bytes. */
export function tarHeader({ name, size }: Entry): Buffer {
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0, 100, 'latin1');
  header.write('0000600\0', 100, 'latin1');
  header.write('0000000\0', 108, 'latin1');
  header.write('0000000\0', 116, 'latin1');
  if (size < OCTAL_LIMIT) header.write(`${size.toString(8).padStart(11, '0')}\0`, SIZE.at, 'latin1');
  else {
    header.writeUInt8(0x80, SIZE.at);
    header.writeBigUInt64BE(BigInt(size), SIZE.at + 4);
  }
  header.write('00000000000\0', 136, 'latin1');
  header.write('0', 156, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  header.write(`${checksum(header).toString(8).padStart(6, '0')}\0 `, SUM.at, 'latin1');
  return header;
}

/** undefined: the block of zeros that ends an archive. Throws `snapshotDamaged` for what is no header of a plain file. */
export function readTarHeader(header: Buffer, where: string): Entry | undefined {
  if (header.every((byte) => byte === 0)) return undefined;
  const stored = Number.parseInt(header.toString('latin1', SUM.at, SUM.at + SUM.length), 8);
  const type = header.toString('latin1', 156, 157);
  if (stored !== checksum(header) || (type !== '0' && type !== '\0')) {
    throw fail('snapshotDamaged', `the snapshot is damaged: ${where} is no tar header of a file`);
  }
  const name = header.toString('latin1', 0, 100).replace(/\0.*$/s, '');
  const isBinary = ((header[SIZE.at] ?? 0) & 0x80) !== 0;
  const size = isBinary
    ? Number(header.readBigUInt64BE(SIZE.at + 4))
    : Number.parseInt(header.toString('latin1', SIZE.at, SIZE.at + SIZE.length), 8);
  if (!Number.isSafeInteger(size) || size < 0) {
    throw fail('snapshotDamaged', `the snapshot is damaged: ${where} states no size`);
  }
  return { name, size };
}
