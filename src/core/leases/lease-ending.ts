/** Many leases ended at once: those below a prefix, of a mount, of a namespace. In pages, so that others are served meanwhile. */
import { fail } from '../../errors.ts';
import { nextTurn } from '../../lib/next-turn.ts';
import type { Store } from '../../storage/store.ts';
import { keys as keysOf } from '../keys.ts';
import type { Mounted } from '../mounts/mount-table.ts';
import type { Revocation } from '../tokens/revocation.ts';
import { leasesBelow } from './lease-lists.ts';
import { readLease } from './lease-records.ts';
import type { Leases } from './leases.ts';
import { tokensBelow } from './token-leases.ts';

const PAGE = 200;
/** Tries at a time, of all that one request asks for. */
const AT_ONCE = 16;
const ROUNDS = 3;

export interface EndingServices {
  readonly store: Store;
  readonly leases: Leases;
  readonly revocation: Revocation;
  readonly now: () => number;
}

export interface Below {
  /** The id of the namespace. */
  readonly namespace: string;
  readonly prefix: string;
  /** Of this mount alone. */
  readonly mount?: string;
}

/** `queue`: engines take them back in the background. `wait`: until they have. `forget`: where they cannot, forget it. */
export type How = 'queue' | 'wait' | 'forget';

/** Ends all leases below the prefix, and all tokens. Rejects, once all was tried, when some could not be revoked. */
export async function endBelow(services: EndingServices, below: Below, how: How): Promise<void> {
  const failures = await endLeases(services, below, how);
  if (below.mount === undefined) await endTokens(services, below);
  const [first] = failures;
  if (first === undefined) return;
  throw fail(
    'internal',
    `failed to revoke ${String(failures.length)} of the leases below "${below.prefix}": ${first}. They are tried again in ` +
      'the background; sys/leases/revoke-force forgets them',
  );
}

async function endTokens({ store, revocation, now }: EndingServices, below: Below): Promise<void> {
  for await (const page of tokensBelow(store, { ...below, now: now() })) {
    const keys = page.map(({ key }) => key);
    await inParts(keys, (key) => revocation.revoke(key));
  }
}

/** Why each of those failed that did. */
async function endLeases(services: EndingServices, below: Below, how: How): Promise<readonly string[]> {
  const failures: string[] = [];
  for (let after: string | undefined; ;) {
    const { page, mine } = pageOf(services, below, after);
    await inParts(mine, async (key) => {
      const failure = await endOne(services.leases, key, how);
      if (failure !== undefined) failures.push(failure);
    });
    if (page.length < PAGE) return failures;
    after = page.at(-1)?.at;
    await nextTurn();
  }
}

function pageOf({ store }: EndingServices, below: Below, after: string | undefined) {
  using snapshot = store.snapshot();
  const page = leasesBelow(snapshot, below, { limit: PAGE, ...(after === undefined ? {} : { after }) });
  const { mount } = below;
  const mine = mount === undefined ? page : page.filter(({ key }) => readLease(snapshot, key)?.mount === mount);
  return { page, mine: mine.map(({ key }) => key) };
}

async function endOne(leases: Leases, key: string, how: How): Promise<string | undefined> {
  if (how === 'queue') {
    await leases.end(key);
    return undefined;
  }
  const failure = await leases.attempt(key, 'tried');
  if (failure === undefined || how === 'wait') return failure;
  await leases.forget(key);
  return undefined;
}

async function inParts(keys: readonly string[], work: (key: string) => Promise<void>): Promise<void> {
  const left = [...keys];
  const worker = async (): Promise<void> => {
    for (let key = left.pop(); key !== undefined; key = left.pop()) await work(key);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** All leases of a mount, before it is moved or disabled: it makes no new ones while the result is held. */
export async function emptyMount(services: EndingServices, mounted: Mounted): Promise<Disposable> {
  return emptied(services, mounted.record.uuid, {
    ...{ namespace: mounted.namespace, mount: mounted.record.uuid, prefix: mounted.path },
  });
}

/** All leases of a namespace, as for a mount. */
export async function emptyNamespace(services: EndingServices, namespace: string): Promise<Disposable> {
  return emptied(services, namespace, { namespace, prefix: '' });
}

async function emptyOnce(services: EndingServices, below: Below): Promise<void> {
  const [first, ...others] = await endLeases(services, below, 'wait');
  if (first === undefined) return;
  throw fail(
    'badRequest',
    `${String(others.length + 1)} of its leases cannot be revoked: ${first}. Mend that, or forget them first: ` +
      `sys/leases/revoke-force/${below.prefix}`,
  );
}

function hasLeases({ store, leases }: EndingServices, { namespace, mount }: Below): boolean {
  if (mount !== undefined) return leases.count(namespace, mount).all > 0;
  using snapshot = store.snapshot();
  return snapshot.list(keysOf.leases(namespace), { limit: 1 }).length > 0;
}

async function emptied(services: EndingServices, closing: string, below: Below): Promise<Disposable> {
  const closed = services.leases.close(closing);
  try {
    // Once more where one was granted just before: it shows only now.
    for (let round = 0; round < ROUNDS && hasLeases(services, below); round += 1) await emptyOnce(services, below);
    return closed;
  } catch (error) {
    closed[Symbol.dispose]();
    throw error;
  }
}
