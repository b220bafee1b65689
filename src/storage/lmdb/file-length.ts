/**
 * How long LMDB's file has to be. A page that a transaction takes at its end and gives back is counted and never written, so
 * the file may be shorter than its pages, until the next checkpoint fills it up. From then on a shorter one is one that was cut.
 */
import { statSync, truncateSync } from 'node:fs';
import type { RootDatabase } from 'lmdb';
import { fail } from '../../errors.ts';
import { closeFile, openToFlush, type Disk } from './journal/disk.ts';

type Root = RootDatabase<Buffer, string>;

/** What lmdb-js offers on its root database without declaring it. */
interface Undeclared {
  readonly env: {
    info(): { readonly lastPageNumber: number };
    stat(): { readonly pageSize: number };
  };
}

/** Bytes of a page, and of all pages of the newest transaction. */
export function pagesOf(root: Root): { readonly pageSize: number; readonly length: number } {
  const { env } = root as unknown as Undeclared;
  const { pageSize } = env.stat();
  return { pageSize, length: (env.info().lastPageNumber + 1) * pageSize };
}

/** A page beyond the end of the file would end the process by SIGBUS when it is read. Throws `corrupt`. */
export function checkLength(root: Root, file: string): void {
  const { length } = pagesOf(root);
  const { size } = statSync(file);
  if (size < length) throw fail('corrupt', `${file} is cut: it holds ${size} of ${length} bytes; restore a snapshot`);
}

/** Makes the file as long as its pages; to be flushed by the caller. Not while LMDB writes. Throws `internal`, naming the file. */
export function fillLength(root: Root, file: string): void {
  const { length } = pagesOf(root);
  if (statSync(file).size >= length) return;
  try {
    truncateSync(file, length);
  } catch (error) {
    throw fail('internal', `${file} could not be made as long as its pages: see to the disk`, { cause: error });
  }
}

/** Makes the whole file durable where no checkpoint does. Rejects with the system's error, or as `fillLength`. */
export async function flushWhole(root: Root, file: string, disk: Disk): Promise<void> {
  const data = await openToFlush(file);
  try {
    fillLength(root, file);
    await disk.flush(data);
  } finally {
    await closeFile(data);
  }
}
