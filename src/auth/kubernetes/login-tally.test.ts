import assert from 'node:assert/strict';
import { test } from 'node:test';
import { enabledMethod } from './mount.testing.ts';
import { LoginTally } from './login-tally.ts';
import { KubernetesMount } from './mount.ts';

test('a key may be called as what all objects have is', async () => {
  await using method = await enabledMethod();
  const mounted = method.node.services.mounts.at('root', 'auth/kubernetes/');
  assert.ok(mounted?.instance instanceof KubernetesMount);
  const tally = new LoginTally(mounted.instance.view.local);
  const kids = ['__proto__', 'constructor', 'toString', 'one'];
  for (const at of [1, 2]) for (const kid of kids) await tally.count(at, kid);
  const seen = () => Object.entries(tally.get().keys).sort();
  const expected = kids.map((kid) => [kid, 2]).sort();
  assert.deepEqual(seen(), expected);
  // Written down, with what is not written yet over it.
  await tally.count(100_000, 'one');
  await tally.count(100_001, '__proto__');
  const latest: Readonly<Record<string, number>> = Object.fromEntries([
    ['one', 100_000],
    ['__proto__', 100_001],
  ]);
  assert.deepEqual(seen(), kids.map((kid) => [kid, Object.hasOwn(latest, kid) ? latest[kid] : 2]).sort());
});
