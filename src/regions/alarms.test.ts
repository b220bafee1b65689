import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Alarms, type AlarmEvent } from './alarms.ts';

function listening() {
  let now = 0;
  const said: AlarmEvent[] = [];
  const alarms = new Alarms(
    (event) => said.push(event),
    () => now,
  );
  return {
    ...{ alarms, said },
    later: (ms: number) => {
      now += ms;
    },
  };
}

const event = (what: string, region = 'eu'): AlarmEvent => ({ region, address: '10.0.0.1', what, detail: 'd' });

test('a flood of one kind is counted, and hides no other kind and no other region', () => {
  const { alarms, said, later } = listening();
  using _alarms = alarms;
  for (let n = 0; n < 1_000; n += 1) alarms.raise(event('ackHash'));
  assert.equal(said.length, 32);
  alarms.raise(event('clone'));
  alarms.raise(event('ackHash', 'us'));
  assert.deepEqual(
    said.slice(32).map(({ region, what }) => `${region} ${what}`),
    ['eu clone', 'us ackHash'],
  );
  alarms.flush();
  assert.equal(said.at(-1)?.detail, 'd (and 967 more such tries)');
  later(10_000);
  for (let n = 0; n < 3; n += 1) alarms.raise(event('ackHash'));
  assert.equal(said.length, 36);
});

test('what was held back is on record when the hub ends, and strangers cannot fill the memory', () => {
  const { alarms, said } = listening();
  for (let n = 0; n < 40; n += 1) alarms.raise(event('identity'));
  for (let n = 0; n < 10_000; n += 1) alarms.raise(event('enrolment', `stranger-${String(n)}`));
  const before = said.length;
  assert.ok(before < 4_200, String(before));
  alarms[Symbol.dispose]();
  assert.ok(said.slice(before).some(({ what, detail }) => what === 'identity' && detail.includes('7 more')));
  assert.ok(said.slice(before).some(({ what }) => what === 'enrolment'));
});
