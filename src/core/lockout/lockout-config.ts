/** After how many failed logins a user is locked out, and for how long. Times in seconds. Pure. */
import { verbs, type Path } from '../../framework/path.ts';
import type { AnyPlugin } from '../../framework/plugin.ts';

export interface LockoutConfig {
  /** Failed logins, one after the other. */
  readonly threshold: number;
  readonly duration: number;
  /** After so long without a failed login they are counted from the start. */
  readonly counterReset: number;
  readonly disable: boolean;
}

/** Vault's. */
export const USUAL_LOCKOUT: LockoutConfig = { threshold: 5, duration: 900, counterReset: 900, disable: false };

/** What the node's configuration says: for `all`, and over that for single types of auth methods. */
export interface LockoutSettings {
  readonly disabled: boolean;
  readonly byType: Readonly<Record<string, Partial<LockoutConfig>>>;
}

/** 0 says nothing, as in Vault. */
function said(given: Partial<LockoutConfig> | undefined): Partial<LockoutConfig> {
  return Object.fromEntries(Object.entries(given ?? {}).filter(([, value]) => value !== 0));
}

/** What a mount says holds over what its type's block says, and that over `all`. */
export function lockoutOf(
  { disabled, byType }: LockoutSettings,
  type: string,
  mount: Partial<LockoutConfig> | undefined,
): LockoutConfig {
  const found = { ...USUAL_LOCKOUT, ...said(byType['all']), ...said(byType[type]), ...said(mount) };
  return disabled ? { ...found, disable: true } : found;
}

const namesUsers = (path: Path<unknown>): boolean =>
  verbs.some((verb) => path.operations[verb]?.loginAlias !== undefined);

/** Whether an auth method says whom its logins are for: no other can lock anybody out. */
export const locksOut = (plugin: AnyPlugin): boolean => plugin.paths({ options: {} }).some(namesUsers);
