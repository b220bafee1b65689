/** `login`: a token of an issuer for one of ours. */
import { fail } from '../../errors.ts';
import { field } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { grantAt, tokenGrant } from './login-grant.ts';
import { checkLoginAddress } from '../token-fields.ts';
import type { JwtMount } from './mount.ts';
import { mustReadRole, nameOfLogin } from './role.ts';

const at = pathsOf<JwtMount>();

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
        const name = nameOfLogin(config, values.role);
        const role = mustReadRole(mount.view.shared, name);
        if (role.type === 'oidc') throw fail('badRequest', 'role with oidc role_type is not allowed');
        if (values.jwt === '') throw fail('badRequest', 'missing token');
        const { address } = call.client;
        checkLoginAddress(role.token, address);
        const claims = await mount.signedClaims(config, values.jwt, call);
        const grant = tokenGrant({ name, role, config, now: call.now }, claims);
        return { status: 200, grant: grantAt(grant, role, address) };
      },
    },
  },
});

export const loginPaths = [login];
