/** A namespace: what its record holds, and which names there may be. */
import { fail } from '../../errors.ts';
import { ROOT_NAMESPACE } from '../keys.ts';

/** Never moved: its path stands in the records of its mounts too. */
export interface NamespaceRecord {
  /** Six characters: part of storage keys, and the ending of the tokens and accessors that belong to it. */
  readonly id: string;
  readonly uuid: string;
  /** From the root on, with a closing slash: `team/a/`. */
  readonly path: string;
  /** The id of the one above. */
  readonly parent: string;
  readonly customMetadata: Readonly<Record<string, string>>;
  /** The id of the nearest namespace with a seal of its own that it is or lies in; absent: the node's seal alone. */
  readonly domain?: string;
  /** SHA-256 of the key that unlocks it, base64; absent while it is not locked. */
  readonly lock?: string;
  /** What was done to it last, for events; absent in what was written before there were any. */
  readonly lastChange?: 'create' | 'update' | 'lock' | 'unlock';
  /** For the HMAC keys of its built-in mounts, base64. */
  readonly salt: string;
}

/** What a request works in. */
export interface Namespace {
  readonly id: string;
  /** With a closing slash; empty for the root one. */
  readonly path: string;
}

export const ROOT: Namespace = Object.freeze({ id: ROOT_NAMESPACE, path: '' });

/** Vault's own, and what a request path begins with. */
const RESERVED: ReadonlySet<string> = new Set(['root', 'sys', 'audit', 'auth', 'cubbyhole', 'identity']);
const UNPRINTABLE = /[\p{C}\p{Z}]/u;
/** What has a meaning in policies, filters or addresses. */
const SPECIAL = /[+*%\\#?]/;
const LONGEST_NAME = 128;
export const DEEPEST = 16;

function problemOf(name: string): string | undefined {
  if (name === '' || name === '.' || name === '..') return 'a namespace needs a name';
  if (name.includes('/')) return 'namespace name cannot contain /';
  if (name.length > LONGEST_NAME) return `a namespace name has at most ${String(LONGEST_NAME)} characters`;
  if (UNPRINTABLE.test(name)) return 'a namespace name cannot contain blanks or characters that cannot be printed';
  const special = SPECIAL.exec(name)?.[0];
  if (special !== undefined) return `a namespace name cannot contain "${special}"`;
  // Two spellings of what looks the same would be two namespaces.
  if (name !== name.normalize('NFC')) return 'a namespace name must be in Unicode normal form C';
  if (RESERVED.has(name.toLowerCase())) return `"${name}/" is a reserved path and cannot be used as a namespace name`;
  return undefined;
}

/** A name as it stands behind `sys/namespaces/`, where one closing slash does not count. Throws `badRequest`. */
export function namespaceName(given: string): string {
  const name = given.endsWith('/') ? given.slice(0, -1) : given;
  const problem = problemOf(name);
  if (problem !== undefined) throw fail('badRequest', problem);
  return name;
}

/** How many namespaces lie from the root one down to this. */
export const depthOf = ({ path }: Namespace): number => path.split('/').length - 1;

/** Whether `inner` is `outer` or lies below it. */
export const isWithin = (inner: Namespace, outer: Namespace): boolean => inner.path.startsWith(outer.path);
