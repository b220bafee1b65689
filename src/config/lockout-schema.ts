/** The keys of `user_lockout`, in Vault's names. */
import { key } from './kinds.ts';
import { named } from './schema.ts';

const TYPES = ['all', 'userpass', 'ldap', 'approle'];

export const lockoutKeys = {
  user_lockout: named(
    'After how many failed logins a user of an auth method is locked out: the label is its type, or `all`. What a mount is tuned to holds over it.',
    {
      labels: ['type'],
      many: true,
      keys: {
        lockout_threshold: key.count('Failed logins, one after the other. 0: as without it.'),
        lockout_duration: key.duration('How long nobody is let in by that name. 0: as without it.'),
        lockout_counter_reset: key.duration(
          'After how long without a failed login they are counted from the start. 0: as without it.',
        ),
        disable_lockout: key.boolean('Lock nobody out.'),
      },
      check: ({ type }) =>
        TYPES.includes(type)
          ? undefined
          : `the types of user_lockout are ${TYPES.map((name) => `"${name}"`).join(', ')}`,
    },
  ),
  disable_user_lockout: key.boolean('Lock nobody out, whatever blocks and mounts say.', {
    default: false,
    env: 'DISABLE_USER_LOCKOUT',
  }),
} as const;
