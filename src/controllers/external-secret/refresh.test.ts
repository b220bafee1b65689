import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProviderProblem } from '../../providers/contract.ts';
import { syncedVersion } from './hash.ts';
import type { ExternalSecret } from './definition.ts';
import { isDue, untilDue } from './refresh.ts';
import { opensAt } from './sync-windows.ts';

const HOUR = 3_600_000;
const at = (time: string): number => Date.parse(`2026-11-29T${time}:00Z`);
const windows = (kind: 'allow' | 'deny', ...all: readonly (readonly [schedule: string, duration: string])[]) => ({
  ...{ kind, windows: all.map(([schedule, duration]) => ({ schedule, duration })) },
});

test('a window that allows is open from its beginning for its time', () => {
  const nightly = windows('allow', ['0 2 * * *', '2h']);
  assert.equal(opensAt(nightly, at('02:00')), at('02:00'));
  assert.equal(opensAt(nightly, at('03:59')), at('03:59'));
  assert.equal(opensAt(nightly, at('04:00')), at('02:00') + 24 * HOUR);
  assert.equal(opensAt(nightly, at('01:00')), at('02:00'));
  assert.equal(opensAt(windows('allow', ['0 2 * * *', '1h'], ['0 12 * * *', '1h']), at('09:00')), at('12:00'));
  // Over midnight, and longer than the time between two beginnings.
  assert.equal(opensAt(windows('allow', ['0 23 * * *', '3h']), at('01:30')), at('01:30'));
  assert.equal(opensAt(windows('allow', ['0 * * * *', '90m']), at('05:45')), at('05:45'));
});

test('a window that denies is closed, and what follows on it with it', () => {
  const day = windows('deny', ['0 8 * * *', '4h'], ['30 11 * * *', '6h']);
  assert.equal(opensAt(day, at('07:59')), at('07:59'));
  assert.equal(opensAt(day, at('08:00')), at('17:30'));
  assert.equal(opensAt(windows('deny', ['* * * * *', '2m']), at('08:00')), Number.POSITIVE_INFINITY);
  assert.equal(opensAt(undefined, 5), 5);
});

test('what is no window is said', () => {
  for (const wrong of [
    windows('allow', ['every day', '1h']),
    windows('deny', ['0 2 * * *', '0s']),
    windows('allow', ['0 0 2 * * *', '1h']),
  ])
    assert.throws(() => opensAt(wrong, 0), ProviderProblem, JSON.stringify(wrong));
  assert.throws(() => opensAt(windows('allow', ['0 2 * * *', 'long']), 0), /duration/);
});

const es = (spec: ExternalSecret['spec'] = {}): ExternalSecret => ({
  metadata: { name: 'db', generation: 2 },
  spec: { refreshInterval: '1h', syncWindows: windows('allow', ['0 2 * * *', '2h']), ...spec },
});
const version = syncedVersion(es().metadata);

test('only what is due by time waits for its window', () => {
  const old = { version, at: at('06:00') };
  assert.equal(isDue(es(), old, at('08:00')), false);
  assert.equal(isDue(es(), old, at('02:30') + 24 * HOUR), true);
  assert.equal(isDue(es(), { version: '1-other', at: at('06:00') }, at('08:00')), true, 'its object changed');
  assert.equal(isDue(es(), undefined, at('08:00')), true, 'it was never synced');
  assert.equal(isDue(es(), { ...old, expired: true }, at('06:30')), false, 'a change that is pushed waits as well');
  assert.equal(isDue(es({ syncWindows: undefined as never }), { ...old, expired: true }, at('06:30')), true);
});

test('it is looked at when its window opens, or when it is due within it', () => {
  const until = (last: number, now: number) => untilDue(es(), { version, at: last }, now, 0);
  assert.equal(until(at('02:30'), at('02:45')), 45 * 60_000);
  assert.equal(until(at('03:30'), at('03:45')), at('02:00') + 24 * HOUR - at('03:45'));
  const never = es({ syncWindows: windows('deny', ['* * * * *', '2m']) });
  assert.equal(untilDue(never, { version, at: at('03:00') }, at('08:00'), 0), undefined);
  assert.equal(untilDue(never, { version, at: at('03:00'), expired: true }, at('08:00'), 0), undefined);
});
