import assert from 'node:assert/strict';
import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { FollowedDevice } from './audit/known-device.ts';
import { KnownUnsealing } from './known-unsealing.ts';

const key = (): KeyObject => createSecretKey(randomBytes(32));
const device = (path: string): FollowedDevice => ({ path }) as FollowedDevice;

test('who comes late is told of the keys and devices of now', () => {
  const known = new KnownUnsealing();
  const [root, next, own, ownNext, other] = [key(), key(), key(), key(), key()];
  known.unseal({ root, devices: [device('a/')] });
  known.expectRoot(next);
  known.enable(device('b/'));
  known.enable(device('c/'));
  known.disable('a/');
  known.unsealNamespace({ id: 'one', root: own });
  known.expectNamespaceRoot({ id: 'one', root: ownNext });
  known.unsealNamespace({ id: 'two', root: other });
  known.sealNamespaces(['two', 'never there']);
  known.expectNamespaceRoot({ id: 'two', root: other });
  const { current } = known;
  assert.equal(current?.root, root);
  assert.deepEqual(current.expected, [next]);
  assert.deepEqual(
    current.devices.map(({ path }) => path),
    ['b/', 'c/'],
  );
  assert.deepEqual([...(current.namespaces ?? [])], [['one', [own, ownNext]]]);
});

test('what is sealed knows nothing, and learns nothing', () => {
  const known = new KnownUnsealing();
  known.unseal({ root: key(), devices: [] });
  known.seal();
  known.expectRoot(key());
  known.enable(device('a/'));
  known.unsealNamespace({ id: 'one', root: key() });
  assert.equal(known.current, undefined);
});

test('what one was told is not changed by what comes behind it', () => {
  const known = new KnownUnsealing();
  known.unseal({ root: key(), devices: [] });
  const told = known.current;
  known.enable(device('a/'));
  known.unsealNamespace({ id: 'one', root: key() });
  assert.deepEqual([told?.devices, told?.namespaces], [[], undefined]);
});
