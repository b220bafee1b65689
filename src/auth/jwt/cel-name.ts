/** What CEL roles are called, and what is said of one that logs nobody in. */
import { fail } from '../../errors.ts';

const MARK = 'cel/';

/**
 * The name by which a CEL role is told from a plain one of the same name, wherever both can be meant: no role has a slash in
 * its name.
 */
export const markedName = (name: string): string => MARK + name;

/** The name of the CEL role that is meant; undefined where it is a plain one. */
export const celNameOf = (given: string): string | undefined =>
  given.startsWith(MARK) ? given.slice(MARK.length) : undefined;

/**
 * No login by this role, and why: for who logs in, and for the audit. `why` names no value of a claim, but for a text that the
 * program answers by itself. Counts as credentials that are refused.
 */
export const noLogin = (name: string, why: string, options?: ErrorOptions): Error =>
  fail('invalidCredentials', `error executing cel program: CEL role '${name}' ${why}`, options);
