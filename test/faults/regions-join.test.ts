/** A region that is killed while it joins, and while what it may hold changes: it is in or out, never half. */
import assert from 'node:assert/strict';
import { keys } from '../../src/core/keys.ts';
import type { Store } from '../../src/storage/store.ts';
import { until, type Fleet } from './fleet.ts';
import { cursorOf, openOffline } from './offline.ts';
import { EU, endsAt, generations, pathsIn, withFleet, writeSet } from './outage.ts';

const all = (paths: readonly string[], generation: number): readonly number[] => paths.map(() => generation);

const JOINING = ['region.after-key-kept', 'region.after-certificate-received', 'region.after-certificate-kept'];
const LOADING = [
  'region.before-stage',
  'region.after-stage',
  'region.before-stage-commit',
  'region.after-stage-commit',
];

function keysBelow(store: Store, prefix: string): readonly string[] {
  using snapshot = store.snapshot();
  return [...snapshot.list(prefix, { limit: 1_000 })];
}

async function unblocked(fleet: Fleet): Promise<void> {
  const { data } = await fleet.caller('hub').ask('GET', 'sys/regions/eu');
  assert.equal(data['blocked'], null);
}

withFleet('a region that is killed at each step of joining and of its first load joins all the same', async (fleet) => {
  const paths = pathsIn('eu', 5);
  await writeSet(fleet, paths, 1);
  await fleet.startRegion(EU, { joined: false });
  await fleet.kill('eu');
  await fleet.giveJoinToken(EU);
  for (const point of [...JOINING, ...LOADING]) {
    await endsAt(fleet, 'eu', `${point}=kill`);
    if (point === 'region.after-stage-commit') break;
    await using region = await openOffline(fleet.dataOf('eu'), fleet.keyOf('eu'));
    assert.equal(cursorOf(region.store), undefined, `${point}: a cursor without its copy`);
    assert.deepEqual(keysBelow(region.store, 's/'), [], `${point}: a copy without its cursor`);
  }
  await fleet.start('eu');
  await fleet.connected('eu');
  await fleet.arrived();
  assert.deepEqual(await generations(fleet, 'eu', paths), all(paths, 1));
  await unblocked(fleet);
});

withFleet(
  'a hub that is killed as it issues a certificate, and before it tells, has the region join again',
  async (fleet) => {
    await fleet.startRegion(EU, { joined: false });
    await fleet.giveJoinToken(EU);
    await fleet.kill('hub');
    await fleet.start('hub', 'hub.after-enrolment=kill');
    const hub = fleet.child('hub');
    await until('the hub to end', async () => (hub?.running === true ? undefined : true));
    await fleet.start('hub');
    await fleet.connected('eu');
    await unblocked(fleet);
  },
);

const rules = async (fleet: Fleet, paths: readonly string[]): Promise<void> => {
  const answer = await fleet.caller('hub').ask('PATCH', 'sys/regions/eu', { paths });
  assert.equal(answer.status, 204, answer.errors.join());
};

withFleet(
  'a rule that changes while the region is down, and kills while it is carried out, leave no half of it',
  async (fleet) => {
    const [own, lent] = [pathsIn('eu', 5), pathsIn('lent', 5)];
    await fleet.startRegion({ ...EU, paths: ['secret/eu/'] });
    await writeSet(fleet, own, 1);
    await fleet.arrived(await writeSet(fleet, lent, 1));
    assert.deepEqual(await generations(fleet, 'eu', lent), all(lent, 0));
    for (const point of LOADING) {
      await fleet.kill('eu');
      await rules(fleet, ['secret/eu/', 'secret/lent/']);
      await endsAt(fleet, 'eu', `${point}=kill`);
      fleet.link('eu').down();
      await fleet.start('eu');
      const entered = point === 'region.after-stage-commit' ? 1 : 0;
      assert.deepEqual(await generations(fleet, 'eu', lent), all(lent, entered), `${point}: half of a wider rule`);
      fleet.link('eu').up();
      await fleet.connected('eu');
      await fleet.arrived();
      assert.deepEqual(await generations(fleet, 'eu', lent), all(lent, 1));
      await fleet.kill('eu');
      await rules(fleet, ['secret/eu/']);
      for (const narrow of ['region.before-narrow', 'region.after-narrow']) {
        await endsAt(fleet, 'eu', `${narrow}=kill`);
        if (narrow === 'region.before-narrow') continue;
        fleet.link('eu').down();
        await fleet.start('eu');
        assert.deepEqual(await generations(fleet, 'eu', lent), all(lent, 0), 'what left the view is still shown');
        assert.deepEqual(await generations(fleet, 'eu', own), all(own, 1));
        fleet.link('eu').up();
        await fleet.connected('eu');
        await fleet.arrived();
      }
    }
    await fleet.kill('eu');
    await using region = await openOffline(fleet.dataOf('eu'), fleet.keyOf('eu'));
    const lentKeys = keysBelow(region.store, 's/').filter((key) => key.includes('lent'));
    assert.deepEqual(lentKeys, []);
    assert.deepEqual(keysBelow(region.store, keys.hubStage), [], 'left in the staging area');
  },
);
