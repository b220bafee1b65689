/** KV version 1: one value a path. Nothing tells which side wrote last, so what differs is never overwritten unasked. */
import { equal } from './fingerprint.ts';
import type { KvSecret } from './kv-tree.ts';
import { again, guarded, readData, type Run } from './run.ts';

const DIFFERS =
  'its value differs at the target, and version 1 does not tell who wrote last: -overwrite takes the source';

export async function settleV1(run: Run, { scope, mount, name }: KvSecret): Promise<void> {
  const path = mount.path + name;
  const about = { kind: 'KV v1 secret', path: scope.path + path } as const;
  await guarded(run, about, async () => {
    const [source, target] = await Promise.all([readData(scope.source, path), readData(scope.target, path)]);
    if (source === undefined) return;
    if (target !== undefined && equal(source, target)) {
      run.report.add({ ...about, outcome: 'same' });
    } else if (target !== undefined && !run.overwrite) {
      run.report.add({ ...about, outcome: 'conflict', reason: DIFFERS });
    } else {
      if (run.mode === 'copy') await scope.target?.write(path, source, again);
      run.report.add({ ...about, outcome: target === undefined ? 'created' : 'updated' });
    }
  });
}
