/** How much may be written to a disk that the store lives on too: LMDB ends the process when it cannot write. */
import { statfs } from 'node:fs/promises';

/** Left free, so that the store can go on. */
export const SPARE_BYTES = 64 * 1024 * 1024;

/** Bytes that can still be written below a folder, beside what is left free; less than 0 when there is no room. */
export async function roomIn(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize - SPARE_BYTES;
}
