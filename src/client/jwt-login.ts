/** Which request a signed token logs in by at the method jwt. */

/** What tells a CEL role from a plain one of the same name: neither has a slash in its name. */
const CEL = 'cel/';

/** `path`: below the mount. Without a role that of the mount counts. */
export function jwtLogin(role: string | undefined): { readonly path: string; readonly role?: string } {
  if (role === undefined) return { path: 'login' };
  return role.startsWith(CEL) ? { path: 'cel/login', role: role.slice(CEL.length) } : { path: 'login', role };
}
