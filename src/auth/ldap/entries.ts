/** What is kept of users and groups of the directory: policies, and groups beside the directory's own. */
import { fail } from '../../errors.ts';
import type { Compartment } from '../../framework/plugin.ts';
import { recordAt } from '../../lib/record.ts';
import type { LdapConfig } from './config.ts';
import { lowerCase, usernameOf } from './username.ts';

export const usersPrefix = 'users/';
export const groupsPrefix = 'groups/';

export interface LdapUser {
  readonly policies: readonly string[];
  readonly groups: readonly string[];
}

export interface LdapGroup {
  readonly policies: readonly string[];
}

const MOST_NAME = 512;

/** Throws `badRequest`. */
export function userKey(name: string, { caseSensitive }: LdapConfig): string {
  const username = usernameOf(name, caseSensitive);
  if (username === undefined) throw fail('badRequest', 'no user can be called so');
  return usersPrefix + username;
}

/** Throws `badRequest`. */
export function groupKey(name: string, config: LdapConfig): string {
  if (name === '' || name.length > MOST_NAME) throw fail('badRequest', 'no group can be called so');
  return groupsPrefix + foldedGroup(name, config);
}

export const foldedGroup = (name: string, { caseSensitive }: LdapConfig): string =>
  caseSensitive ? name : lowerCase(name);

type Reads = Pick<Compartment, 'get'>;

export const userIn = (from: Reads, key: string): LdapUser | undefined => recordAt<LdapUser>(from, key);
export const groupIn = (from: Reads, key: string): LdapGroup | undefined => recordAt<LdapGroup>(from, key);

/** Of these groups and of the user themself, each once. */
export function policiesOf(from: Reads, config: LdapConfig, user: LdapUser | undefined, groups: readonly string[]) {
  const ofGroups = groups
    .filter((name) => name !== '' && name.length <= MOST_NAME)
    .flatMap((name) => groupIn(from, groupKey(name, config))?.policies ?? []);
  return [...new Set([...ofGroups, ...(user?.policies ?? [])])];
}
