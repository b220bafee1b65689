/** What a login with claims would grant, without a token that holds them. */
import type { SupposedGrant, SupposedLogin } from '../../framework/plugin.ts';
import { supposed } from '../../lib/jwt/supposed.ts';
import { checkSupposedAddress, supposedAt } from '../token-fields.ts';
import { supposedProgramGrant } from './cel-login.ts';
import { celNameOf } from './cel-name.ts';
import { mustReadCelRole } from './cel-role.ts';
import { answeringClaims } from './id-token.ts';
import { grantFor, issuerOf, tokenGrant } from './login-grant.ts';
import type { JwtMount } from './mount.ts';
import { mustReadRole, nameOfLogin } from './role.ts';

/** Of a CEL role, that its name tells. */
function supposedByProgram(mount: JwtMount, name: string, { claims, now, address }: SupposedLogin): SupposedGrant {
  const config = mount.mustConfig();
  const role = mustReadCelRole(mount.view.shared, name.toLowerCase());
  const said = supposed(claims, { iss: issuerOf(config), aud: role.role.boundAudiences[0] }, now);
  const grant = supposedProgramGrant(role, { config, now }, said.claims);
  checkSupposedAddress(grant, address);
  return { grant, assumed: said.assumed, rest: 'cel/login', unjudged: ['the signature'] };
}

const BY_BROWSER = ['the signature', 'the nonce', 'what the issuer tells at its userinfo endpoint'];

/** Of a login by browser without what the issuer tells beside its token, and without a nonce. As `Plugin.supposedLogin`. */
export function supposedLogin(mount: JwtMount, login: SupposedLogin): SupposedGrant {
  const { role: given, claims, now, address } = login;
  const cel = celNameOf(given);
  if (cel !== undefined) return supposedByProgram(mount, cel, login);
  const config = mount.mustConfig();
  const name = nameOfLogin(config, given);
  const role = mustReadRole(mount.view.shared, name);
  checkSupposedAddress(role.token, address);
  if (role.type === 'oidc') {
    const said = supposed(claims, { iss: config.discoveryUrl, aud: config.clientId }, now);
    const answering = { config, role, nonce: undefined, now };
    const grant = supposedAt(grantFor({ name, role }, answeringClaims(said.claims, answering)), role.token, address);
    return { grant, assumed: said.assumed, rest: 'oidc/callback', unjudged: BY_BROWSER };
  }
  const said = supposed(claims, { iss: issuerOf(config), aud: role.boundAudiences[0] }, now);
  const grant = supposedAt(tokenGrant({ name, role, config, now }, said.claims), role.token, address);
  return { grant, assumed: said.assumed, rest: 'login', unjudged: ['the signature'] };
}
