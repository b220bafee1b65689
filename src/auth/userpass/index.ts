/** userpass: people log in with a name and a password that Lockstep keeps the hash of. */
import { fail } from '../../errors.ts';
import { plugin, type AnyPlugin } from '../../framework/plugin.ts';
import { grantOf, loginsBelow } from '../token-fields.ts';
import { loginPaths } from './path-login.ts';
import { userPaths } from './path-user.ts';
import { readUser, usersPrefix, type User, type Userpass } from './user.ts';

export const userpass: AnyPlugin = plugin<Userpass>({
  type: 'userpass',
  help: 'People log in with a username and a password.',
  open: (view) => ({ view }),
  paths: () => [...loginPaths, ...userPaths],
  renewLogin: ({ view }, { username, policies }) => {
    const user = typeof username === 'string' ? readUser(view.shared, username) : undefined;
    if (user === undefined) throw fail('badRequest', 'the user of this token is gone: log in again');
    if (!Array.isArray(policies) || !equalNames(policies, user.token.policies)) {
      throw fail('badRequest', 'policies have changed, not renewing: log in again');
    }
    return grantOf(user.token, { displayName: user.name });
  },
  logins: ({ view }, page) => loginsBelow<User>(view.shared, usersPrefix, page, ({ token }) => token),
  logicalPath: (key) => (key.startsWith(usersPrefix) ? key : undefined),
});

function equalNames(left: readonly unknown[], right: readonly string[]): boolean {
  const names = new Set(left);
  return names.symmetricDifference(new Set<unknown>(right)).size === 0;
}
