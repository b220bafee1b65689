/** JWT and OIDC: who has a token of an issuer logs in with it, or through a browser. */
import { fail } from '../../errors.ts';
import { plugin, type AnyPlugin } from '../../framework/plugin.ts';
import { grantOf, loginsBelow } from '../token-fields.ts';
import { JwtMount } from './mount.ts';
import { configPaths } from './path-config.ts';
import { loginPaths } from './path-login.ts';
import { oidcPaths } from './path-oidc.ts';
import { rolePaths } from './path-role.ts';
import { readRole, rolesPrefix, type JwtRole } from './role.ts';

const LOGINS = new Set(['login', 'oidc/auth_url']);

/** `jwt` and `oidc` are one method under two names, as upstream. */
const methodOf = (type: string): AnyPlugin =>
  plugin<JwtMount>({
    type,
    help: 'Tokens of an issuer log in, by themselves or through a browser.',
    open: (view) => new JwtMount(view),
    paths: () => [...configPaths, ...rolePaths, ...loginPaths, ...oidcPaths],
    renewLogin: ({ view }, { role: name }) => {
      const role = typeof name === 'string' ? readRole(view.shared, name) : undefined;
      if (role === undefined) throw fail('badRequest', 'the role of this token is gone: log in again');
      return grantOf(role.token, { displayName: '' });
    },
    logins: ({ view }, page) => loginsBelow<JwtRole>(view.shared, rolesPrefix, page, ({ token }) => token),
    loginRole: (mount, rest, { role }) => {
      if (!LOGINS.has(rest)) return undefined;
      const name = typeof role === 'string' && role !== '' ? role : (mount.config?.defaultRole ?? '');
      return name === '' ? undefined : name.toLowerCase();
    },
    logicalPath: (key) => (key.startsWith(rolesPrefix) ? key : undefined),
  });

export const jwt: AnyPlugin = methodOf('jwt');
export const oidc: AnyPlugin = methodOf('oidc');
