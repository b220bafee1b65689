import assert from 'node:assert/strict';
import { test } from 'node:test';
import { follower } from './follower.ts';
import { ageOf, retryDelay } from './follower-state.ts';
import type { Copy, FollowerEvent, FollowerOutput } from './follower-state.ts';
import type { HubFrame, Welcome } from './protocol.ts';

const hash = new Uint8Array(32).fill(1);
const at = (sequence: number, epoch = '1.a') => ({ epoch, sequence });
const held: Copy = { cursor: { log: 'l', position: at(5), hash }, filter: ['secret/'], version: 3 };
const welcome = (over: Partial<Welcome> = {}): Welcome => ({
  type: 'welcome',
  protocol: 1,
  log: 'l',
  epoch: '1.a',
  nonce: 'n',
  tip: at(9),
  interval: 1_000,
  snapshot: undefined,
  ...over,
});
const batch = (n: number, sequence: number, key = 's/root/policies/a'): HubFrame => ({
  type: 'batch',
  n,
  previous: at(sequence - 1),
  position: at(sequence),
  hash,
  time: 0,
  writes: [{ key, value: hash }],
});

function region(copy: Copy = held, age = 0) {
  const machine = follower({ region: 'eu', instance: 'i', window: 1_000, interval: 1_000 });
  let state = machine.initial;
  let outputs: FollowerOutput[] = [];
  const feed = (event: FollowerEvent, now = 0): readonly FollowerOutput[] => {
    const step = machine.step(state, { ...event, now, wall: now, random: 0.5 });
    state = step.state;
    outputs = [...outputs, ...step.outputs];
    return step.outputs;
  };
  feed({ type: 'start', copy, age });
  feed({ type: 'stored', command: 1 });
  feed({ type: 'connected', connection: 1, local: at(0, '1.r') });
  const frame = (received: HubFrame, now = 0) => feed({ type: 'frame', connection: 1, frame: received }, now);
  const alarms = () => outputs.flatMap((each) => (each.type === 'alarm' ? [each.problem] : []));
  const stores = () => outputs.flatMap((each) => (each.type === 'store' ? [each.run.do] : []));
  const outputsOf = (type: FollowerOutput['type']) => outputs.filter((each) => each.type === type);
  return {
    feed,
    frame,
    alarms,
    stores,
    outputsOf,
    get state() {
      return state;
    },
  };
}

test('batches that come together are one transaction and one acknowledgement', () => {
  const one = region();
  one.frame(welcome());
  one.feed({ type: 'frame', connection: 1, frame: batch(1, 6), more: true });
  assert.deepEqual(one.stores(), ['stageDrop'], 'the first waits for the one that is at hand');
  one.frame(batch(2, 7));
  const [, applied] = one.outputsOf('store');
  assert.ok(applied?.type === 'store' && applied.run.do === 'apply');
  assert.equal(applied.run.changes.length, 2);
  const answered = one.feed({ type: 'stored', command: 2 });
  const acks = answered.flatMap((each) => (each.type === 'send' && each.frame.type === 'ack' ? [each.frame] : []));
  assert.deepEqual(
    acks.map(({ through, cursor }) => [through, cursor?.position.sequence]),
    [[2, 7]],
  );
});

test('of batches that come together nothing is kept back when the connection ends in between', () => {
  const one = region();
  one.frame(welcome());
  one.feed({ type: 'frame', connection: 1, frame: batch(1, 6), more: true });
  one.feed({ type: 'badFrame', connection: 1, problem: 'cut' });
  assert.deepEqual(one.alarms(), ['malformedFrame']);
  assert.equal(one.state.copy?.cursor?.position.sequence, 5);
  assert.equal(one.state.link, undefined);
});

test('a batch is acknowledged when the store has it, not before', () => {
  const one = region();
  one.frame(welcome());
  assert.equal(
    one.frame(batch(1, 6)).some((output) => output.type === 'send'),
    false,
  );
  const answered = one.feed({ type: 'stored', command: 2 });
  assert.deepEqual(
    answered.map((output) => output.type),
    ['shows', 'send'],
  );
  assert.deepEqual(answered[1]?.type === 'send' && answered[1].frame, {
    type: 'ack',
    nonce: 'n',
    through: 1,
    cursor: { position: at(6), hash },
  });
});

