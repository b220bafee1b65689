/** `login`: a token of an issuer for one of ours. */
import { fail } from '../../errors.ts';
import { field } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { algorithms } from '../../lib/jwt/algorithms.ts';
import { verifyToken, type Verification } from '../../lib/jwt/verify.ts';
import { checkAddress, grantFor, leewaysOf } from './login-grant.ts';
import type { JwtConfig, JwtMount } from './mount.ts';
import { mustReadRole, type JwtRole } from './role.ts';

const at = pathsOf<JwtMount>();

/** What is found by discovery names its issuer; of other keys the holder is who counts, unless an issuer is bound. */
function issuersOf({ boundIssuer, discoveryUrl }: JwtConfig): Pick<Verification, 'issuers'> {
  const issuer = boundIssuer === '' ? discoveryUrl : boundIssuer;
  return issuer === '' ? {} : { issuers: [issuer] };
}

export function expectedOf(config: JwtConfig, role: JwtRole, now: number): Verification {
  return {
    ...{ now, leeways: leewaysOf(role), ...issuersOf(config), audiences: role.boundAudiences },
    algorithms: config.algorithms.length === 0 ? algorithms : config.algorithms,
    ...(role.boundSubject === '' ? {} : { subject: role.boundSubject }),
    ...(role.maxAge === 0 ? {} : { maxAge: role.maxAge }),
  };
}

const login = at('login', {
  help: 'Logs in with a token of the issuer.',
  access: 'open',
  fields: {
    role: field.string('The role; the default one without.', { default: '' }),
    jwt: field.secret('The token.', { default: '' }),
  },
  operations: {
    update: {
      summary: 'Log in',
      writes: 'local',
      replies: { 200: 'empty' },
      run: async (mount, values, call) => {
        const config = mount.mustConfig();
        const name = (values.role === '' ? config.defaultRole : values.role).toLowerCase();
        const role = mustReadRole(mount.view.shared, name);
        if (role.type === 'oidc') throw fail('badRequest', 'role with oidc role_type is not allowed');
        if (values.jwt === '') throw fail('badRequest', 'missing token');
        const { address } = call.client;
        checkAddress(role, address);
        const expected = expectedOf(config, role, call.now);
        const claims = await verifyToken(values.jwt, mount.keys(config), expected, call.signal());
        return { status: 200, grant: grantFor({ name, role, claims, address }) };
      },
    },
  },
});

export const loginPaths = [login];
