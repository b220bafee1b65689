/** Leases that servers and clocks make odd. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '../client/client.ts';
import type { Envelope } from '../client/envelope.ts';
import { issue } from '../server/certificates.testing.ts';
import { HeldLeases, leaseOf, leaseOfMade, type Lease } from './leases.ts';
import { readSecret, renewLease } from './source.ts';

const { signal } = new AbortController();
const holder = {};
const DAY = 86_400;

const envelope = (more: object): Envelope =>
  ({ lease_id: '', lease_duration: 0, renewable: false, data: {}, ...more }) as unknown as Envelope;

test('a lease that is no length of time, or shorter than a second, is none', () => {
  for (const lease_duration of [0, -1, 0.001, Number.NaN, 'never', null]) {
    assert.equal(leaseOf(envelope({ lease_id: 'a', lease_duration }), holder), undefined, String(lease_duration));
  }
  assert.equal(leaseOf(envelope({ lease_id: 'a', lease_duration: 1 }), holder)?.seconds, 1);
});

test('a certificate is not ordered at once again, nor is it kept for years, by a clock that is wrong', async () => {
  // It holds from a day ago on.
  const { certPem: certificate } = await issue({ name: 'own' });
  const expiration = Math.floor(Date.now() / 1_000) + DAY;
  const made = envelope({ data: { certificate, expiration } });
  const left = (now: number): number => Math.round(leaseOfMade(made, holder, now).seconds / 60);
  assert.equal(left(Date.now()), DAY / 60);
  assert.equal(left(Date.now() + 2 * DAY * 1_000), (2 * DAY) / 60, 'ahead');
  assert.equal(left(0), (2 * DAY) / 60, 'behind');
  const damaged = envelope({ data: { certificate: 'no certificate', expiration } });
  assert.equal(leaseOfMade(damaged, holder, Date.now()).seconds, 300);
});

test('a renewal whose answer is no length of time is none', async () => {
  const lease: Lease = { id: 'a', seconds: 60, renewable: true, first: 60, holder };
  for (const lease_duration of ['never', null, -1, 0, 29, undefined]) {
    const client = { write: () => Promise.resolve({ lease_duration, renewable: true }) } as unknown as Client;
    assert.equal(await renewLease(client, lease, signal), undefined, String(lease_duration));
  }
});

test('what was made without an answer is not made with each connection again', async () => {
  const client = { write: () => Promise.resolve(undefined) } as unknown as Client;
  const question = { kind: 'write', path: 'transit/keys/a', body: {}, optional: false } as const;
  const answer = await readSecret({ client, holder }, question, signal);
  assert.deepEqual([answer.kind, answer.kind === 'missing' && answer.lease?.seconds], ['missing', 300]);
});

test('a lease that is due comes before what is tried again in its time, and is not in a hurry itself where that is it', () => {
  let up = 0;
  const leases = new HeldLeases(() => ({ boot: 'b', up, wall: up }), 0.5);
  leases.signedIn(holder);
  const lease = { id: 'x', renewable: true, holder };
  leases.hold('a', { ...lease, seconds: 20, first: 20 });
  leases.hold('b', { ...lease, seconds: 60, first: 60 });
  up = 12;
  assert.deepEqual([leases.due, leases.next(new Set())], [['a'], 0]);
  assert.equal(leases.next(new Set(['a'])), 18);
  assert.equal(leases.next(new Set(['a', 'b'])), Number.POSITIVE_INFINITY);
});
