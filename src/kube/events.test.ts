import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Asking, KubernetesApi } from './api.ts';
import { EventRecorder } from './events.ts';

test('what an event tells is short, and what is the same as far as it is told is told once', async () => {
  const told: string[] = [];
  const api = {
    tell: ({ body }: Asking) => {
      told.push((body as { readonly message: string }).message);
      return Promise.resolve();
    },
  } as unknown as KubernetesApi;
  const events = new EventRecorder(api);
  const about = { kind: 'ExternalSecret', metadata: { namespace: 'shop', name: 'db' } };
  // A store that calls its values otherwise each time, at length: what is remembered of it must not be as long.
  for (const end of ['one', 'two', 'three'])
    events.record(about, { type: 'Warning', reason: 'UpdateFailed', message: 'x'.repeat(100_000) + end });
  events.record(about, { type: 'Warning', reason: 'UpdateFailed', message: 'short' });
  await events.close(true);
  assert.deepEqual(
    told.map((each) => each.length),
    [1_024, 5],
  );
});
