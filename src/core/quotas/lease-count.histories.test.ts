/**
 * Random histories of leases and tokens under lease count quotas, against a model that counts anew each time: what is refused,
 * what is granted, and what each quota says that there is.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LeaseWorld } from '../../../test/support/lease-world.ts';

/** By what made it, from the root namespace on. */
interface Made {
  readonly path: string;
  readonly mount: string;
  readonly namespace: string;
  readonly role: string;
}

interface Limit {
  readonly path: string;
  readonly role: string;
  readonly inheritable: boolean;
  readonly max: number;
}

const PLACES = [
  { path: '', role: '' },
  { path: 'db/', role: '' },
  { path: 'db/creds/w0', role: '' },
  { path: 'db/creds/w*', role: '' },
  { path: 'auth/approle/', role: '' },
  { path: 'auth/approle/', role: 'r0' },
  { path: 'auth/token/', role: '' },
  { path: 'n/', role: '' },
  { path: 'n/db/', role: '' },
] as const;

const action = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('grant' as const),
      namespace: fc.constantFrom('', 'n/', 'n/m/'),
      who: fc.nat(2),
      ttl: fc.integer({ min: 1, max: 3_600 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('login' as const), role: fc.constantFrom('r0', 'r1'), batch: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('create' as const), root: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('revoke' as const), at: fc.nat(20) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 1_800 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('refuse' as const), on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('limit' as const),
      place: fc.nat(PLACES.length - 1),
      inheritable: fc.boolean(),
      max: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('unlimit' as const), place: fc.nat(PLACES.length - 1) }),
  },
);
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;

/** What a reader of the documentation would say: the role's, the path's own, else the longest that it begins with. */
function limitOf(limits: ReadonlyMap<string, Limit>, made: Made): string | undefined {
  let found: readonly [rank: number, name: string] | undefined;
  for (const [name, limit] of limits) {
    const rank = rankOf(limit, made);
    if (rank > 0 && (found === undefined || rank > found[0])) found = [rank, name];
  }
  return found?.[1];
}

