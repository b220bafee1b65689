import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bytesOf, HubModel, layout, mayHold } from '../../test/simulator/hub-model.ts';
import { hubStream } from './hub-stream.ts';
import type { HubEvent, HubOutput } from './hub-state.ts';
import { locate } from './locate.ts';
import { parseFilter } from './filter.ts';
import type { Ack, Hello, HubFrame, RegionFrame } from './protocol.ts';
import { MAX_WINDOW, PROTOCOL } from './protocol.ts';
import { ViewHistory } from './view-history.ts';

/** A hub with two mounts, a region `eu` that may hold `secret/eu/`, and three records of which one is in its view. */
function hub() {
  const model = new HubModel();
  model.commit(
    [
      model.regionRecord('eu', parseFilter(['secret/eu/'])),
      model.mountRecord('m1', 'secret/', 0),
      model.mountRecord('m2', 'kv/', 0),
      { key: 's/root/data/m1/eu/db', value: bytesOf('in view') },
      { key: 's/root/data/m1/us/db', value: bytesOf('not') },
      { key: 's/root/data/m2/eu/db', value: bytesOf('not') },
    ],
    0,
  );
  return model;
}

function connected(model = hub()) {
  const history = new ViewHistory(
    model.position,
    [...model.now.state].map(([key, value]) => ({ key, value })),
    layout,
  );
  const machine = hubStream(
    {
      region: 'eu',
      log: model.log,
      epoch: model.position.epoch,
      nonce: 'nonce',
      layout,
      interval: 1_000,
      batches: 8,
      records: 100,
      bytes: 1 << 20,
    },
    { today: history.today('eu'), tip: model.position, now: 0 },
  );
  let state = machine.initial;
  const outputs: HubOutput[] = [];
  const feed = (event: HubEvent, now = 0): void => {
    const step = machine.step(state, { ...event, now, wall: now });
    state = step.state;
    outputs.push(...step.outputs);
    for (const output of step.outputs) answer(output, now);
  };
  const answer = (output: HubOutput, now: number): void => {
    if (output.type === 'locate') {
      const place = locate(model, output.cursor);
      const rule = place === 'here' ? history.at(output.cursor.position, 'eu') : undefined;
      feed({ type: 'located', place, rule }, now);
    } else if (output.type === 'readLog') {
      const batches = model.after(output.from, 8);
      if (batches === undefined) feed({ type: 'logGone', read: output.read }, now);
      else feed({ type: 'log', read: output.read, batches, tip: model.position }, now);
    } else if (output.type === 'readPage') {
      const keys = [...model.now.state.keys()].filter((key) => key.startsWith(output.prefix)).sort();
      const records = keys.map((key) => ({ key, value: model.now.state.get(key) }));
      const { position, hash } = model;
      const page = { read: output.read, position, hash, rule: history.today('eu'), records, more: false };
      feed({ type: 'page', page }, now);
    }
  };
  const commit = (writes: Parameters<HubModel['commit']>[0]): void => {
    const batch = model.commit(writes, 0);
    if (history.observe(batch.position, batch.writes)) feed({ type: 'today', rule: history.today('eu') });
    feed({ type: 'tip', tip: batch.position });
  };
  const sent = (): readonly HubFrame[] => outputs.flatMap((each) => (each.type === 'send' ? [each.frame] : []));
  const audits = (): readonly string[] => outputs.flatMap((each) => (each.type === 'audit' ? [each.event] : []));
  const frame = (received: RegionFrame): void => feed({ type: 'frame', frame: received });
  return {
    model,
    feed,
    frame,
    commit,
    sent,
    audits,
    outputs,
    get state() {
      return state;
    },
  };
}

const hello = (over: Partial<Hello> = {}): Hello => ({
  type: 'hello',
  protocol: PROTOCOL,
  region: 'eu',
  instance: 'i',
  cursor: undefined,
  filterVersion: 0,
  local: { epoch: '1.r', sequence: 0 },
  window: 1 << 20,
  ...over,
});
const types = (frames: readonly HubFrame[]): readonly string[] => frames.map((frame) => frame.type);

test('a first stream is a snapshot of what is in view, then the log', () => {
  const stream = connected();
  stream.frame(hello());
  assert.deepEqual(types(stream.sent()), ['welcome', 'snapshotStart', 'snapshotPage', 'snapshotEnd']);
  const page = stream.sent()[2];
  assert.ok(page?.type === 'snapshotPage');
  assert.deepEqual(
    page.writes.map((write) => write.key),
    ['s/root/data/m1/eu/db', 's/root/mounts/m1'],
  );
  stream.commit([{ key: 's/root/data/m1/us/db', value: bytesOf(1) }]);
  stream.commit([{ key: 's/root/data/m1/eu/db', value: bytesOf(2) }]);
  assert.deepEqual(types(stream.sent()).slice(4), ['skip', 'batch']);
});

