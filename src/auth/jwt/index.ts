/** JWT and OIDC: who has a token of an issuer logs in with it, or through a browser. */
import { fail } from '../../errors.ts';
import type { JsonObject } from '../../framework/field.ts';
import { plugin, type AnyPlugin, type Compartment, type LoginTerms } from '../../framework/plugin.ts';
import type { Grant } from '../../framework/reply.ts';
import type { Page } from '../../storage/store.ts';
import { namedRole } from '../login-role.ts';
import { grantOf, loginsBelow } from '../token-fields.ts';
import { keptTerms } from './cel-grant.ts';
import { renewedGrant } from './cel-login.ts';
import { celNameOf, markedName } from './cel-name.ts';
import { celLogins, celRolesPrefix, readCelRole } from './cel-role.ts';
import { JwtMount } from './mount.ts';
import { celLoginPaths } from './path-cel-login.ts';
import { celRolePaths } from './path-cel-role.ts';
import { configPaths } from './path-config.ts';
import { loginPaths } from './path-login.ts';
import { oidcPaths } from './path-oidc.ts';
import { rolePaths } from './path-role.ts';
import { isFilled, readRole, rolesPrefix, type JwtRole } from './role.ts';
import { supposedLogin } from './supposed-login.ts';

const CEL_LOGIN = 'cel/login';
const LOGINS = new Set(['login', 'oidc/auth_url', CEL_LOGIN]);

const gone = (): Error => fail('badRequest', 'the role of this token is gone: log in again');

/** By the role of its kind, which must be there still. Throws `badRequest`. */
function renewed(data: Compartment, internal: JsonObject): Grant {
  const kept = keptTerms(internal);
  if (kept !== undefined) {
    if (readCelRole(data, kept.celRole) === undefined) throw gone();
    return renewedGrant(kept);
  }
  const { role: name } = internal;
  const role = typeof name === 'string' ? readRole(data, name) : undefined;
  if (role === undefined) throw gone();
  return grantOf(role.token, { displayName: '' });
}

/** Plain roles, then CEL roles. */
function loginsOf(data: Compartment, page: Page): readonly LoginTerms[] {
  const { limit, after } = page;
  const cel = after === undefined ? undefined : celNameOf(after);
  if (cel !== undefined) return celLogins(data, { limit, after: cel });
  const plain = loginsBelow<JwtRole>(data, rolesPrefix, page, (role) => ({ ...role.token, byProgram: isFilled(role) }));
  return plain.length < limit ? [...plain, ...celLogins(data, { limit: limit - plain.length })] : plain;
}

/** `jwt` and `oidc` are one method under two names, as upstream. */
const methodOf = (type: string): AnyPlugin =>
  plugin<JwtMount>({
    type,
    help: 'Tokens of an issuer log in, by themselves or through a browser.',
    open: (view) => new JwtMount(view),
    paths: () => [...configPaths, ...rolePaths, ...loginPaths, ...oidcPaths, ...celRolePaths, ...celLoginPaths],
    renewLogin: ({ view }, internal) => renewed(view.shared, internal),
    logins: ({ view }, page) => loginsOf(view.shared, page),
    supposedLogin,
    loginRole: (mount, rest, { role }) => {
      if (!LOGINS.has(rest)) return undefined;
      const name = namedRole(role) ?? namedRole(mount.config?.defaultRole);
      return name !== undefined && rest === CEL_LOGIN ? markedName(name) : name;
    },
    logicalPath: (key) => (key.startsWith(rolesPrefix) || key.startsWith(celRolesPrefix) ? key : undefined),
  });

export const jwt: AnyPlugin = methodOf('jwt');
export const oidc: AnyPlugin = methodOf('oidc');
