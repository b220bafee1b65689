import assert from 'node:assert/strict';
import { test } from 'node:test';
import { needsAnother, watchDemand, type Load } from './demand.ts';

test('another thread is needed where one is busy with what it could do', () => {
  assert.ok(needsAnother({ busy: 0.9, requests: 1_000, reads: 900, handshakes: 3 }));
  assert.ok(!needsAnother({ busy: 0.5, requests: 1_000, reads: 900, handshakes: 3 }), 'it waits half of the time');
  assert.ok(!needsAnother({ busy: 1, requests: 1_000, reads: 100, handshakes: 3 }), 'it writes');
  assert.ok(needsAnother({ busy: 1, requests: 1_000, reads: 100, handshakes: 1_000 }), 'each with a handshake');
  assert.ok(!needsAnother({ busy: 1, requests: 0, reads: 0, handshakes: 0 }), 'it does something else');
});

test('one is started after the other, while reads need it and there can be more', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  // The loop has begun by then, and does not turn until `end`: it is busy all the time.
  await new Promise((resolve) => setImmediate(resolve));
  const load = { requests: 0, reads: 0, handshakes: 0 } satisfies Load;
  let grown: ((more: boolean) => void)[] = [];
  const grow = (): Promise<boolean> => new Promise((resolve) => grown.push(resolve));
  const readOnce = (): void => {
    load.requests += 1_000;
    load.reads += 1_000;
    t.mock.timers.tick(500);
  };
  const read = (): void => {
    readOnce();
    readOnce();
  };
  const end = async (more: boolean): Promise<void> => {
    const [resolve] = grown;
    grown = [];
    resolve?.(more);
    await Promise.resolve();
    await Promise.resolve();
  };
  using _watching = watchDemand(() => ({ ...load }), grow);
  readOnce();
  t.mock.timers.tick(500);
  readOnce();
  assert.equal(grown.length, 0, 'a burst is no load');
  readOnce();
  assert.equal(grown.length, 1);
  read();
  assert.equal(grown.length, 1, 'while one starts no other does');
  await end(true);
  t.mock.timers.tick(500);
  assert.equal(grown.length, 0, 'nothing is read any more');
  read();
  assert.equal(grown.length, 1);
  await end(false);
  read();
  assert.equal(grown.length, 0, 'there are as many as there may be');
});
