import assert from 'node:assert/strict';
import { test } from 'node:test';
import { medianOf, ratioOf, type Figures } from './ratios.ts';

function figures(requestsPerSecond: number, cpuMicroseconds: number): Figures {
  return {
    ...{ requestsPerSecond, cpuMicroseconds, p50: 1, p99: 1, p999: 1, requests: 1 },
    ...{ anonymousMemory: 1, residentMemory: 1, generatorBusy: 0, othersBusy: 0 },
  };
}

const ours = [figures(800, 100), figures(1_000, 50), figures(900, 80)];
const theirs = [figures(100, 400), figures(50, 500), figures(300, 800)];

test('the ratio is that of the medians, its spread that of single rounds', () => {
  assert.equal(medianOf(ours, 'requestsPerSecond'), 900);
  assert.deepEqual(ratioOf(ours, theirs, 'requestsPerSecond'), { ofMedians: 9, least: 3, most: 20 });
});

test('less CPU is better, more requests are better', () => {
  assert.deepEqual(ratioOf(ours, theirs, 'cpuMicroseconds'), { ofMedians: 500 / 80, least: 4, most: 10 });
  assert.ok(ratioOf(theirs, ours, 'cpuMicroseconds').ofMedians < 1);
  assert.ok(ratioOf(theirs, ours, 'requestsPerSecond').ofMedians < 1);
});

test('without figures there is no ratio, and none that a floor could be met by', () => {
  const { ofMedians } = ratioOf([], theirs, 'requestsPerSecond');
  assert.ok(Number.isNaN(ofMedians));
});
