/** `cel/login`: a token of an issuer for one of ours, by a program. */
import { fail } from '../../errors.ts';
import { field } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { ownTurn } from '../../lib/turns.ts';
import { checkLoginAddress } from '../token-fields.ts';
import { programGrant } from './cel-login.ts';
import { mustReadCelRole } from './cel-role.ts';
import type { JwtMount } from './mount.ts';
import { nameOfLogin } from './role.ts';

const at = pathsOf<JwtMount>();

const login = at('cel/login', {
  help: 'Logs in with a token of the issuer, by the program of a CEL role.',
  access: 'open',
  fields: {
    role: field.string('The CEL role; the default one without.', { default: '' }),
    jwt: field.secret('The token.', { default: '' }),
  },
  operations: {
    update: {
      summary: 'Log in by a CEL role',
      writes: 'local',
      replies: { 200: 'empty' },
      run: async (mount, values, call) => {
        const config = mount.mustConfig();
        const role = mustReadCelRole(mount.view.shared, nameOfLogin(config, values.role));
        if (values.jwt === '') throw fail('badRequest', 'missing token');
        const claims = await mount.signedClaims(config, values.jwt, call);
        await ownTurn();
        call.signal().throwIfAborted();
        const grant = programGrant(role, { config, now: call.now }, claims);
        checkLoginAddress(grant, call.client.address);
        return { status: 200, grant };
      },
    },
  },
});

export const celLoginPaths = [login];