test('a narrower rule leaves in one entry, a wider one comes with what it lets in', () => {
  const stream = connected();
  stream.frame(hello());
  const before = stream.sent().length;
  stream.commit([stream.model.regionRecord('eu', parseFilter(['secret/eu/db']))]);
  assert.deepEqual(types(stream.sent()).slice(before), ['narrow', 'viewChange']);
  stream.commit([stream.model.regionRecord('eu', parseFilter(['secret/']))]);
  const entering = stream.sent().slice(before + 2);
  assert.deepEqual(types(entering), ['snapshotStart', 'viewChange', 'snapshotPage', 'snapshotEnd']);
  assert.ok(entering[2]?.type === 'snapshotPage');
  assert.deepEqual(
    entering[2].writes.map((write) => write.key),
    ['s/root/data/m1/us/db'],
  );
});

test('a removed mount is purged at its entry; one that stays in view as a whole moves without a purge', () => {
  const stream = connected();
  stream.frame(hello());
  stream.commit([stream.model.regionRecord('eu', parseFilter(['secret/', 'apps/']))]);
  const before = stream.sent().length;
  stream.commit([stream.model.mountRecord('m1', 'apps/', 1)]);
  assert.deepEqual(types(stream.sent()).slice(before), ['batch']);
  stream.commit([{ key: 's/root/mounts/m1', value: undefined }]);
  const change = stream.sent().at(-1);
  assert.ok(change?.type === 'viewChange');
  assert.deepEqual(change.purge.prefixes, ['s/root/mounts/m1', 's/root/data/m1/']);
});

test('a region that was removed gets nothing more', () => {
  const stream = connected();
  stream.frame(hello());
  stream.commit([
    { key: 'h/root/regions/eu', value: undefined },
    { key: 's/root/data/m1/eu/db', value: bytesOf(3) },
  ]);
  const last = stream.sent().at(-1);
  assert.ok(last?.type === 'refuse' && last.reason === 'removed');
  assert.equal(types(stream.sent()).includes('batch'), false);
  assert.equal(stream.state.stage.phase, 'closed');
});

test('another protocol, another region and an unknown region are refused by name', () => {
  const cases: readonly (readonly [Partial<Hello>, string, readonly string[]])[] = [
    [{ protocol: 2 }, 'protocolVersion', ['protocolVersion']],
    [{ region: 'us' }, 'identity', ['identityForged']],
  ];
  for (const [over, reason, audits] of cases) {
    const stream = connected();
    stream.frame(hello(over));
    const [refusal] = stream.sent();
    assert.ok(refusal?.type === 'refuse');
    assert.deepEqual([refusal.reason, stream.audits()], [reason, audits]);
  }
  const stranger = connected(new HubModel());
  stranger.frame(hello());
  assert.ok(stranger.sent()[0]?.type === 'refuse');
});

test('a forged cursor never resumes a stream', () => {
  const model = hub();
  const { position, hash } = model;
  const cursors: readonly (readonly [Partial<Hello>, string | undefined])[] = [
    [{ cursor: { log: model.log, position, hash }, filterVersion: 1 }, undefined],
    [{ cursor: { log: model.log, position, hash: new Uint8Array(32) }, filterVersion: 1 }, 'fork'],
    [{ cursor: { log: model.log, position: { ...position, sequence: 99 }, hash }, filterVersion: 1 }, 'ahead'],
    [{ cursor: { log: model.log, position: { ...position, epoch: '9.z' }, hash }, filterVersion: 1 }, 'otherEpoch'],
    [{ cursor: { log: 'other', position, hash }, filterVersion: 1 }, 'otherLog'],
    [{ cursor: { log: model.log, position, hash }, filterVersion: 7 }, 'viewChanged'],
  ];
  for (const [over, snapshot] of cursors) {
    const stream = connected(model);
    stream.frame(hello(over));
    const [welcome] = stream.sent();
    assert.ok(welcome?.type === 'welcome');
    assert.equal(welcome.snapshot, snapshot);
    assert.deepEqual(
      stream.outputs.some((output) => output.type === 'acknowledged'),
      snapshot === undefined,
    );
  }
});

