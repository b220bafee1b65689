import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../../../test/support/node.ts';
import { signingKey } from '../../lib/jwt/issuer.testing.ts';
import { portOf, serveOn } from '../../server/server.testing.ts';
import { run } from '../main.ts';
import { terminalOf } from '../terminal.testing.ts';

test('a mount without a configuration is no cluster yet, and is named beside those that are', async () => {
  const { node, root } = await runningNode();
  const serving = await serveOn({}, node);
  const write = async (path: string, body: Readonly<Record<string, unknown>>): Promise<void> => {
    const { status, errors } = await ask(node, 'POST', path, { token: root, body });
    assert.ok(status < 300, `${path}: ${JSON.stringify(errors)}`);
  };
  const listed = async () => {
    const { terminal, written } = terminalOf();
    const before = process.env;
    process.env = { VAULT_TOKEN: root, HOME: '/nonexistent' };
    try {
      const address = `-address=http://127.0.0.1:${String(portOf(serving))}`;
      return { code: await run(['clusters', 'list', address], terminal), ...written() };
    } finally {
      process.env = before;
    }
  };
  await write('sys/auth/bare', { type: 'kubernetes' });
  const none = await listed();
  assert.deepEqual([none.code, /There are no clusters yet/.test(none.stdout)], [0, true]);
  assert.match(none.stderr, /without a configuration: bare\./);
  await write('sys/auth/prod-eu', { type: 'kubernetes' });
  await write('auth/prod-eu/config', { pem_keys: [(await signingKey('ES256', 'one')).pem], issuer: 'https://cluster' });
  const one = await listed();
  assert.match(one.stdout, /^prod-eu +https:\/\/cluster/m);
  assert.doesNotMatch(one.stdout, /bare/);
  assert.match(one.stderr, /without a configuration: bare\./);
  await write('auth/bare/config', { pem_keys: [(await signingKey('ES256', 'two')).pem], issuer: 'https://other' });
  assert.equal((await listed()).stderr, '');
  await serving.close();
  await node[Symbol.asyncDispose]();
});
