import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contentDigest } from '../../lib/crypto/content-digest.ts';
import { encodeIndex } from '../freshness.ts';
import { ConsumerStream, type ConsumerStreamOptions } from './consumer-stream.ts';

const nonce = 'a'.repeat(32);
const at = (sequence: number) => {
  const position = { epoch: '1.e', sequence };
  return { position, index: { log: position, hub: { epoch: '1.h', sequence: sequence * 10 } } };
};
const text = (sequence: number): string => encodeIndex({ log: { epoch: '1.e', sequence } });

function stream(options: Partial<ConsumerStreamOptions> = {}): ConsumerStream {
  return new ConsumerStream({ nonce, log: 'log', covers: () => true, dataAt: () => undefined, ...options });
}

const files = (path: string, version: number | undefined, digest: string) => new Map([[path, { version, digest }]]);
const none = new Map<string, never>();

test('a mark is acknowledged as it was sent, whatever else the consumer says of its index', () => {
  const one = stream();
  one.marked(at(1));
  one.marked(at(5));
  const forged = encodeIndex({ log: { epoch: '1.e', sequence: 5 }, hub: { epoch: '1.h', sequence: 9_999 } });
  assert.deepEqual(one.acknowledge({ nonce, index: forged, files: none }), { index: at(5).index, verified: 0 });
  assert.equal(one.acknowledge({ nonce, index: text(1), files: none }), 'backwards');
  assert.equal(one.acknowledge({ nonce, index: text(6), files: none }), 'neverSent');
  assert.equal(one.acknowledge({ nonce: 'b', index: text(5), files: none }), 'nonce');
  assert.equal(one.acknowledge({ nonce, index: 'rubbish', files: none }), 'index');
});

test('an event’s index acknowledges the last mark up to it, not what was left out before the event', () => {
  const one = stream();
  one.marked(at(1));
  one.told(at(7));
  one.told(at(9));
  assert.deepEqual(one.acknowledge({ nonce, index: text(7), files: none }), { index: at(1).index, verified: 0 });
  assert.deepEqual(one.acknowledge({ nonce, index: text(9), files: none }), { index: undefined, verified: 0 });
  one.marked(at(9));
  assert.deepEqual(one.acknowledge({ nonce, index: text(9), files: none }), { index: at(9).index, verified: 0 });
});

test('a proof is recomputed where the data can be told', () => {
  const data = { password: 'p2' };
  const one = stream({
    covers: (path) => path === 'kv/a',
    dataAt: (_, version) => (version === 2 || version === undefined ? data : undefined),
  });
  one.marked(at(1));
  const ack = (map: ReturnType<typeof files>) => one.acknowledge({ nonce, index: text(1), files: map });
  assert.deepEqual(ack(files('kv/a', 2, contentDigest(nonce, data))), { index: at(1).index, verified: 1 });
  assert.equal(ack(files('kv/a', 2, contentDigest('b'.repeat(32), data))), 'digest');
  assert.equal(ack(files('kv/b', 2, contentDigest(nonce, data))), 'path');
  const older = { index: at(1).index, verified: 0 };
  assert.deepEqual(ack(files('kv/a', 1, '0'.repeat(64))), older, 'a version that is gone');
  assert.deepEqual(ack(files('kv/a', undefined, '0'.repeat(64))), older, 'no versions: it may be what was before');
});

test('marks pause while many are unacknowledged', () => {
  const one = stream();
  let sent = 0;
  while (one.marked(at(sent + 1))) sent += 1;
  assert.equal(sent, 256);
  one.acknowledge({ nonce, index: text(200), files: none });
  assert.equal(one.marked(at(300)), true);
});
