import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readResult } from './wrk.ts';

function output(requests: number, errors: Readonly<Record<string, number>>): string {
  const result = { requests, microseconds: 1_000_000, p50: 1, p99: 2, p999: 3, errors };
  return `Running 1s test @ http://127.0.0.1\n\nresult ${JSON.stringify(result)}\n`;
}

const none = { connect: 0, read: 0, write: 0, timeout: 0, status: 0 };

test('a run without errors has a result', () => {
  assert.equal(readResult(output(10, none)).requests, 10);
});

test('one reply that is not 2xx, or one lost connection, fails the run and says how many', () => {
  assert.throws(() => readResult(output(10, { ...none, status: 1 })), /of 10 requests failed: 1 × status/);
  assert.throws(() => readResult(output(10, { ...none, read: 2, timeout: 3 })), /2 × read, 3 × timeout/);
});

test('no answer at all, or no result, is a failure', () => {
  assert.throws(() => readResult(output(0, none)), /no request was answered/);
  assert.throws(() => readResult('unable to connect'), /wrk gave no result:\nunable to connect/);
});
