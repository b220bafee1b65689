import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../../test/support/node.ts';

test('an empty path among others is refused: nobody can ask for it', async () => {
  const { node, root: token } = await runningNode();
  await using _ = node;
  const asked = (paths: readonly string[]) => ask(node, 'POST', 'sys/capabilities-self', { token, body: { paths } });
  assert.deepEqual((await asked(['sys/mounts', ''])).errors, ['missing path: one of the paths is empty']);
  assert.deepEqual((await asked(['sys/mounts'])).reply?.data, { 'sys/mounts': ['root'], capabilities: ['root'] });
});