test('what a true hub does not send ends the stream and reaches no store', () => {
  const cases: readonly (readonly [string, readonly HubFrame[], string])[] = [
    ['a gap', [welcome(), batch(1, 7)], 'gap'],
    ['a repeated position', [welcome(), batch(1, 5)], 'gap'],
    ['a frame left out', [welcome(), batch(2, 6)], 'outOfOrder'],
    ['a key of the region itself', [welcome(), batch(1, 6, 'l/root/tokens/x')], 'notShared'],
    ['a hub-only key', [welcome(), batch(1, 6, 'h/root/regions/eu')], 'notShared'],
    [
      'a purge beyond the shared part',
      [welcome(), { type: 'narrow', n: 1, purge: { prefixes: ['l/'], filter: undefined } }],
      'notShared',
    ],
    ['a batch before the welcome', [batch(1, 6)], 'unexpectedFrame'],
    ['two welcomes', [welcome(), welcome()], 'unexpectedFrame'],
    ['another protocol', [welcome({ protocol: 2 })], 'protocolVersion'],
    ['another epoch', [welcome({ epoch: '2.b', snapshot: 'otherEpoch' })], 'historyUnproven'],
    ['another log', [welcome({ log: 'm', snapshot: 'otherLog' })], 'historyUnproven'],
    ['a first snapshot for a copy', [welcome({ snapshot: 'first' })], 'unexpectedFrame'],
    ['an epoch raised by a frame', [welcome(), { ...batch(1, 6), position: at(6, '2.b') } as HubFrame], 'epochChanged'],
    [
      'a page without a start',
      [welcome(), { type: 'snapshotPage', n: 1, load: 1, position: at(6), writes: [] }],
      'unexpectedFrame',
    ],
    [
      'a snapshot from the past',
      [
        welcome({ snapshot: 'compacted' }),
        { type: 'snapshotStart', n: 1, load: 1, scope: 'everything', position: at(4), hash, filter: [], version: 1 },
      ],
      'backwards',
    ],
  ];
  for (const [name, frames, problem] of cases) {
    const one = region();
    for (const each of frames) one.frame(each);
    assert.deepEqual([one.alarms(), one.stores()], [[problem], ['stageDrop']], name);
    assert.equal(one.outputsOf('disconnect').length, 1, name);
    assert.deepEqual(one.state.copy, held, name);
  }
});

test('a hub that floods is hung up on', () => {
  const one = region();
  one.frame(welcome());
  for (let n = 1; n < 100 && one.alarms().length === 0; n += 1) one.frame(batch(n, n + 5));
  assert.deepEqual(one.alarms(), ['flooded']);
});

test('another history is followed when it was proven, after the old copy was put aside', () => {
  const one = region();
  one.feed({ type: 'historyProven', log: 'l', epoch: '2.b' });
  one.frame(welcome({ epoch: '2.b', snapshot: 'otherEpoch' }));
  assert.deepEqual([one.alarms(), one.outputsOf('quarantine').length], [[], 1]);
});

test('the old copy serves until the new one is whole: nothing but the commit touches it', () => {
  const one = region();
  one.frame(welcome({ snapshot: 'compacted' }));
  const start = { type: 'snapshotStart', n: 1, load: 1, scope: 'everything', position: at(8), hash } as const;
  one.frame({ ...start, filter: ['secret/'], version: 4 });
  one.frame({ type: 'snapshotPage', n: 2, load: 1, position: at(8), writes: [{ key: 's/root/a', value: hash }] });
  one.feed({ type: 'stored', command: 2 });
  one.frame(batch(3, 9));
  one.feed({ type: 'stored', command: 3 });
  assert.deepEqual(one.state.copy, held);
  one.frame({ type: 'snapshotEnd', n: 4, load: 1, position: at(9), hash });
  assert.deepEqual(one.stores(), ['stageDrop', 'stage', 'stage', 'stageCommit']);
  one.feed({ type: 'stored', command: 4 });
  assert.deepEqual(one.state.copy, { cursor: { log: 'l', position: at(9), hash }, filter: ['secret/'], version: 4 });
});

