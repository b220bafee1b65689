/** What an entity or a group gives and takes holds on every thread when the call returns. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { threadedServer, type ThreadedServer } from '../support/threaded-server.ts';

const READ = 'secret/data/a';

async function statuses({ connections }: ThreadedServer, token: string): Promise<readonly number[]> {
  const answers = await Promise.all(connections.map((connection) => connection.ask('GET', READ, { token })));
  return [...new Set(answers.map(({ status }) => status))];
}

test('every thread gives and refuses what a group, a template and a disabled entity say now', async (t) => {
  const threaded = await threadedServer(t);
  const { server, token: root } = threaded;
  const write = async (path: string, body: object) => {
    const { status, json, text } = await server.ask('POST', `/v1/${path}`, { token: root, body });
    assert.ok(status < 300, `${path}: ${text}`);
    return json;
  };
  const dataOf = (json: Readonly<Record<string, unknown>>) => json['data'] as Readonly<Record<string, unknown>>;
  const policy = 'path "secret/data/{{identity.entity.metadata.letter}}" { capabilities = ["read"] }';
  await write('sys/policies/acl/own', { policy });
  await write('auth/token/roles/r', { allowed_entity_aliases: '*', allowed_policies: 'default' });
  const made = await write('auth/token/create/r', { entity_alias: 'web' });
  const auth = made['auth'] as Readonly<Record<string, unknown>>;
  const [token, entity] = [String(auth['client_token']), String(auth['entity_id'])];
  const group = String(dataOf(await write('identity/group', { name: 'dev', policies: 'own' }))['id']);
  for (let round = 0; round < 5; round += 1) {
    assert.deepEqual(await statuses(threaded, token), [403]);
    await write(`identity/entity/id/${entity}`, { metadata: { letter: 'a' } });
    assert.deepEqual(await statuses(threaded, token), [403]);
    await write(`identity/group/id/${group}`, { member_entity_ids: [entity] });
    assert.deepEqual(await statuses(threaded, token), [200]);
    await write(`identity/entity/id/${entity}`, { disabled: true });
    assert.deepEqual(await statuses(threaded, token), [403]);
    await write(`identity/entity/id/${entity}`, { disabled: false });
    assert.deepEqual(await statuses(threaded, token), [200]);
    await write(`identity/entity/id/${entity}`, { metadata: { letter: '+' } });
    assert.deepEqual(await statuses(threaded, token), [403]);
    await write(`identity/group/id/${group}`, { member_entity_ids: [] });
  }
});
