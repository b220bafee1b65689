/** `sys/leases/…`: leases looked up, renewed, revoked. Tokens are leases too, as in Vault. */
import { endBelow, type How } from '../core/leases/lease-ending.ts';
import { leaseNames } from '../core/leases/lease-lists.ts';
import { describeLease } from '../core/leases/lease.ts';
import { describeTokenLease, tokenNames, tokenOfLease } from '../core/leases/token-leases.ts';
import type { Node } from '../core/node.ts';
import type { Services } from '../core/services.ts';
import { fail } from '../errors.ts';
import type { Call } from '../framework/call.ts';
import { field } from '../framework/field.ts';
import { MOST_NAMES, namesOf, pageFields, type Asked } from '../framework/listing.ts';
import { pathsOf } from '../framework/path.ts';
import { reply, type Reply } from '../framework/reply.ts';

const at = pathsOf<Node>();

const leaseId = field.string('The id of the lease.');
const increment = field.duration('By how much; the limits of the lease hold.', { default: 0 });
const sync = field.boolean('Wait until it is done. Said to be false, the reply is 202.');
const revoked = { 202: 'empty', 204: 'empty' } as const;
/** As Vault: only who says that it is not to wait hears that it has not. */
const answerOf = (wait: boolean | undefined): Reply => (wait === false ? { status: 202 } : reply.empty);
const prefix = field.name('Beginning of lease ids, such as database/creds/readonly.');

/** Each is a record to read. */
const NAMES_AT_ONCE = 200;

function given(...ids: readonly (string | undefined)[]): string {
  const id = ids.find((each) => each !== undefined && each !== '');
  if (id === undefined) throw fail('badRequest', 'lease_id must be specified');
  return id;
}

function look({ namespaces, leases, tokens, now }: Services, id: string, { namespace }: Call): Reply {
  const path = namespaces.byId(namespace.id)?.path ?? '';
  // As OpenBao, which names no root namespace.
  const where = path === '' ? {} : { namespace_path: path };
  const lease = leases.find(namespace.id, id);
  if (lease !== undefined) return reply.ok({ ...describeLease(lease, now()), ...where });
  const token = tokenOfLease(tokens, namespace.id, id);
  if (token === undefined) throw fail('badRequest', 'invalid lease');
  return reply.ok({ ...describeTokenLease(token, now()), ...where });
}

async function names({ services }: Node, below: string, asked: Asked, { namespace }: Call): Promise<Reply> {
  const { store, leases, now } = services;
  const folder = {
    store,
    namespace: namespace.id,
    prefix: below,
    keyOf: (id: string) => leases.keyOf(namespace.id, id),
  };
  const own = await namesOf({ read: (page) => leaseNames(folder, page), atOnce: NAMES_AT_ONCE }, asked);
  const left = asked.limit > 0 ? asked.limit - own.length : MOST_NAMES - own.length;
  const listed =
    left > 0 ? await tokenNames(store, { namespace: namespace.id, prefix: below, now: now() }, MOST_NAMES) : [];
  // Engines mount nothing below `auth/`, so no name comes twice.
  const others = listed.filter((name) => name > asked.after).slice(0, asked.limit > 0 ? left : undefined);
  if (asked.limit <= 0 && others.length > left) {
    throw fail(
      'badRequest',
      `there are more than the ${String(MOST_NAMES)} names that one reply holds: use limit and after`,
    );
  }
  return reply.keys([...own, ...others]);
}

const list = { 200: { keys: field.list('Folders, and the last parts of lease ids.') }, 404: 'empty' } as const;

const lookup = at('leases/lookup', {
  help: 'What is known of a lease.',
  namespaces: true,
  fields: { lease_id: leaseId },
  operations: {
    update: {
      summary: 'Look a lease up',
      writes: 'nothing',
      replies: {
        200: {
          id: field.string('The lease.'),
          path: field.string('The path that made it.'),
          issue_time: field.time('When it was made.'),
          expire_time: field.time('When it ends.'),
          last_renewal: field.time('When it was renewed.'),
          renewable: field.boolean('Whether it can be renewed.'),
          ttl: field.integer('Seconds left.'),
          namespace_path: field.string('Where it lies, outside of the root namespace.'),
          revoke_error: field.string('Why it could not be revoked.'),
        },
      },
      run: ({ services }, values, call) => look(services, given(values.lease_id), call),
    },
    list: {
      summary: 'List leases',
      writes: 'nothing',
      sudo: true,
      replies: list,
      run: (node, _values, call) => names(node, '', { after: '', limit: 0 }, call),
    },
  },
});

const below = at('leases/lookup/:prefix...', {
  help: 'Leases below a prefix, one level of them.',
  namespaces: true,
  access: 'root',
  fields: { ...pageFields, prefix },
  operations: {
    list: {
      summary: 'List leases below a prefix',
      writes: 'nothing',
      replies: list,
      run: (node, asked, call) => names(node, asked.prefix, asked, call),
    },
  },
});

async function renew({ services }: Node, id: string, by: number, call: Call): Promise<Reply> {
  if (tokenOfLease(services.tokens, call.namespace.id, id) !== undefined) {
    throw fail('badRequest', 'tokens cannot be renewed through this endpoint: use auth/token/renew');
  }
  const { duration, renewable, warnings } = await services.leases.renew(call.namespace.id, id, by, call);
  return { status: 200, renewed: { id, duration, renewable }, warnings };
}

