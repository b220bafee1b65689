/** `login/:username`: a password of the directory for a token. */
import { fail } from '../../errors.ts';
import { field } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { userIn, usersPrefix } from './entries.ts';
import { loggedIn } from './login.ts';
import type { LdapMount } from './mount.ts';
import { usernameOf } from './username.ts';

const at = pathsOf<LdapMount>();

const login = at('login/:username...', {
  help: 'Logs in with a name and a password that an LDAP directory checks.',
  access: 'open',
  fields: {
    username: field.name('Name of the user.'),
    password: field.secret('The password.'),
  },
  operations: {
    update: {
      summary: 'Log in',
      writes: 'local',
      replies: { 200: 'empty' },
      loginAlias: (mount, { username }) => {
        // Whatever the configuration says of case: there are directories that do not look at it.
        const name = usernameOf(username, false);
        const own = usernameOf(username, mount.config?.caseSensitive ?? false);
        if (name === undefined || own === undefined) return undefined;
        return { name, exists: () => mount.knows(own) || userIn(mount.view.shared, usersPrefix + own) !== undefined };
      },
      run: async (mount, { username: given, password = '' }, call) => {
        const { caseSensitive } = mount.mustConfig();
        if (password === '') {
          throw fail('badRequest', 'password cannot be of zero length when passwordless binds are being denied');
        }
        const username = usernameOf(given, caseSensitive);
        if (username === undefined) throw fail('invalidCredentials');
        return { status: 200, grant: await loggedIn(mount, { username, password }, call) };
      },
    },
  },
});

export const loginPaths = [login];
