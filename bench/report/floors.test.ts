import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Row } from '../compare/rounds.ts';
import { floors, judge, type Floor } from './floors.ts';
import type { Figures } from './ratios.ts';

const read: Floor = { load: 'read', metric: 'requestsPerSecond', title: 'requests/s', least: 4 };

function row(ours: number, theirs: number): Row {
  const figures = (requestsPerSecond: number): Figures => ({
    ...{ requestsPerSecond, cpuMicroseconds: 1, p50: 1, p99: 1, p999: 1, requests: 1 },
    ...{ anonymousMemory: 1, residentMemory: 1, generatorBusy: 0, othersBusy: 0 },
  });
  const cell = { load: 'read', connections: 16, transport: 'http' } as const;
  return { cell, figures: [[figures(ours)], [figures(theirs)]] };
}

test('a ratio on its floor passes, one below it fails and names its row', () => {
  assert.deepEqual(
    judge([row(400, 100)], [read]).map(({ passed }) => passed),
    [true],
  );
  const [verdict] = judge([row(399, 100)], [read]);
  assert.equal(verdict?.passed, false);
  assert.match(verdict?.text ?? '', /^KV v2 read, requests\/s: 3\.99 ×/);
});

test('what was not measured has failed', () => {
  assert.deepEqual(
    judge([], floors).map(({ passed }) => passed),
    floors.map(() => false),
  );
});
