/** A region whose disk is full ends, the others go on, and with room again it catches up. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { until } from './fleet.ts';
import { checkSame, openOffline } from './offline.ts';
import { EU, generations, pathsIn, withFleet } from './outage.ts';

const mount = (...args: readonly string[]): boolean => spawnSync('mount', args, { stdio: 'ignore' }).status === 0;
const canMount = process.platform === 'linux' && process.getuid?.() === 0;

if (!canMount) {
  test('a region with a full disk', (t) => {
    t.skip('needs root on Linux, to mount a small tmpfs');
  });
} else {
  withFleet('a region with a full disk ends; with room again it lacks nothing', async (fleet) => {
    const disk = join(fleet.root, 'small');
    mkdirSync(disk, { mode: 0o700 });
    assert.ok(mount('-t', 'tmpfs', '-o', 'size=3m,mode=0700', 'tmpfs', disk), 'no tmpfs could be mounted');
    try {
      const data = join(disk, 'eu');
      await fleet.startRegion({ ...EU, data });
      const paths = pathsIn('eu', 4);
      const hub = fleet.caller('hub');
      const eu = fleet.child('eu');
      let generation = 0;
      // Incompressible or not, LMDB keeps it as it is; each goes into data and log.
      await until('the disk to be full and the region to have ended', async () => {
        if (eu?.running !== true) return true;
        generation += 1;
        for (const path of paths) {
          const written = await hub.ask('POST', `secret/data/${path}`, {
            data: { generation, filler: 'x'.repeat(40_000) },
          });
          assert.equal(written.status, 200, 'the hub does not depend on a region’s disk');
        }
        return undefined;
      });
      assert.ok(generation > 2, `the region ended after ${String(generation)} generations`);
      assert.ok(mount('-o', 'remount,size=256m', disk));
      await fleet.start('eu');
      await fleet.connected('eu');
      await fleet.arrived();
      assert.deepEqual(
        await generations(fleet, 'eu', paths),
        paths.map(() => generation),
      );
      await fleet.kill('eu');
      await fleet.kill('hub');
      await using stored = await openOffline(fleet.dataOf('hub'), fleet.keyOf('hub'));
      await using region = await openOffline(data, fleet.keyOf('eu'));
      checkSame(stored.store, region.store, 'eu/');
    } finally {
      await fleet.kill('eu');
      spawnSync('umount', ['-l', disk], { stdio: 'ignore' });
    }
  });
}
