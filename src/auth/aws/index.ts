/** aws: users and roles of AWS IAM log in with a request that their keys have signed, and that AWS STS answers for. */
import { plugin, type AnyPlugin } from '../../framework/plugin.ts';
import { namedRole } from '../login-role.ts';
import { loginsBelow } from '../token-fields.ts';
import { AwsMount } from './mount.ts';
import { configPaths } from './path-config.ts';
import { loginPaths, renewed } from './path-login.ts';
import { rolePaths } from './path-role.ts';
import { rolesPrefix, type AwsRole } from './role.ts';

export const aws: AnyPlugin = plugin<AwsMount>({
  type: 'aws',
  help: 'Users and roles of AWS IAM log in.',
  open: (view) => new AwsMount(view),
  paths: () => [...configPaths, ...rolePaths, ...loginPaths],
  renewLogin: renewed,
  logins: ({ view }, page) => loginsBelow<AwsRole>(view.shared, rolesPrefix, page, ({ token }) => token),
  loginRole: (_mount, rest, { role }) => (rest === 'login' ? namedRole(role) : undefined),
  logicalPath: (key) => (key.startsWith(rolesPrefix) ? key : undefined),
});
