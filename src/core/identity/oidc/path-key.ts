/** `identity/oidc/key`: what tokens are signed by. */
import { fail } from '../../../errors.ts';
import { field } from '../../../framework/field.ts';
import { listed, pageFields } from '../../../framework/listing.ts';
import { pathsOf } from '../../../framework/path.ts';
import { reply } from '../../../framework/reply.ts';
import type { Store } from '../../../storage/store.ts';
import type { IdentityMount } from '../asked.ts';
import { DEFAULT_NAME, newPair, rotateKey, writeKey, type NewPair } from './key-changes.ts';
import { NEW_KEY, SIGNING_ALGORITHMS, withPairs, withPeriod, type NamedKey } from './named-key.ts';
import { changeOidc, checkName, namesListing, OidcRecords, type OidcWrites } from './oidc-store.ts';

const at = pathsOf<IdentityMount>();

const fields = {
  rotation_period: field.duration('How often a new pair signs, a minute at least; a day if not given.'),
  verification_ttl: field.duration(
    'How long a pair is published after it has left, ten periods at most; a day if not given.',
  ),
  algorithm: field.string('Of signatures; RS256 if not given.'),
  allowed_client_ids: field.list('Client ids of roles and clients that may sign by it; `*` allows all.'),
} as const;

interface Change {
  readonly rotation_period: number | undefined;
  readonly verification_ttl: number | undefined;
  readonly algorithm: string | undefined;
  readonly allowed_client_ids: readonly string[] | undefined;
}

const SHORTEST_PERIOD = 60;
const MOST_PERIODS = 10;

/** Throws `badRequest`. */
function changed(before: NamedKey, change: Change, now: number): NamedKey {
  const key: NamedKey = {
    ...withPeriod(before, change.rotation_period ?? before.rotationPeriod, now),
    verificationTtl: change.verification_ttl ?? before.verificationTtl,
    algorithm: change.algorithm ?? before.algorithm,
    allowedClientIds: change.allowed_client_ids ?? before.allowedClientIds,
  };
  if (key.rotationPeriod < SHORTEST_PERIOD) throw fail('badRequest', 'rotation_period must be at least one minute');
  if (key.verificationTtl > MOST_PERIODS * key.rotationPeriod) {
    throw fail('badRequest', 'verification_ttl cannot be longer than 10x rotation_period');
  }
  if (!SIGNING_ALGORITHMS.includes(key.algorithm)) {
    throw fail('badRequest', `unknown signing algorithm "${key.algorithm.slice(0, 32)}"`);
  }
  return key;
}

/** A token must not outlive the key that it is checked by. Throws `badRequest`. */
function checkUsers(writes: OidcWrites, name: string, { verificationTtl }: NamedKey): void {
  const message = (users: string): string =>
    `unable to update key "${name}" because it is currently referenced by one or more ${users} greater than ${String(verificationTtl)} seconds`;
  const { length: roles } = writes.namesOf('role', ({ key, ttl }) => key === name && ttl > verificationTtl);
  if (roles > 0) throw fail('badRequest', message('roles with a token ttl'));
  const clients = writes.namesOf('client', ({ key, idTokenTtl }) => key === name && idTokenTtl > verificationTtl);
  if (clients.length > 0) throw fail('badRequest', message('clients with an id_token_ttl'));
}

interface Writing {
  readonly store: Store;
  readonly namespace: string;
  readonly name: string;
  readonly now: number;
}

async function write({ store, namespace, name, now }: Writing, change: Change): Promise<void> {
  const known = new OidcRecords(store, namespace).key(name);
  const planned = changed(known ?? NEW_KEY, change, now);
  // Before the transaction, since it takes a while. The built-in key gets its pairs when something is signed by it.
  const isNew = known === undefined || known.algorithm !== planned.algorithm;
  const pairs = isNew ? ([await newPair(planned.algorithm), await newPair(planned.algorithm)] as const) : undefined;
  await changeOidc(store, namespace, (writes) => {
    const before = writes.key(name);
    const after = changed(before ?? NEW_KEY, change, now);
    if (before !== undefined) checkUsers(writes, name, after);
    const needsPairs = before === undefined || before.algorithm !== after.algorithm;
    writeKey(writes.tx, { namespace, name }, needsPairs ? withPairs(after, fitting(pairs, after), now) : after, [
      ...(needsPairs ? (pairs ?? []) : []),
    ]);
  });
}

/** Throws `conflict` where the key was changed while the pairs were made. */
function fitting(pairs: readonly [NewPair, NewPair] | undefined, { algorithm }: NamedKey) {
  if (pairs?.[0].algorithm === algorithm) return pairs;
  throw fail('conflict', 'the key was changed at the same time: try again');
}

const checkUnused = (name: string, what: string, users: readonly string[]): void => {
  if (users.length === 0) return;
  const why = `it is currently referenced by these ${what}: ${users.join(', ')}`;
  throw fail('badRequest', `unable to delete key "${name}" because ${why}`);
};

const key = at('oidc/key/:name', {
  help: 'A key that tokens are signed by. Its pairs change with time.',
  fields: { name: field.name('Name of the key.'), ...fields },
  exists: ({ services }, { name }, { namespace }) =>
    services.identities.oidc.records(namespace.id).key(name) !== undefined,
  operations: {
    read: {
      summary: 'Read a key',
      writes: 'nothing',
      replies: { 200: fields, 404: 'empty' },
      run: ({ services }, { name }, { namespace }) => {
        const found = services.identities.oidc.records(namespace.id).key(name);
        if (found === undefined) return reply.missing;
        return reply.ok({
          rotation_period: found.rotationPeriod,
          verification_ttl: found.verificationTtl,
          algorithm: found.algorithm,
          allowed_client_ids: found.allowedClientIds,
        });
      },
    },
    update: {
      summary: 'Write a key',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services: { store } }, { name, ...change }, { namespace, now }) => {
        checkName('key', name);
        await write({ store, namespace: namespace.id, name, now }, change);
        return reply.empty;
      },
    },
    delete: {
      summary: 'Delete a key',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, { name }, { namespace }) => {
        if (name === DEFAULT_NAME) throw fail('badRequest', `deletion of key "${DEFAULT_NAME}" not allowed`);
        await changeOidc(services.store, namespace.id, (writes) => {
          checkUnused(
            name,
            'roles',
            writes.namesOf('role', (role) => role.key === name),
          );
          checkUnused(
            name,
            'clients',
            writes.namesOf('client', (client) => client.key === name),
          );
          writeKey(writes.tx, { namespace: namespace.id, name }, undefined);
        });
        return reply.empty;
      },
    },
  },
});

const rotate = at('oidc/key/:name/rotate', {
  help: 'Lets the next pair of a key sign.',
  fields: {
    name: field.name('Name of the key.'),
    verification_ttl: field.duration('How long the pair that leaves is published, in place of what the key says.'),
  },
  operations: {
    update: {
      summary: 'Rotate a key',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, { name, verification_ttl: ttl }, { namespace, now }) => {
        await rotateKey(services.store, { namespace: namespace.id, name }, now, ttl);
        return reply.empty;
      },
    },
  },
});

const names = at('oidc/key', {
  help: 'Names of all keys.',
  fields: pageFields,
  operations: {
    list: {
      summary: 'List keys',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Names.') }, 404: 'empty' },
      run: ({ services }, asked, { namespace }) => listed(namesListing(services.store, namespace.id, 'key'), asked),
    },
  },
});

export const keyPaths = [key, rotate, names];
