/** `login/:username`: a password for a token. */
import { fail } from '../../errors.ts';
import { field } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import type { Grant, Reply } from '../../framework/reply.ts';
import { isPassword } from '../../lib/crypto/password.ts';
import { boundCidrsFor, checkLoginAddress, grantOf } from '../token-fields.ts';
import { loginCost, readUser, usernameOf, type User, type Userpass } from './user.ts';

const at = pathsOf<Userpass>();

function grant({ name, token }: User, address: string): Grant {
  return grantOf(token, {
    displayName: name,
    metadata: { username: name },
    alias: { name, metadata: { username: name } },
    internal: { username: name, policies: token.policies },
    boundCidrs: boundCidrsFor(token, address),
  });
}

const login = at('login/:username', {
  help: 'Logs in with a username and a password.',
  access: 'open',
  fields: {
    username: field.name('Name of the user, in any case.'),
    password: field.secret('The password.'),
  },
  operations: {
    update: {
      summary: 'Log in',
      writes: 'local',
      replies: { 200: 'empty' },
      loginAlias: ({ view }, { username }) => {
        const name = usernameOf(username);
        return name === undefined ? undefined : { name, exists: () => readUser(view.shared, name) !== undefined };
      },
      run: async ({ view }, { username, password = '' }, call): Promise<Reply> => {
        if (password === '') throw fail('badRequest', 'missing password');
        const user = readUser(view.shared, username);
        const right = await isPassword(password, { hash: user?.hash, cost: loginCost(view) }, call.signal());
        if (user === undefined || !right) throw fail('invalidCredentials');
        // Whoever was changed or removed while they waited for their turn is not who they were.
        const now = readUser(view.shared, username);
        if (now?.hash !== user.hash) throw fail('invalidCredentials');
        const { address } = call.client;
        checkLoginAddress(now.token, address);
        return { status: 200, grant: grant(now, address) };
      },
    },
  },
});

export const loginPaths = [login];
