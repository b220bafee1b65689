import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acknowledgeOn, answer, memberKey, sent, stand, startWait } from './convergence.ts';
import type { Member, SentOn, StandingEvent, Standings } from './convergence.ts';

const at = (sequence: number, epoch = '1.a') => ({ epoch, sequence });
const region = (name: string): Member => ({ kind: 'region', name, region: undefined, expires: undefined });
const agent = (name: string, expires?: number): Member => ({ kind: 'consumer', name, region: 'eu', expires });

function standings(...events: readonly (readonly [Member, StandingEvent, number?])[]): Standings {
  return events.reduce<Standings>((all, [who, event, now]) => stand(all, memberKey(who), event, now ?? 0), new Map());
}

test('a wait is done when all of its members acknowledged its index, whoever comes later', () => {
  const roster = [region('eu'), region('us')];
  const wait = startWait(at(5), roster);
  const acked = standings(
    [region('eu'), { type: 'acknowledged', position: at(5) }],
    [region('us'), { type: 'acknowledged', position: at(9) }],
  );
  assert.equal(answer(wait, acked, [...roster, region('ap')], 0).state, 'done');
  assert.equal(answer(startWait(at(6), roster), acked, roster, 0).state, 'missing');
});

test('who is missing is named with the reason', () => {
  const roster = [region('eu'), region('us'), region('ap'), region('sa'), region('af')];
  const now = standings(
    [region('eu'), { type: 'acknowledged', position: at(4) }],
    [region('us'), { type: 'acknowledged', position: at(3) }, 10],
    [region('us'), { type: 'offline' }, 99],
    [region('ap'), { type: 'opened' }],
    [region('sa'), { type: 'acknowledged', position: at(9, '2.b') }],
  );
  assert.deepEqual(
    answer(startWait(at(5), roster), now, roster, 100).missing.map(({ member, lack }) => [member.name, lack]),
    [
      ['eu', { why: 'behind', at: at(4) }],
      ['us', { why: 'offline', since: 10, at: at(3) }],
      ['ap', { why: 'neverAcknowledged' }],
      ['sa', { why: 'otherEpoch', at: at(9, '2.b') }],
      ['af', { why: 'neverAcknowledged' }],
    ],
  );
});

test('nobody to ask is no success', () => {
  assert.equal(answer(startWait(at(1), []), new Map(), [region('eu')], 0).state, 'nobody');
  const gone = answer(startWait(at(1), [region('eu')]), new Map(), [], 0);
  assert.deepEqual([gone.state, gone.released.map((each) => each.why)], ['nobody', ['deregistered']]);
});

test('an offline consumer counts until it is deregistered or its time is over', () => {
  const roster = [region('eu'), agent('a', 1_000)];
  const now = standings(
    [region('eu'), { type: 'acknowledged', position: at(5) }],
    [agent('a'), { type: 'opened' }],
    [agent('a'), { type: 'offline' }, 10],
  );
  const wait = startWait(at(5), roster);
  assert.equal(answer(wait, now, roster, 999).state, 'missing');
  const expired = answer(wait, now, roster, 1_000);
  assert.deepEqual([expired.state, expired.released.map((each) => each.why)], ['done', ['expired']]);
  const online = stand(now, memberKey(agent('a')), { type: 'heard' }, 20);
  assert.equal(answer(wait, online, roster, 2_000).state, 'missing');
  assert.equal(answer(wait, now, [region('eu')], 11).released[0]?.why, 'deregistered');
});

test('a new stream forgets what was acknowledged before', () => {
  const roster = [region('eu')];
  const now = standings([region('eu'), { type: 'acknowledged', position: at(5) }], [region('eu'), { type: 'opened' }]);
  assert.equal(answer(startWait(at(5), roster), now, roster, 0).state, 'missing');
});

test('a consumer acknowledges only what was sent on its own stream', () => {
  let stream: SentOn | undefined = { nonce: 'n', pending: [], acknowledged: undefined };
  for (const sequence of [3, 5, 9]) stream = stream && sent(stream, at(sequence), 3);
  assert.ok(stream);
  assert.equal(sent(stream, at(10), 3), undefined, 'a slow subscriber is cut off');
  assert.equal(acknowledgeOn(stream, { nonce: 'other', position: at(3) }), 'nonce');
  assert.equal(acknowledgeOn(stream, { nonce: 'n', position: at(4) }), 'neverSent');
  assert.equal(acknowledgeOn(stream, { nonce: 'n', position: at(99) }), 'neverSent');
  assert.equal(acknowledgeOn(stream, { nonce: 'n', position: at(5, '2.b') }), 'neverSent');
  const five = acknowledgeOn(stream, { nonce: 'n', position: at(5) });
  assert.deepEqual(five, { nonce: 'n', pending: [at(9)], acknowledged: at(5) });
  assert.ok(typeof five !== 'string');
  assert.equal(acknowledgeOn(five, { nonce: 'n', position: at(3) }), 'backwards');
  assert.deepEqual(acknowledgeOn(five, { nonce: 'n', position: at(5) }), five);
});
