/**
 * An engine for tests of leases whose outside world is a directory: a user is a file in it. Files that begin with a dot say
 * how the world behaves: `.refuse` refuses to take users back, `.hang` answers nothing, `.slow` waits, `.closed`
 * takes no new ones, `.half` fails when it has made one.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../../src/errors.ts';
import { field } from '../../src/framework/field.ts';
import type { LeaseCall } from '../../src/framework/lease.ts';
import { pathsOf } from '../../src/framework/path.ts';
import { plugin, type AnyPlugin, type MountView } from '../../src/framework/plugin.ts';
import { reply } from '../../src/framework/reply.ts';
import { uuid } from '../../src/lib/crypto/random.ts';
import { nextTurn } from '../../src/lib/next-turn.ts';
import { failpoint } from '../../src/lib/failpoint.ts';

interface Users {
  readonly folder: string;
  readonly view: MountView;
}

const at = pathsOf<Users>();

const has = ({ folder }: Users, name: string): boolean => existsSync(join(folder, name));

async function hanging(users: Users, { signal }: LeaseCall): Promise<void> {
  if (!has(users, '.hang')) return;
  await new Promise<void>((_resolve, reject) => {
    signal.addEventListener('abort', () => {
      reject(new Error('cut off'));
    });
  });
}

/** Takes a turn of the event loop, as any world outside does. */
async function create(users: Users, user: string, call: LeaseCall, password: string): Promise<void> {
  await hanging(users, call);
  while (has(users, '.slow')) await nextTurn();
  if (has(users, '.closed')) throw fail('badRequest', 'the world takes no new users');
  writeFileSync(join(users.folder, user), JSON.stringify({ until: call.expiresAt, password }), { mode: 0o600 });
  if (has(users, '.half')) throw new Error(`connection lost after CREATE USER ${user} PASSWORD ${password}`);
  failpoint('files.created');
}

const fields = {
  name: field.name('Of the user; the rest is drawn.'),
  ttl: field.duration('How long.', { default: 0 }),
  max_ttl: field.duration('At most.', { default: 0 }),
  renewable: field.boolean('Whether it is renewed.', { default: true }),
  shorter: field.integer('Seconds that the world grants.'),
};

const creds = at('creds/:name...', {
  help: 'A user.',
  fields,
  operations: {
    read: {
      summary: 'Make a user',
      writes: 'local',
      replies: { 200: 'any' },
      run: (users, { name, ttl, max_ttl: maxTtl, renewable, shorter }) => {
        const user = `${name.replaceAll('/', '-')}-${uuid()}`;
        const password = `p-${uuid()}`;
        return reply.leased({
          ...{ ttl, maxTtl, renewable },
          internal: { user },
          act: async (call) => {
            await create(users, user, call, password);
            return { data: { user, password }, ...(shorter === undefined ? {} : { ttl: shorter }) };
          },
        });
      },
    },
  },
});

/** Nothing outside: a note that ends. */
const notes = at('notes/:name', {
  help: 'A note.',
  fields,
  operations: {
    read: {
      summary: 'Make a note',
      writes: 'local',
      replies: { 200: 'any' },
      run: (_users, { name, ttl, max_ttl: maxTtl, renewable }) =>
        reply.leased({ ...{ ttl, maxTtl, renewable }, internal: { name }, data: { note: name } }),
    },
  },
});

/** As no engine may be written: it says that it writes nothing. */
const wrong = at('wrong', {
  help: 'Makes a lease where none may be.',
  fields: {},
  operations: {
    read: {
      summary: 'Make a lease',
      writes: 'nothing',
      replies: { 200: 'any' },
      run: () => reply.leased({ ttl: 1, maxTtl: 1, renewable: false, internal: {}, data: {} }),
    },
  },
});

const userOf = (internal: Readonly<Record<string, unknown>>): string | undefined =>
  typeof internal['user'] === 'string' ? internal['user'] : undefined;

/** Calls of `revoke` by user: what was undone again and again shows here. */
export const revocations = new Map<string, number>();

/** `mount options`: `folder`. */
export const files: AnyPlugin = plugin<Users>({
  type: 'files',
  help: 'Users that are files.',
  open: (view) => ({ view, folder: view.options['folder'] ?? '' }),
  paths: () => [creds, notes, wrong],
  leases: {
    terms: (users) => {
      if (!has(users, '.terms')) return { ttl: 0, maxTtl: 0 };
      const text = readFileSync(join(users.folder, '.terms'), 'utf8');
      if (text === '') throw fail('badRequest', 'the role is gone');
      return JSON.parse(text) as { ttl: number; maxTtl: number };
    },
    renew: async (users, { internal }, call) => {
      await hanging(users, call);
      const user = userOf(internal);
      if (user === undefined) return undefined;
      if (!has(users, user)) throw fail('badRequest', 'there is no such user');
      writeFileSync(join(users.folder, user), JSON.stringify({ until: call.expiresAt }));
      return { user, renewed: true };
    },
    revoke: async (users, { internal }, call) => {
      const user = userOf(internal);
      if (user === undefined) return;
      revocations.set(user, (revocations.get(user) ?? 0) + 1);
      await hanging(users, call);
      if (has(users, '.refuse')) throw new Error(`DROP USER ${user}: s3cret is wrong`);
      rmSync(join(users.folder, user), { force: true });
    },
  },
});

/** Users that there are outside. */
export const usersIn = (folder: string): readonly string[] =>
  readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .sort();
