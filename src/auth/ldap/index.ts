/** ldap: people log in with the name and password that an LDAP directory has of them. */
import { plugin, type AnyPlugin, type LoginTerms } from '../../framework/plugin.ts';
import type { Page } from '../../storage/store.ts';
import { groupIn, groupsPrefix, policiesOf, userIn, usersPrefix } from './entries.ts';
import { renewed } from './login.ts';
import { LdapMount } from './mount.ts';
import { configPaths } from './path-config.ts';
import { entryPaths } from './path-entries.ts';
import { loginPaths } from './path-login.ts';

/** By each group, and as each user, that something is kept of: `groups/…` and then `users/…`. Who else logs in, the directory knows. */
function logins({ view, config }: LdapMount, { limit, after }: Page): readonly LoginTerms[] {
  if (config === undefined) return [];
  const { shared } = view;
  const { policies, noDefaultPolicy } = config.token;
  const below = (prefix: string, most: number) =>
    shared.list(prefix, after === undefined || !after.startsWith(prefix) ? { limit: most } : { limit: most, after });
  const groups = after?.startsWith(usersPrefix) === true ? [] : below(groupsPrefix, limit);
  const users = groups.length < limit ? below(usersPrefix, limit - groups.length) : [];
  return [
    ...groups.map((key) => ({ key, own: groupIn(shared, key)?.policies ?? [] })),
    ...users.map((key) => {
      const user = userIn(shared, key);
      return { key, own: policiesOf(shared, config, user, user?.groups ?? []) };
    }),
  ].map(({ key, own }) => ({ name: key, policies: [...new Set([...policies, ...own])], noDefaultPolicy }));
}

export const ldap: AnyPlugin = plugin<LdapMount>({
  type: 'ldap',
  help: 'People of an LDAP directory log in.',
  open: (view) => new LdapMount(view),
  paths: () => [...configPaths, ...entryPaths, ...loginPaths],
  renewLogin: renewed,
  logins,
  logicalPath: (key) => (key.startsWith(usersPrefix) || key.startsWith(groupsPrefix) ? key : undefined),
});
