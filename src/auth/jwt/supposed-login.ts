/** What a login with claims would grant, without a token that holds them. */
import type { SupposedGrant, SupposedLogin } from '../../framework/plugin.ts';
import { supposed } from '../../lib/jwt/supposed.ts';
import { programGrant } from './cel-login.ts';
import { celNameOf } from './cel-name.ts';
import { mustReadCelRole } from './cel-role.ts';
import { answeringClaims } from './id-token.ts';
import { grantFor, issuerOf, tokenGrant } from './login-grant.ts';
import type { JwtMount } from './mount.ts';
import { mustReadRole, nameOfLogin } from './role.ts';

/** Of a CEL role, that its name tells. */
function supposedByProgram(mount: JwtMount, name: string, { claims, now }: SupposedLogin): SupposedGrant {
  const config = mount.mustConfig();
  const role = mustReadCelRole(mount.view.shared, name.toLowerCase());
  const said = supposed(claims, { iss: issuerOf(config), aud: role.role.boundAudiences[0] }, now);
  return { grant: programGrant(role, { config, now }, said.claims), assumed: said.assumed };
}

/** Of a login by browser without what the issuer tells beside its token, and without a nonce. As `Plugin.supposedLogin`. */
export function supposedLogin(mount: JwtMount, login: SupposedLogin): SupposedGrant {
  const { role: given, claims, now } = login;
  const cel = celNameOf(given);
  if (cel !== undefined) return supposedByProgram(mount, cel, login);
  const config = mount.mustConfig();
  const name = nameOfLogin(config, given);
  const role = mustReadRole(mount.view.shared, name);
  if (role.type === 'oidc') {
    const said = supposed(claims, { iss: config.discoveryUrl, aud: config.clientId }, now);
    const answering = { config, role, nonce: undefined, now };
    return { grant: grantFor({ name, role }, answeringClaims(said.claims, answering)), assumed: said.assumed };
  }
  const said = supposed(claims, { iss: issuerOf(config), aud: role.boundAudiences[0] }, now);
  return { grant: tokenGrant({ name, role, config, now }, said.claims), assumed: said.assumed };
}
