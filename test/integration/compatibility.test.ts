/** The table of all endpoints tells the truth about the server: docs/compatibility-endpoints.md. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compatibilityTable, keyOf, offered, type OpenApi } from '../support/compatibility.ts';
import { ask, runningNode } from '../support/node.ts';

async function ours() {
  const { node, root: token } = await runningNode();
  await ask(node, 'POST', 'sys/mounts/kv1', { token, body: { type: 'kv' } });
  await ask(node, 'POST', 'sys/mounts/secret', { token, body: { type: 'kv-v2' } });
  for (const type of ['approle', 'aws', 'cert', 'userpass', 'ldap', 'jwt', 'kubernetes', 'spiffe']) {
    const made = await ask(node, 'POST', `sys/auth/${type}`, { token, body: { type } });
    assert.equal(made.status, 204, `${type}: ${JSON.stringify(made.errors)}`);
  }
  const { reply } = await ask(node, 'GET', 'sys/internal/specs/openapi', { token });
  return offered(reply?.bare as unknown as OpenApi);
}

const rows = new Map(compatibilityTable().map((row) => [keyOf(row.method, row.path), row]));

test('each endpoint stands in the table once', () => {
  assert.equal(compatibilityTable().length, rows.size);
  assert.ok(rows.size > 300);
});

test('what the server offers is in the table, with all of its parameters', async () => {
  const wrong: string[] = [];
  for (const [key, { path, parameters }] of await ours()) {
    const row = rows.get(key);
    if (row === undefined) wrong.push(`${key} (${path}) is not in the table`);
    else if (row.standing === 'not here') wrong.push(`${key} is there, and the table says that it is not`);
    else if ([...parameters].sort().join() !== [...row.parameters].sort().join()) {
      wrong.push(`${key} has the parameters ${[...parameters].sort().join(', ')}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('what the table says is here is offered', async () => {
  const offers = await ours();
  const gone = [...rows].filter(([key, { standing }]) => standing !== 'not here' && !offers.has(key));
  assert.deepEqual(
    gone.map(([key]) => key),
    [],
  );
});
