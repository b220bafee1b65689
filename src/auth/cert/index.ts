/** cert: programs log in with the client certificate of their TLS connection. */
import { plugin, type AnyPlugin } from '../../framework/plugin.ts';
import { namedRole } from '../login-role.ts';
import { loginsBelow } from '../token-fields.ts';
import { CertMount } from './mount.ts';
import { certPaths } from './path-certs.ts';
import { configPaths } from './path-config.ts';
import { listPaths } from './path-crls.ts';
import { loginPaths, renewLogin } from './path-login.ts';
import { rolesPrefix, type CertRole } from './role.ts';

export const cert: AnyPlugin = plugin<CertMount>({
  type: 'cert',
  help: 'Programs log in with TLS client certificates.',
  open: (view) => new CertMount(view),
  paths: () => [...configPaths, ...loginPaths, ...certPaths, ...listPaths],
  renewLogin,
  logins: ({ view }, page) => loginsBelow<CertRole>(view.shared, rolesPrefix, page, ({ token }) => token),
  loginRole: (_mount, rest, { name }) => (rest === 'login' ? namedRole(name) : undefined),
  logicalPath: (key) => (key.startsWith(rolesPrefix) ? key : undefined),
});
