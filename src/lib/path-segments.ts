/** The one form in which a path of the API is written (design rule 29). */
import { fail } from '../errors.ts';

/** As Go's unicode.IsPrint, which Vault asks: controls, formats, unassigned, and every blank but the plain one. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

/** Refuses a decoded path that is not canonical. A last empty segment is a trailing slash, which is allowed. */
export function checkSegments(path: string, name: string): void {
  if (path === '') return;
  if (unprintable.test(path)) throw fail('badRequest', `${name} cannot contain non-printable characters`);
  const segments = path.split('/');
  segments.forEach((segment, at) => {
    if (segment === '' && (at < segments.length - 1 || at === 0)) {
      throw fail('badRequest', `${name} is not canonical: it holds an empty segment`);
    }
    if (segment === '.' || segment === '..') {
      throw fail('badRequest', `${name} is not canonical: it holds a "${segment}" segment`);
    }
  });
}

/** A namespace as a client names it, where its listener serves `chroot` alone: neither it nor `root` lead out of that. */
export function belowChroot(chroot: string | undefined, namespace: string): string {
  if (chroot === undefined) return namespace;
  return namespace === '' || namespace === 'root' ? chroot : `${chroot}/${namespace}`;
}