const renewReplies = { 200: 'empty' } as const;

const renewOne = at('leases/renew', {
  help: 'Gives a lease more time.',
  namespaces: true,
  fields: { lease_id: leaseId, url_lease_id: leaseId, increment },
  operations: {
    update: {
      summary: 'Renew a lease',
      writes: 'local',
      replies: renewReplies,
      run: (node, values, call) => renew(node, given(values.lease_id, values.url_lease_id), values.increment, call),
    },
  },
});

const renewByPath = at('leases/renew/:url_lease_id...', {
  help: 'Gives a lease more time.',
  namespaces: true,
  fields: { lease_id: leaseId, url_lease_id: field.name('The id of the lease.'), increment },
  operations: {
    update: {
      summary: 'Renew a lease',
      writes: 'local',
      replies: renewReplies,
      run: (node, values, call) => renew(node, given(values.url_lease_id, values.lease_id), values.increment, call),
    },
  },
});

async function revoke({ services }: Node, id: string, wait: boolean | undefined, { namespace }: Call): Promise<Reply> {
  const { leases, leaseExpiry, revocation, tokens } = services;
  const token = tokenOfLease(tokens, namespace.id, id);
  if (token !== undefined) {
    await revocation.revoke(token.key);
    return answerOf(wait);
  }
  const key = leases.keyOf(namespace.id, id);
  // As Vault: of what is not there nothing is left to revoke.
  if (leases.find(namespace.id, id) === undefined) return answerOf(wait);
  if (wait !== true) {
    await leases.end(key);
    leaseExpiry.tick();
    return answerOf(wait);
  }
  const failure = await leases.attempt(key, 'tried');
  if (failure === undefined) return reply.empty;
  throw fail('internal', `failed to revoke "${id}": ${failure}. It is tried again in the background`);
}

const revokeOne = at('leases/revoke', {
  help: 'Ends a lease: its engine takes back what it gave.',
  namespaces: true,
  fields: { lease_id: leaseId, url_lease_id: leaseId, sync },
  operations: {
    update: {
      summary: 'Revoke a lease',
      writes: 'local',
      replies: revoked,
      run: (node, values, call) => revoke(node, given(values.lease_id, values.url_lease_id), values.sync, call),
    },
  },
});

const revokeByPath = at('leases/revoke/:url_lease_id...', {
  help: 'Ends a lease: its engine takes back what it gave.',
  namespaces: true,
  fields: { lease_id: leaseId, url_lease_id: field.name('The id of the lease.'), sync },
  operations: {
    update: {
      summary: 'Revoke a lease',
      writes: 'local',
      replies: revoked,
      run: (node, values, call) => revoke(node, given(values.url_lease_id, values.lease_id), values.sync, call),
    },
  },
});

async function revokeBelow({ services }: Node, asked: string, how: How, { namespace }: Call): Promise<Reply> {
  const { leases, leaseExpiry } = services;
  if (asked.replaceAll('/', '') === '') throw fail('badRequest', 'prefix must be specified');
  const start = performance.now();
  // A whole id is a prefix as well.
  if (leases.find(namespace.id, asked) !== undefined) await endOneOf(services, leases.keyOf(namespace.id, asked), how);
  await endBelow(services, { namespace: namespace.id, prefix: asked }, how);
  if (how === 'queue') leaseExpiry.tick();
  leases.meter[how === 'forget' ? 'revokeForce' : 'revokePrefix'].record(start, performance.now());
  return reply.empty;
}

async function endOneOf({ leases }: Services, key: string, how: How): Promise<void> {
  if (how === 'queue') await leases.end(key);
  else if ((await leases.attempt(key, 'tried')) !== undefined && how === 'forget') await leases.forget(key);
}

const revokePrefix = at('leases/revoke-prefix/:prefix...', {
  help: 'Ends all leases below a prefix, and all tokens that were made below it.',
  namespaces: true,
  access: 'root',
  fields: { prefix, sync },
  operations: {
    update: {
      summary: 'Revoke leases by prefix',
      writes: 'local',
      replies: revoked,
      run: async (node, { prefix: below, sync: wait }, call) => {
        await revokeBelow(node, below, wait === true ? 'wait' : 'queue', call);
        return answerOf(wait);
      },
    },
  },
});

const revokeForce = at('leases/revoke-force/:prefix...', {
  help: 'As revoke-prefix, but forgets what cannot be revoked.',
  description: 'What is forgotten may still work outside: it is for an engine whose outside world is gone.',
  namespaces: true,
  access: 'root',
  fields: { prefix },
  operations: {
    update: {
      summary: 'Revoke leases by prefix, whatever the engine says',
      writes: 'local',
      replies: { 204: 'empty' },
      run: (node, values, call) => revokeBelow(node, values.prefix, 'forget', call),
    },
  },
});

const tidy = at('leases/tidy', {
  help: 'Begins at once with what is due.',
  namespaces: true,
  fields: {},
  operations: {
    update: {
      summary: 'Tidy leases',
      writes: 'local',
      replies: { 202: 'empty' },
      run: ({ services }) => {
        services.leaseExpiry.tick();
        const warnings = ['Tidy operation successfully started: what is due is being revoked in the background.'];
        return { status: 202, warnings };
      },
    },
  },
});

export const leasePaths = [
  lookup,
  below,
  renewOne,
  renewByPath,
  revokeOne,
  revokeByPath,
  revokePrefix,
  revokeForce,
  tidy,
];
