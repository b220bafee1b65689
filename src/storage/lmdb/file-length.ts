/**
 * How long LMDB's file has to be. A page that a transaction takes at its end and gives back is counted and never written, so
 * the file may be shorter than its pages, until the next checkpoint fills it up. From then on a shorter one is one that was cut.
 */
import { fstatSync, ftruncateSync, statSync } from 'node:fs';
import type { RootDatabase } from 'lmdb';
import { fail } from '../../errors.ts';

type Root = RootDatabase<Buffer, string>;

/** What lmdb-js offers on its root database without declaring it. */
interface Undeclared {
  readonly env: {
    info(): { readonly lastPageNumber: number };
    stat(): { readonly pageSize: number };
  };
}

/** Bytes of a page; and of all pages of the newest transaction. */
export function pagesOf(root: Root): { readonly size: number; readonly bytes: number } {
  const { env } = root as unknown as Undeclared;
  const { pageSize } = env.stat();
  return { size: pageSize, bytes: (env.info().lastPageNumber + 1) * pageSize };
}

/** A page beyond the end of the file would end the process by SIGBUS when it is read. Throws `corrupt`. */
export function checkLength(root: Root, file: string): void {
  const { bytes } = pagesOf(root);
  const { size } = statSync(file);
  if (size < bytes) throw fail('corrupt', `${file} is cut: it holds ${size} of ${bytes} bytes; restore a snapshot`);
}

/** Makes the file as long as its pages. To be flushed by the caller; not while LMDB writes. Throws the system's error. */
export function fillLength(root: Root, descriptor: number): void {
  const { bytes } = pagesOf(root);
  if (fstatSync(descriptor).size < bytes) ftruncateSync(descriptor, bytes);
}
