/** SPIFFE: a workload logs in with its SVID, a JWT or a certificate, held against the bundle of its trust domain. */
import { fail } from '../../errors.ts';
import { plugin, type AnyPlugin } from '../../framework/plugin.ts';
import { namedRole } from '../login-role.ts';
import { grantOf, loginsBelow } from '../token-fields.ts';
import { SpiffeMount } from './mount.ts';
import { configPaths } from './path-config.ts';
import { loginPaths } from './path-login.ts';
import { rolePaths } from './path-role.ts';
import { readRole, rolesPrefix, type SpiffeRole } from './role.ts';

export const spiffe: AnyPlugin = plugin<SpiffeMount>({
  type: 'spiffe',
  help: 'Workloads of a SPIFFE trust domain log in.',
  open: (view) => new SpiffeMount(view),
  paths: () => [...configPaths, ...rolePaths, ...loginPaths],
  tend: (mount, now) => {
    mount.refresh(now);
  },
  renewLogin: ({ view }, { role: name }) => {
    const role = typeof name === 'string' ? readRole(view.shared, name) : undefined;
    if (role === undefined) throw fail('badRequest', 'the role of this token is gone: log in again');
    return grantOf(role.token, { displayName: '' });
  },
  logins: ({ view }, page) => loginsBelow<SpiffeRole>(view.shared, rolesPrefix, page, ({ token }) => token),
  loginRole: (_mount, rest, { role }) => (rest === 'login' ? namedRole(role) : undefined),
  logicalPath: (key) => (key.startsWith(rolesPrefix) ? key : undefined),
});