test('what an older connection still says is not heard', () => {
  const one = region();
  one.frame(welcome());
  one.feed({ type: 'ended', connection: 1 });
  one.feed({ type: 'tick' }, 60_000);
  one.frame(batch(1, 6), 60_000);
  assert.deepEqual([one.stores(), one.alarms()], [['stageDrop'], []]);
  assert.equal(one.state.link?.connection, 2);
});

test('a store that does not know what it did is read again before anything else', () => {
  const one = region();
  one.frame(welcome());
  one.frame(batch(1, 6));
  const outputs = one.feed({ type: 'storeFailed', command: 2 });
  assert.deepEqual(
    outputs.map((output) => output.type),
    ['disconnect', 'recover'],
  );
  one.feed({ type: 'tick' }, 90_000);
  assert.equal(one.outputsOf('connect').length, 1, 'no connection before the copy is known');
});

test('the age grows from the last mark that the copy had reached, over restarts too', () => {
  const one = region(held, 7_000);
  assert.equal(ageOf(one.state, 500), 7_500);
  one.frame(welcome(), 600);
  one.frame(batch(1, 6), 600);
  one.frame({ type: 'mark', position: at(6), time: 0 }, 700);
  assert.equal(ageOf(one.state, 700), 7_700, 'the batch before the mark is not stored yet');
  one.feed({ type: 'stored', command: 2 }, 800);
  assert.equal(ageOf(one.state, 900), 200, 'counted from the arrival of the mark');
  one.frame({ type: 'mark', position: at(9), time: 0 }, 2_000);
  assert.equal(ageOf(one.state, 2_000), 1_300, 'a mark for another position says nothing');
  const persisted = one.feed({ type: 'tick' }, 30_000).find((output) => output.type === 'persistAge');
  assert.deepEqual(persisted, { type: 'persistAge', age: 29_300 });
});

test('reconnects wait between 0.2 and 30 seconds, with full jitter', () => {
  for (let attempt = 0; attempt < 40; attempt += 1) {
    assert.equal(retryDelay(attempt, 0), 200);
    assert.ok(retryDelay(attempt, 0.999_999) <= 30_000);
  }
  assert.ok(retryDelay(40, 0.999_999) > 29_000);
});

test('silence of three intervals ends a stream, and a region that has nothing to say sends a heartbeat', () => {
  const one = region();
  one.frame(welcome());
  assert.ok(
    one.feed({ type: 'tick' }, 1_000).some((output) => output.type === 'send' && output.frame.type === 'heartbeat'),
  );
  one.feed({ type: 'tick' }, 3_001);
  assert.equal(one.outputsOf('disconnect').length, 1);
});

test('connections that bring nothing are asked for less and less often, one that moved the copy at once again', () => {
  const one = region();
  let now = 0;
  for (let connection = 1; connection <= 5; connection += 1) {
    one.feed({ type: 'ended', connection }, now);
    now = one.state.retryAt;
    one.feed({ type: 'tick' }, now);
  }
  assert.equal(one.state.attempt, 5);
  one.feed({ type: 'connected', connection: 6, local: at(0, '1.r') }, now);
  const from6 = (frame: HubFrame) => one.feed({ type: 'frame', connection: 6, frame }, now);
  from6(welcome());
  assert.equal(one.state.attempt, 5, 'a welcome alone brings nothing');
  const stored = from6(batch(1, 6)).find((output) => output.type === 'store');
  one.feed({ type: 'stored', command: stored?.command ?? 0 }, now);
  one.feed({ type: 'ended', connection: 6 }, now);
  assert.ok(one.state.retryAt - now <= 400);
});
