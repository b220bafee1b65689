/** AppRole: machines log in with a role-id and a secret-id. */
import { fail } from '../../errors.ts';
import { plugin, type AnyPlugin } from '../../framework/plugin.ts';
import { grantOf, loginsBelow } from '../token-fields.ts';
import { loginPaths } from './path-login.ts';
import { rolePaths } from './path-role.ts';
import { secretIdPaths } from './path-secret-id.ts';
import { ISSUED } from './secret-id.ts';
import { indexedRole, readRole, roleByRoleId, rolesPrefix, type AppRole, type Role } from './role.ts';

export const approle: AnyPlugin = plugin<AppRole>({
  type: 'approle',
  help: 'Machines log in with a role-id and a secret-id.',
  open: (view) => ({ view, found: undefined }),
  paths: () => [...loginPaths, ...rolePaths, ...secretIdPaths],
  issued: ISSUED,
  renewLogin: ({ view }, internal) => {
    const name = internal['role'];
    const role = typeof name === 'string' ? readRole(view.shared, name) : undefined;
    if (role === undefined) throw fail('badRequest', 'the role of this token is gone: log in again');
    return grantOf(role.token, { displayName: '' });
  },
  logins: ({ view }, page) => loginsBelow<Role>(view.shared, rolesPrefix, page, ({ token }) => token),
  // As the login reads it: a number is a role-id too.
  loginRole: (mount, rest, { role_id: id }) =>
    rest === 'login' && (typeof id === 'string' || typeof id === 'number' || typeof id === 'boolean')
      ? roleByRoleId(mount, String(id))?.name
      : undefined,
  logicalPath: (key) => {
    if (key.startsWith(rolesPrefix)) return key;
    const role = indexedRole(key) ?? /^(?:secret-id|accessor)\/([^/]+)\//.exec(key)?.[1];
    return role === undefined ? undefined : `${rolesPrefix}${role}`;
  },
});