function rankOf({ path, role, inheritable }: Limit, made: Made): number {
  if (role !== '') return path === made.mount && role === made.role ? 10_000 : 0;
  if (path === made.path) return 5_000;
  if (path === 'n/' && made.namespace !== path && !inheritable) return 0;
  const begin = /^(.*)\*$/.exec(path)?.[1] ?? path;
  return made.path.startsWith(begin) && /(?:^|[/*])$/.test(path) ? 1 + begin.length : 0;
}

class History {
  readonly #world: LeaseWorld;
  readonly #limits = new Map<string, Limit>();
  readonly #roleIds = new Map<string, string>();
  /** All that was ever made, for ends by number. */
  readonly #ends: (() => Promise<unknown>)[] = [];

  constructor(world: LeaseWorld) {
    this.#world = world;
  }

  async begin(): Promise<void> {
    const world = this.#world;
    for (const path of ['sys/namespaces/n', 'n/sys/namespaces/m']) await world.must('POST', path);
    const options = { folder: world.folder };
    for (const namespace of ['n', 'n/m']) {
      await world.must('POST', `${namespace}/sys/mounts/db`, { body: { type: 'files', options } });
    }
    await world.must('POST', 'sys/auth/approle', { body: { type: 'approle' } });
    for (const role of ['r0', 'r1']) {
      const body = { bind_secret_id: false, secret_id_bound_cidrs: '127.0.0.1/32', token_ttl: '20m' };
      await world.must('POST', `auth/approle/role/${role}`, { body });
      const read = await world.must('GET', `auth/approle/role/${role}/role-id`);
      this.#roleIds.set(role, String(read.reply?.data?.['role_id']));
    }
  }

  /** What there is now, as the records say. */
  #there(): readonly Made[] {
    const { node } = this.#world;
    const pathOf = (id: string): string => (id === 'root' ? '' : (node.services.namespaces.byId(id)?.path ?? '?'));
    const leases = this.#world.leases().map(({ namespace: id, path }) => {
      const namespace = pathOf(id);
      return { path: namespace + path, mount: `${namespace}db/`, namespace, role: '' };
    });
    return [...leases, ...this.#world.tokens().flatMap(madeOf)];
  }

  #isFull(made: Made): boolean {
    const name = limitOf(this.#limits, made);
    if (name === undefined) return false;
    const there = this.#there().filter((each) => limitOf(this.#limits, each) === name);
    return there.length >= (this.#limits.get(name)?.max ?? 0);
  }

  async apply(each: Action): Promise<unknown> {
    const world = this.#world;
    switch (each.do) {
      case 'grant':
        return this.#grant(each);
      case 'login':
        return this.#login(each);
      case 'create':
        return this.#create(each.root);
      case 'revoke':
        return this.#ends[each.at % Math.max(1, this.#ends.length)]?.();
      case 'wait':
        world.now += each.seconds * 1_000;
        return world.settle();
      case 'refuse':
        return world.behave('.refuse', each.on);
      case 'restart':
        return world.restart();
      case 'limit':
        return this.#limit(each);
      case 'unlimit': {
        const name = `q${String(each.place)}`;
        this.#limits.delete(name);
        return world.must('DELETE', `sys/quotas/lease-count/${name}`);
      }
    }
  }

  async #limit({ place, inheritable, max }: Extract<Action, { do: 'limit' }>): Promise<void> {
    const at = PLACES[place] ?? PLACES[0];
    const limit = { ...at, inheritable: at.path === 'n/' && inheritable, max };
    this.#limits.set(`q${String(place)}`, limit);
    const { path, role } = limit;
    await this.#world.must('POST', `sys/quotas/lease-count/q${String(place)}`, {
      body: { path, role, inheritable: limit.inheritable, max_leases: max },
    });
  }

  async #grant({ namespace, who, ttl }: Extract<Action, { do: 'grant' }>): Promise<void> {
    const world = this.#world;
    const path = `${namespace}db/creds/w${String(who)}`;
    const full = this.#isFull({ path, mount: `${namespace}db/`, namespace, role: '' });
    const users = world.users().length;
    const { status, leaseId, errors } = await world.ask('GET', path, { query: { ttl: String(ttl) } });
    assert.equal(status, full ? 429 : 200, String(errors));
    assert.equal(world.users().length, full ? users : users + 1, 'nothing is made for what is refused');
    if (full) return;
    this.#ends.push(() =>
      world.ask('POST', `${namespace}sys/leases/revoke`, { body: { lease_id: leaseId, sync: true } }),
    );
  }

  async #login({ role, batch }: Extract<Action, { do: 'login' }>): Promise<void> {
    const world = this.#world;
    const token_type = batch ? 'batch' : 'service';
    await world.must('POST', `auth/approle/role/${role}`, { body: { token_type } });
    const full = this.#isFull({ path: 'auth/approle/login', mount: 'auth/approle/', namespace: '', role });
    const body = { role_id: this.#roleIds.get(role) ?? '' };
    const { status, auth, errors } = await world.ask('POST', 'auth/approle/login', { token: '', body });
    assert.equal(status, full ? 429 : 200, String(errors));
    if (status === 200) this.#endsToken(String(auth?.['client_token']));
  }

  async #create(root: boolean): Promise<void> {
    const full = !root && this.#isFull({ path: 'auth/token/create', mount: 'auth/token/', namespace: '', role: '' });
    const body = { policies: [root ? 'root' : 'default'], ttl: '20m', no_parent: true };
    const { status, auth, errors } = await this.#world.ask('POST', 'auth/token/create', { body });
    assert.equal(status, full ? 429 : 200, String(errors));
    if (status === 200) this.#endsToken(String(auth?.['client_token']));
  }

  #endsToken(token: string): void {
    this.#ends.push(() => this.#world.ask('POST', 'auth/token/revoke', { body: { token } }));
  }

  async assertNow(): Promise<void> {
    const world = this.#world;
    world.assertWhole();
    const there = this.#there();
    for (const [name, { max }] of this.#limits) {
      const { reply } = await world.must('GET', `sys/quotas/lease-count/${name}`);
      const counter = there.filter((each) => limitOf(this.#limits, each) === name).length;
      assert.partialDeepStrictEqual(reply?.data, { max_leases: max, counter }, name);
    }
  }
}

/** Tokens that are counted, by whom the record says that it was made. */
function madeOf({ path, policies, meta }: ReturnType<LeaseWorld['tokens']>[number]): readonly Made[] {
  if (policies.includes('root')) return [];
  const mount = path.startsWith('auth/approle/') ? 'auth/approle/' : 'auth/token/';
  return [{ path, mount, namespace: '', role: meta?.['role_name'] ?? '' }];
}

test('in any history what is refused, granted and counted is what a recount says', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
      const world = await LeaseWorld.open(undefined);
      try {
        const history = new History(world);
        await history.begin();
        for (const each of actions) {
          await history.apply(each);
          await history.assertNow();
        }
      } finally {
        await world.close();
      }
    }),
    { numRuns: 60 },
  );
});
