import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Position } from '../storage/store.ts';
import { forward } from './forward.ts';
import type { ForwardConfig, ForwardEvent, ForwardResult } from './forward.ts';

// The hub's part, as `core/requests/forwarded.ts` has it in one transaction with the write.

/** What the hub keeps of a forwarded write, in the transaction that wrote it. */
interface ForwardRecord {
  /** Hash of region, caller and request. */
  readonly request: string;
  readonly position: Position;
  /** The reply, encrypted like every value. */
  readonly reply: Uint8Array;
  /** Store time in milliseconds; kept until `at` plus the retention. */
  readonly at: number;
}

/** The hub's decision, made on the record that the write's own transaction reads. */
function decide(record: ForwardRecord | undefined, request: string): 'run' | 'replay' | 'otherRequest' {
  if (record === undefined) return 'run';
  return record.request === request ? 'replay' : 'otherRequest';
}

/** Whether no retry can ask for the record any more. */
function forgettable(record: ForwardRecord, now: number, config: ForwardConfig): boolean {
  return now - record.at > 2 * (config.patience + config.attempt);
}

const config: ForwardConfig = { patience: 10_000, attempt: 1_000, show: 500 };
const at = (sequence: number) => ({ epoch: '1.a', sequence });

function driven() {
  const machine = forward(config);
  let state = machine.initial;
  const sent: number[] = [];
  let result: ForwardResult | undefined;
  return {
    sent,
    get result() {
      return result;
    },
    feed(now: number, event: ForwardEvent, random = 0.5) {
      const step = machine.step(state, { ...event, now, random });
      state = step.state;
      for (const output of step.outputs) {
        if (output.type === 'send') sent.push(output.attempt);
        else {
          assert.equal(result, undefined, 'answered twice');
          result = output.result;
        }
      }
    },
  };
}

test('a hub that cannot be reached is answered at once', () => {
  const one = driven();
  one.feed(0, { type: 'start' });
  one.feed(1, { type: 'failed', attempt: 1, reached: false });
  assert.equal(one.result, 'hubUnreachable');
});

test('a lost reply is asked for again, under the same key, and never called unreachable', () => {
  const one = driven();
  one.feed(0, { type: 'start' });
  one.feed(5, { type: 'failed', attempt: 1, reached: true });
  one.feed(2_000, { type: 'tick' });
  one.feed(2_001, { type: 'failed', attempt: 2, reached: false });
  assert.equal(one.result, undefined);
  one.feed(4_000, { type: 'tick' });
  assert.deepEqual(one.sent, [1, 2, 3]);
  one.feed(10_000, { type: 'tick' });
  assert.equal(one.result, 'unknown');
});

test('a reply waits until the region shows it, a bounded time', () => {
  for (const [shows, expected] of [
    [7, 'shown'],
    [6, 'committed'],
  ] as const) {
    const one = driven();
    one.feed(0, { type: 'start' });
    one.feed(1, { type: 'replied', position: at(7) });
    one.feed(2, { type: 'shows', position: at(shows) });
    one.feed(400, { type: 'tick' });
    assert.equal(one.result, shows === 7 ? 'shown' : undefined);
    one.feed(501, { type: 'tick' });
    assert.equal(one.result, expected);
  }
});

test('the hub runs a key once, replays it, and refuses it for another request', () => {
  const record: ForwardRecord = { request: 'r', position: at(3), reply: new Uint8Array(), at: 0 };
  assert.equal(decide(undefined, 'r'), 'run');
  assert.equal(decide(record, 'r'), 'replay');
  assert.equal(decide(record, 'q'), 'otherRequest');
  assert.equal(forgettable(record, config.patience, config), false);
  assert.equal(forgettable(record, 3 * config.patience, config), true);
});

/** A hub that keeps records, and a network that loses, delays and repeats. */
function storm() {
  const one = driven();
  const arrived = new Set<number>();
  let record: ForwardRecord | undefined;
  let now = 0;
  const world = { runs: 0, shown: 0, replies: 0 };
  const acts: Readonly<Record<string, (attempt: number) => void>> = {
    arrive: (attempt) => {
      arrived.add(attempt);
      world.replies += 1;
      if (decide(record, 'r') !== 'run') return;
      world.runs += 1;
      record = { request: 'r', position: at(9), reply: new Uint8Array(), at: now };
    },
    reply: () => {
      if (world.replies > 0) one.feed(now, { type: 'replied', position: at(9) });
    },
    fail: (attempt) => one.feed(now, { type: 'failed', attempt, reached: true }),
    refuse: (attempt) => {
      if (!arrived.has(attempt)) one.feed(now, { type: 'failed', attempt, reached: false });
    },
    show: () => {
      world.shown = record === undefined ? 8 : 9;
      one.feed(now, { type: 'shows', position: at(world.shown) });
    },
  };
  const act = (what: string, choice: number, time: number) => {
    now += time;
    // After that answer the shell sends nothing more.
    if (one.result !== 'hubUnreachable') acts[what]?.(one.sent[choice % one.sent.length] ?? 1);
    one.feed(now, { type: 'tick' });
  };
  one.feed(0, { type: 'start' });
  return { one, world, act };
}

test('whatever is lost, late or repeated: written at most once, answered once and truly', () => {
  const event = fc.tuple(
    fc.constantFrom('arrive', 'reply', 'fail', 'refuse', 'show', 'wait'),
    fc.nat(5),
    fc.nat(1_500),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const { world, one, act } = storm();
      for (const each of events) act(...each);
      for (let more = 0; more < 40; more += 1) act('wait', 0, 500);
      assert.ok(world.runs <= 1);
      assert.notEqual(one.result, undefined);
      if (one.result === 'hubUnreachable') assert.equal(world.runs, 0);
      if (one.result === 'shown') assert.deepEqual([world.runs, world.shown], [1, 9]);
      if (one.result === 'committed') assert.equal(world.runs, 1);
    }),
    { numRuns: 2_000 },
  );
});
