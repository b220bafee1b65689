/** `users/…`: who can log in. */
import { fail } from '../../errors.ts';
import { field, type Values } from '../../framework/field.ts';
import { children, listed, pageFields } from '../../framework/listing.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply, type Reply } from '../../framework/reply.ts';
import {
  costOf,
  hashPassword,
  HIGHEST_COST,
  LOWEST_COST,
  MOST_PASSWORD_BYTES,
  passwordFits,
} from '../../lib/crypto/password.ts';
import {
  applyTokenFields,
  NO_TOKEN_SETTINGS,
  oldTokenFields,
  shownTokenSettings,
  tokenFields,
  withOldNames,
} from '../token-fields.ts';
import { mustBeName, mustReadUser, readUser, usernameOf, usersPrefix, writeUser, type Userpass } from './user.ts';

const at = pathsOf<Userpass>();

const nameField = { username: field.name('Name of the user. It is kept in lower case.') };

const passwordFields = {
  password: field.secret(`The password, ${String(MOST_PASSWORD_BYTES)} bytes at most.`),
  password_hash: field.secret('In place of a password: its hash by bcrypt, made elsewhere.'),
};

/** Upstream has these of them for users. */
const { policies: oldPolicies, ttl, max_ttl, bound_cidrs } = oldTokenFields;
const oldFields = { policies: oldPolicies, ttl, max_ttl, bound_cidrs };

const userFields = { ...nameField, ...passwordFields, ...tokenFields, ...oldFields };

function assertHash(hash: string): void {
  const cost = costOf(hash);
  if (cost === undefined) {
    throw fail('badRequest', 'password_hash is not a valid bcrypt hash: $2a$, $2b$ or $2y$, 60 characters');
  }
  if (cost < LOWEST_COST) {
    throw fail('badRequest', `bcrypt cost of ${String(cost)} is too low, want ${String(LOWEST_COST)} at minimum`);
  }
  if (cost > HIGHEST_COST) {
    throw fail('badRequest', `bcrypt cost of ${String(cost)} exceeds maximum cost of ${String(HIGHEST_COST)}`);
  }
}

const NO_PASSWORD = 'must provide either password or password_hash';

/** undefined: neither was given. */
async function hashOf(given: Values<typeof passwordFields>, signal: () => AbortSignal): Promise<string | undefined> {
  const { password = '', password_hash: hash = '' } = given;
  if (password !== '' && hash !== '') {
    throw fail('badRequest', 'only one of password or password_hash may be provided');
  }
  if (hash !== '') assertHash(hash);
  if (password === '') return hash === '' ? undefined : hash;
  if (!passwordFits(password)) {
    throw fail('badRequest', `password length exceeds ${String(MOST_PASSWORD_BYTES)} bytes: bcrypt ignores the rest`);
  }
  return hashPassword(password, signal());
}

/** `echo` adds one to what it pipes, and a terminal to what is typed; where people are asked for a password they cannot give it. */
const written = ({ password = '' }: Values<typeof passwordFields>): Reply =>
  /[\r\n]$/.test(password)
    ? {
        status: 200,
        warnings: [
          'the password ends with a line break, which nobody can type where they are asked for it: pipe it by `printf %s`',
        ],
      }
    : reply.empty;

const users = at('users', {
  help: 'Names of all users.',
  fields: pageFields,
  operations: {
    list: {
      summary: 'List users',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Names.') }, 404: 'empty' },
      run: ({ view }, asked) => listed(children(view.shared, usersPrefix), asked),
    },
  },
});

const user = at('users/:username', {
  help: 'One user.',
  fields: userFields,
  exists: ({ view }, { username }) => readUser(view.shared, username) !== undefined,
  operations: {
    read: {
      summary: 'Read a user',
      writes: 'nothing',
      replies: { 200: tokenFields, 404: 'empty' },
      run: ({ view }, { username }) => {
        const found = readUser(view.shared, username);
        return found === undefined ? reply.missing : reply.ok(shownTokenSettings(found.token));
      },
    },
    update: {
      summary: 'Write a user',
      writes: 'shared',
      replies: { 200: 'empty', 204: 'empty' },
      run: async ({ view }, given, call) => {
        const name = mustBeName(given.username);
        const settings = withOldNames(given);
        const fresh = await hashOf(given, call.signal);
        await view.shared.transact((tx) => {
          const before = readUser(tx, name);
          const hash = fresh ?? before?.hash;
          if (hash === undefined) throw fail('badRequest', NO_PASSWORD);
          writeUser(tx, { name, hash, token: applyTokenFields(before?.token ?? NO_TOKEN_SETTINGS, settings) });
        });
        return written(given);
      },
    },
    delete: {
      summary: 'Delete a user',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ view }, { username }) => {
        const name = usernameOf(username);
        if (name !== undefined) {
          await view.shared.transact((tx) => {
            tx.delete(usersPrefix + name);
          });
        }
        return reply.empty;
      },
    },
  },
});

const password = at('users/:username/password', {
  help: 'The password of a user. Who may write here and nowhere else can change it alone.',
  fields: { ...nameField, ...passwordFields },
  operations: {
    update: {
      summary: 'Set the password of a user',
      writes: 'shared',
      replies: { 200: 'empty', 204: 'empty' },
      run: async ({ view }, given, call) => {
        mustReadUser(view.shared, given.username);
        const hash = await hashOf(given, call.signal);
        if (hash === undefined) throw fail('badRequest', NO_PASSWORD);
        await view.shared.transact((tx) => {
          writeUser(tx, { ...mustReadUser(tx, given.username), hash });
        });
        return written(given);
      },
    },
  },
});

const policies = at('users/:username/policies', {
  help: 'The policies of a user.',
  fields: { ...nameField, token_policies: tokenFields.token_policies, policies: oldFields.policies },
  operations: {
    update: {
      summary: 'Set the policies of a user',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ view }, given) => {
        const settings = { token_policies: given.token_policies ?? given.policies };
        await view.shared.transact((tx) => {
          const before = mustReadUser(tx, given.username);
          writeUser(tx, { ...before, token: applyTokenFields(before.token, settings) });
        });
        return reply.empty;
      },
    },
  },
});

export const userPaths = [users, user, password, policies];
