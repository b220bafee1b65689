import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics } from '../lib/metrics/metrics.ts';
import { measure } from './measure.ts';

const none = { values: () => [].values() };

test('looks are counted for each ExternalSecret, and what is gone leaves no series behind', async () => {
  const there = new Map([['shop/app', { metadata: { name: 'app', namespace: 'shop' } }]]);
  const externalSecrets = { values: () => there.values(), get: (key: string) => there.get(key) };
  const metrics = new Metrics();
  const { timed, failed } = measure(metrics, {
    ...{ externalSecrets, stores: none, pushSecrets: none, staleMs: 0 },
    ...{ clusterExternalSecrets: undefined, clusterPushSecrets: undefined, clusterStores: undefined },
  });
  const counts = (): unknown =>
    metrics.read().counters.map(({ name, samples }) => [name, ...samples.map(({ labels, value }) => [labels, value])]);
  const app = { name: 'app', namespace: 'shop' };
  assert.equal(await timed('shop/app', () => Promise.resolve('made')), 'made');
  failed('shop/app');
  await assert.rejects(
    timed('shop/app', () => Promise.reject(new Error('away'))),
    /away/,
  );
  assert.deepEqual(counts(), [
    ['externalsecret_sync_calls_total', [app, 2]],
    ['externalsecret_sync_calls_error', [app, 1]],
  ]);
  there.clear();
  await timed('shop/app', () => Promise.resolve());
  assert.deepEqual(counts(), []);
});
