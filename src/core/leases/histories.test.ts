/**
 * Random histories of leases against a simple model: who has what until when. Whatever was asked, failed, ended and restarted
 * in between, once all is settled the users outside are those of the live leases, and no more is kept of the others.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LeaseWorld } from '../../../test/support/lease-world.ts';

interface Modelled {
  readonly id: string;
  readonly user: string;
  readonly owner: number;
  expiresAt: number;
  readonly issuedAt: number;
  gone: boolean;
}

const MAX_TTL = 3_600;
const HOUR = 3_600_000;

const action = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('grant' as const),
      who: fc.nat(3),
      ttl: fc.integer({ min: 1, max: 2 * MAX_TTL }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('renew' as const),
      at: fc.nat(20),
      by: fc.integer({ min: 0, max: 2 * MAX_TTL }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('revoke' as const), at: fc.nat(20), sync: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('prefix' as const), who: fc.nat(3), sync: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('endToken' as const), who: fc.nat(3) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 1_800 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('world' as const),
      how: fc.constantFrom('.refuse', '.half', '.closed'),
      on: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
);
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;

/** What is refused moves and is due again at once: whoever waited for the first try waited for ever. */
const MADE_DUE_AGAIN: Action[] = [
  { do: 'grant', who: 1, ttl: 3_330 },
  { do: 'world', how: '.refuse', on: true },
  { do: 'prefix', who: 1, sync: false },
  { do: 'wait', seconds: 1_227 },
];

class History {
  readonly #world: LeaseWorld;
  readonly #leases: Modelled[] = [];
  readonly #tokens = new Map<number, string>();

  constructor(world: LeaseWorld) {
    this.#world = world;
  }

  async #token(who: number): Promise<string> {
    const known = this.#tokens.get(who);
    if (known !== undefined) return known;
    const made = await this.#world.token({ policies: ['root'], no_parent: true });
    this.#tokens.set(who, made);
    return made;
  }

  async apply(each: Action): Promise<void> {
    const world = this.#world;
    switch (each.do) {
      case 'grant':
        return this.#grant(each.who, each.ttl);
      case 'renew':
        return this.#renew(this.#leases[each.at % Math.max(1, this.#leases.length)], each.by);
      case 'revoke': {
        const lease = this.#leases[each.at % Math.max(1, this.#leases.length)];
        if (lease === undefined) return;
        const body = { lease_id: lease.id, sync: each.sync };
        const { status } = await world.ask('POST', 'sys/leases/revoke', { body });
        assert.ok((each.sync ? [204, 500] : [202]).includes(status), String(status));
        lease.gone = true;
        return;
      }
      case 'prefix': {
        const { status } = await world.ask('POST', `sys/leases/revoke-prefix/db/creds/w${String(each.who)}`, {
          body: { sync: each.sync },
        });
        assert.ok((each.sync ? [204, 500] : [202]).includes(status), String(status));
        return this.#end((lease) => lease.owner === each.who);
      }
      case 'endToken':
        await world.must('POST', 'auth/token/revoke', { body: { token: await this.#token(each.who) } });
        this.#tokens.delete(each.who);
        return this.#end((lease) => lease.owner === each.who);
      case 'wait':
        world.now += each.seconds * 1_000;
        return world.settle();
      case 'world':
        return world.behave(each.how, each.on);
      case 'restart':
        return world.restart();
    }
  }

  async #grant(who: number, ttl: number): Promise<void> {
    const world = this.#world;
    const query = { ttl: String(ttl) };
    const made = await world.ask('GET', `db/creds/w${String(who)}`, { token: await this.#token(who), query });
    if (made.status !== 200) {
      assert.ok([400, 500].includes(made.status), String(made.status));
      return;
    }
    assert.equal(made.leaseDuration, Math.min(ttl, MAX_TTL));
    const expiresAt = world.now + made.leaseDuration * 1_000;
    const user = String(made.reply?.data?.['user']);
    this.#leases.push({ id: made.leaseId, user, owner: who, expiresAt, issuedAt: world.now, gone: false });
  }

  #lives = (lease: Modelled): boolean => !lease.gone && lease.expiresAt > this.#world.now;

  async #renew(lease: Modelled | undefined, by: number): Promise<void> {
    if (lease === undefined) return;
    const world = this.#world;
    const left = Math.floor((lease.issuedAt + MAX_TTL * 1_000 - world.now) / 1_000);
    const { status, leaseDuration } = await world.ask('POST', 'sys/leases/renew', {
      body: { lease_id: lease.id, increment: by },
    });
    assert.equal(status, this.#lives(lease) && left > 0 ? 200 : 400);
    if (status === 200) {
      assert.equal(leaseDuration, Math.min(by === 0 ? MAX_TTL : Math.min(by, MAX_TTL), left));
      lease.expiresAt = world.now + leaseDuration * 1_000;
    }
  }

  #end(which: (lease: Modelled) => boolean): void {
    for (const lease of this.#leases) lease.gone ||= which(lease);
  }

  /** Also while the world refuses: who lives is known, and nothing that lives is missing outside. */
  async assertNow(): Promise<void> {
    const world = this.#world;
    world.assertWhole();
    const there = new Set(world.users());
    for (const lease of this.#leases.filter(this.#lives)) {
      assert.ok(there.has(lease.user), `${lease.id} lives, and its user is gone`);
      assert.equal(
        (await world.look(lease.id)).reply?.data?.['ttl'],
        Math.round((lease.expiresAt - world.now) / 1_000),
      );
    }
  }

  /** What ended is over at once, whether or not the world has taken it back yet. */
  async assertEnded(): Promise<void> {
    for (const { id, gone } of this.#leases) {
      if (!gone) continue;
      const { status, reply } = await this.#world.look(id);
      assert.ok(status === 400 || reply?.data?.['ttl'] === 0, `${id} was ended, and lives`);
    }
  }

  async assertSettled(): Promise<void> {
    const world = this.#world;
    for (const how of ['.refuse', '.half', '.closed']) world.behave(how, false);
    // Whatever was cut off or left to people is tried again in this time.
    for (let days = 0; days < 3; days += 1) {
      world.now += 24 * HOUR;
      await world.settle();
    }
    assert.deepEqual([world.users(), world.leases()], [[], []]);
    world.assertWhole();
  }
}

test('in any history the users outside are those of the live leases, once all is settled', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
      const world = await LeaseWorld.open(undefined);
      try {
        await world.must('POST', 'sys/mounts/db/tune', { body: { default_lease_ttl: '1h', max_lease_ttl: '1h' } });
        const history = new History(world);
        for (const each of actions) {
          await history.apply(each);
          await history.assertNow();
          await history.assertEnded();
        }
        await history.assertSettled();
      } finally {
        await world.close();
      }
    }),
    { numRuns: 60, examples: [[MADE_DUE_AGAIN]] },
  );
});
