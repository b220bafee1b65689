import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubernetesApi } from '../kube/api.ts';
import { Cluster } from './cluster.ts';

/** An API server that takes words when it is told to. */
function slowCluster(urgent: () => boolean) {
  const sent: string[] = [];
  const open: (() => void)[] = [];
  const api = {
    tell: ({ path }: { readonly path: string }) => {
      sent.push(path.split('/').at(-2) ?? '');
      return new Promise<void>((resolve) => open.push(resolve));
    },
  } as unknown as KubernetesApi;
  const nothing = (): void => undefined;
  const cluster = new Cluster(api, { failed: nothing, untold: nothing, urgent });
  const write = (name: string): Promise<void> => cluster.writeStatus({ namespace: 'shop', name }, {});
  return { sent, open, write };
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
