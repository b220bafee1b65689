import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { KeyList } from './keys.ts';
import { ServerUnavailable } from '../outgoing/unavailable.ts';
import { remoteKeys, type RemoteOptions } from './remote-keys.ts';

const times = { between: 10_000, fresh: 300_000, patience: 2_000, stale: 86_400_000 };
const { signal } = new AbortController();

/** An issuer and a clock that are moved by hand. */
function world(options: Partial<RemoteOptions> = {}) {
  let now = 1_000_000;
  const asked: PromiseWithResolvers<KeyList>[] = [];
  const pauses: { readonly ms: number; readonly resolve: () => void }[] = [];
  const keys = remoteKeys({
    now: () => now,
    times,
    load: () => {
      const one = Promise.withResolvers<KeyList>();
      asked.push(one);
      return one.promise;
    },
    pause: (ms) => {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      pauses.push({
        ms,
        resolve: () => {
          resolve(undefined);
        },
      });
      return promise;
    },
    ...options,
  });
  const loaded = async (): Promise<KeyList> => {
    const list = new KeyList([]);
    const first = keys.current(signal);
    asked.at(-1)?.resolve(list);
    assert.equal(await first, list);
    return list;
  };
  return {
    keys,
    asked,
    pauses,
    loaded,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

const down = () => new ServerUnavailable('down');
const unavailable = (error: unknown): boolean => error instanceof ServerUnavailable;

test('all who wait for the first keys wait for one request', async () => {
  const { keys, asked } = world();
  const waiting = Array.from({ length: 500 }, () => keys.current(signal));
  assert.equal(asked.length, 1);
  const list = new KeyList([]);
  asked[0]?.resolve(list);
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set([list]));
});

test('without keys, an issuer that is down is asked again after a pause, not by each login', async () => {
  const { keys, asked, pass } = world();
  const first = keys.current(signal);
  asked[0]?.reject(down());
  await assert.rejects(first, unavailable);
  for (let tries = 0; tries < 100; tries += 1) await assert.rejects(keys.current(signal), unavailable);
  assert.equal(asked.length, 1);
  pass(times.between);
  const second = keys.current(signal);
  assert.equal(asked.length, 2);
  asked[1]?.resolve(new KeyList([]));
  await second;
});

test('unknown names ask once in a while, for all waiters at once', async () => {
  const { keys, asked, loaded, pass } = world();
  const list = await loaded();
  assert.equal(await keys.newer(list, signal), undefined, 'asked a moment ago');
  pass(times.between);
  const waiting = Array.from({ length: 500 }, () => keys.newer(list, signal));
  assert.equal(asked.length, 2);
  const next = new KeyList([]);
  asked[1]?.resolve(next);
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set([next]));
  assert.equal(await keys.newer(list, signal), next, 'who still has the old ones is given the new');
  assert.equal(await keys.newer(next, signal), undefined);
  assert.equal(asked.length, 2);
});

test('old keys work on while the issuer is down, and an unknown name is then a matter for later', async () => {
  const { keys, asked, loaded, pass } = world();
  const list = await loaded();
  pass(times.fresh);
  const stale = keys.current(signal);
  asked[1]?.reject(down());
  assert.equal(await stale, list);
  assert.equal(await keys.current(signal), list);
  assert.equal(asked.length, 2, 'no storm');
  await assert.rejects(keys.newer(list, signal), unavailable);
  pass(times.stale);
  const tooOld = keys.current(signal);
  asked[2]?.reject(down());
  await assert.rejects(tooOld, unavailable);
  await assert.rejects(keys.current(signal), unavailable);
});

test('a slow issuer holds up those who come first for a little, and nobody after them', async () => {
  const { keys, asked, pauses, loaded, pass } = world();
  const list = await loaded();
  pass(times.fresh);
  const first = keys.current(signal);
  assert.deepEqual(
    pauses.map(({ ms }) => ms),
    [times.patience],
  );
  pass(times.patience);
  pauses[0]?.resolve();
  assert.equal(await first, list);
  assert.equal(await keys.current(signal), list);
  assert.equal(pauses.length, 1, 'nobody waits any more');
  assert.equal(asked.length, 2);
  const next = new KeyList([]);
  asked[1]?.resolve(next);
  await turn();
  assert.equal(await keys.current(signal), next);
});

test('who goes away does not end the request of the others', async () => {
  const { keys, asked } = world();
  const leaving = new AbortController();
  const left = keys.current(leaving.signal);
  const stays = keys.current(signal);
  leaving.abort(new Error('gone'));
  await assert.rejects(left, /gone/);
  const list = new KeyList([]);
  asked[0]?.resolve(list);
  assert.equal(await stays, list);
});

test('what was held before is used until it is no longer fresh, and its publisher may want that earlier', async () => {
  const [before, after] = [new KeyList([]), new KeyList([])];
  const { keys, asked, pass } = world({ held: { value: before, age: 200_000 }, hint: () => 250_000 });
  assert.equal(await keys.current(signal), before);
  assert.equal(asked.length, 0);
  pass(49_999);
  assert.equal(await keys.current(signal), before);
  assert.equal(asked.length, 0);
  pass(1);
  const renewed = keys.current(signal);
  asked[0]?.resolve(after);
  assert.equal(await renewed, after);
});

test('after a failure the issuer is left alone for longer', async () => {
  const { keys, asked, loaded, pass } = world({ times: { ...times, between: 1_000, afterFailure: 10_000 } });
  const list = await loaded();
  pass(1_000);
  const failed = keys.newer(list, signal);
  asked[1]?.reject(down());
  await assert.rejects(failed, unavailable);
  pass(9_999);
  await assert.rejects(keys.newer(list, signal), unavailable);
  assert.equal(asked.length, 2);
  pass(1);
  const next = keys.newer(list, signal);
  assert.equal(asked.length, 3);
  asked[2]?.resolve(list);
  assert.equal(await next, undefined);
});

test('who waits for newer keys is answered by a request that began after it came', async () => {
  const { keys, asked, pauses, loaded, pass } = world({ times: { ...times, waitsForNewer: true } });
  const list = await loaded();
  pass(10_000);
  const first = keys.newer(list, signal);
  pass(1);
  const second = keys.newer(list, signal);
  assert.equal(asked.length, 2, 'one request at a time');
  asked[1]?.resolve(list);
  assert.equal(await first, undefined);
  await turn();
  assert.deepEqual(
    pauses.map(({ ms }) => ms),
    [9_999],
  );
  pass(9_999);
  pauses[0]?.resolve();
  await turn();
  assert.equal(asked.length, 3);
  const newer = new KeyList([]);
  asked[2]?.resolve(newer);
  assert.equal(await second, newer);
});
