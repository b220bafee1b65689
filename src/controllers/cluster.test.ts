import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubernetesApi } from '../kube/api.ts';
import { Cluster } from './cluster.ts';

/** An API server that takes words when it is told to, or refuses them. */
function slowCluster(urgent: () => boolean) {
  const sent: string[] = [];
  const open: (() => void)[] = [];
  const refuse: ((error: Error) => void)[] = [];
  const api = {
    tell: ({ path }: { readonly path: string }) => {
      sent.push(path.split('/').at(-2) ?? '');
      return new Promise<void>((resolve, reject) => {
        open.push(resolve);
        refuse.push(reject);
      });
    },
  } as unknown as KubernetesApi;
  const nothing = (): void => undefined;
  const cluster = new Cluster(api, { failed: nothing, untold: nothing, urgent });
  const write = (name: string): Promise<void> =>
    cluster.writeStatus({ metadata: { namespace: 'shop', name }, spec: {} }, {});
  return { cluster, sent, open, refuse, write };
}

test('a status is waited for; one behind others is not, so that it holds up no Secret', async () => {
  const { sent, open, write } = slowCluster(() => false);
  let written = false;
  const first = write('first').then(() => (written = true));
  await Promise.resolve();
  assert.deepEqual([sent, written], [['first'], false]);
  for (let each = 0; each < 8; each += 1) void write(`other-${String(each)}`);
  await write('behind');
  assert.equal(sent.includes('behind'), false);
  open[0]?.();
  await first;
});

test('while Secrets wait to be made no status is waited for', async () => {
  const { sent, write } = slowCluster(() => true);
  await write('a');
  await write('b');
  assert.deepEqual(sent, ['a']);
});

test('a status that waits is what the next one is made of; one that was refused is said again', async () => {
  const { cluster, refuse } = slowCluster(() => false);
  const es = { metadata: { namespace: 'shop', name: 'db' }, spec: {}, status: { syncedResourceVersion: '1-a' } };
  const told = cluster.writeStatus(es, { syncedResourceVersion: '2-a' });
  assert.deepEqual(cluster.statusOf(es), { syncedResourceVersion: '2-a' });
  refuse[0]?.(new Error('no'));
  await told;
  assert.deepEqual(cluster.statusOf(es), es.status);
});