test('a forged acknowledgement moves nothing, ends the stream and is audited', () => {
  const forged: readonly (readonly [(ack: Ack) => RegionFrame, string])[] = [
    [(ack) => ({ ...ack, nonce: 'other' }), 'ackNonce'],
    [(ack) => ({ ...ack, through: 99 }), 'ackBeyondSent'],
    [(ack) => ({ ...ack, cursor: ack.cursor && { ...ack.cursor, hash: new Uint8Array(32) } }), 'ackHash'],
    [
      (ack) => ({ ...ack, cursor: { position: { epoch: '1.a', sequence: 50 }, hash: new Uint8Array(32) } }),
      'ackBeyondSent',
    ],
    [(ack) => ({ ...ack, through: 1 }), 'ackBeyondSent'],
    [
      (ack) => ({
        type: 'consumerAck',
        nonce: ack.nonce,
        consumer: 'a',
        position: { epoch: '1.a', sequence: 1 },
        digest: new Uint8Array(),
      }),
      'consumerAckBeyondRegion',
    ],
  ];
  for (const [forge, event] of forged) {
    const stream = connected();
    stream.frame(hello());
    const { position, hash } = stream.model;
    stream.frame(forge({ type: 'ack', nonce: 'nonce', through: 3, cursor: { position, hash } }));
    assert.deepEqual([stream.audits(), stream.state.stage.phase], [[event], 'closed'], event);
    assert.equal(
      stream.outputs.some((output) => output.type === 'acknowledged' || output.type === 'consumer'),
      false,
    );
  }
});

test('a true acknowledgement counts once, and lets the consumers of the region speak up to it', () => {
  const stream = connected();
  stream.frame(hello());
  const { position, hash } = stream.model;
  stream.frame({ type: 'ack', nonce: 'nonce', through: 3, cursor: { position, hash } });
  stream.frame({ type: 'consumerAck', nonce: 'nonce', consumer: 'a', position, digest: hash });
  assert.deepEqual(stream.audits(), []);
  assert.deepEqual(stream.outputs.filter((each) => each.type === 'acknowledged' || each.type === 'consumer').length, 2);
  stream.frame({ type: 'ack', nonce: 'nonce', through: 3, cursor: { position, hash } });
  assert.deepEqual(stream.audits(), ['ackBackwards'], 'the frame that it acknowledges is no longer open');
});

test('without credit nothing is read or sent, and a window is clamped', () => {
  const stream = connected();
  stream.frame(hello({ window: Number.MAX_SAFE_INTEGER }));
  assert.equal(stream.state.ledger.window, MAX_WINDOW);
  const narrow = connected();
  narrow.frame(hello({ window: 1 }));
  for (let count = 0; count < 50; count += 1) narrow.commit([{ key: 's/root/data/m1/eu/db', value: bytesOf(count) }]);
  assert.deepEqual(types(narrow.sent()), ['welcome', 'snapshotStart', 'snapshotPage']);
  assert.ok(narrow.state.ledger.frames.length <= 2);
});

test('a region that falls silent is hung up on, one that never greets too', () => {
  for (const greets of [true, false]) {
    const stream = connected();
    if (greets) stream.frame(hello());
    stream.feed({ type: 'tick' }, 3_000);
    assert.notEqual(stream.state.stage.phase, 'closed');
    stream.feed({ type: 'tick' }, 3_001);
    const last = stream.sent().at(-1);
    assert.ok(last?.type === 'refuse' && last.reason === 'silent');
  }
});

test('whatever a region says, it learns nothing outside of its filter and the machine stands', () => {
  const position = fc.record({ epoch: fc.constantFrom('1.a', '2.b'), sequence: fc.nat(6) });
  const hash = fc.constantFrom(new Uint8Array(32), hub().hash);
  const frames = fc.oneof(
    fc.record({
      type: fc.constant('hello' as const),
      protocol: fc.constantFrom(1, 1, 1, 2),
      region: fc.constantFrom('eu', 'eu', 'us'),
      instance: fc.string(),
      cursor: fc.option(fc.record({ log: fc.constantFrom('hub-log', 'x'), position, hash }), { nil: undefined }),
      filterVersion: fc.nat(3),
      local: position,
      window: fc.constantFrom(0, 1, 1e6, 2 ** 53 - 1),
    }),
    fc.record({
      type: fc.constant('ack' as const),
      nonce: fc.constantFrom('nonce', 'other'),
      through: fc.nat(8),
      cursor: fc.option(fc.record({ position, hash }), { nil: undefined }),
    }),
    fc.record({
      type: fc.constant('consumerAck' as const),
      nonce: fc.constantFrom('nonce', 'x'),
      consumer: fc.string(),
      position,
      digest: hash,
    }),
    fc.record({ type: fc.constant('heartbeat' as const), time: fc.nat() }),
  );
  fc.assert(
    fc.property(fc.array(frames, { maxLength: 12 }), (received) => {
      const stream = connected();
      stream.frame(hello());
      for (const each of received) {
        stream.frame(each);
        stream.commit([{ key: 's/root/data/m1/us/db', value: bytesOf(received.length) }]);
      }
      const { model } = stream;
      for (const sent of stream.sent()) {
        for (const { key } of 'writes' in sent ? sent.writes : []) assert.ok(mayHold(model.now, 'eu', key), key);
      }
    }),
    { numRuns: 500 },
  );
});
