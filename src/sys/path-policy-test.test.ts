import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../framework/field.ts';
import { ask, runningNode } from '../../test/support/node.ts';

const WEB = `# what the web team may do
path "secret/data/web/*" {
  capabilities = ["read", "update"]
  denied_parameters = { "force" = [] }
}
path "secret/data/web/private" { capabilities = ["deny"] }
path "secret/metadata/web/*" { capabilities = ["list"] }
path "sys/audit/*" { capabilities = ["update"] }
path "secret/data/own/{{identity.entity.name}}/*" { capabilities = ["delete"] }
`;
const MORE = 'path "secret/data/web/*" { capabilities = ["delete"] }';

async function world() {
  const { node, root } = await runningNode();
  const write = async (path: string, body: JsonObject, namespace = ''): Promise<JsonObject> => {
    const outcome = await ask(node, 'POST', path, { token: root, body, namespace });
    assert.ok(outcome.status < 300, `${path}: ${String(outcome.status)} ${(outcome.errors ?? []).join()}`);
    return { ...outcome.reply?.data, ...outcome.auth };
  };
  await write('sys/policies/acl/web', { policy: WEB });
  await write('sys/policies/acl/more', { policy: MORE });
  const asked = async (body: JsonObject, token = root, namespace = '') => {
    const { status, reply, errors } = await ask(node, 'POST', 'sys/policies/test', { token, body, namespace });
    const rules = (reply?.data?.['rules'] ?? []) as readonly JsonObject[];
    return { status, errors, ...reply?.data, rules } as JsonObject & { readonly rules: readonly JsonObject[] };
  };
  return { node, root, write, asked };
}

test('the line that allows is told', async () => {
  const { asked } = await world();
  const { allowed, rules } = await asked({
    policies: ['web', 'more'],
    path: 'secret/data/web/db',
    operation: 'delete',
  });
  assert.equal(allowed, true);
  assert.deepEqual(rules, [
    {
      ...{ policy: 'web', namespace: '', path: 'secret/data/web/*', line: 2 },
      ...{ capabilities: ['read', 'update'], effect: 'silent' },
    },
    {
      ...{ policy: 'more', namespace: '', path: 'secret/data/web/*', line: 1 },
      ...{ capabilities: ['delete'], effect: 'grants' },
    },
  ]);
});

test('a policy that does not exist is named, in its own namespace', async () => {
  const { node, root, write } = await world();
  await write('sys/namespaces/team', {});
  const warned = async (policies: readonly string[], namespace = ''): Promise<unknown> => {
    const body = { policies, path: 'secret/data/web/db' };
    return (await ask(node, 'POST', 'sys/policies/test', { token: root, body, namespace })).reply?.warnings;
  };
  assert.deepEqual(await warned(['web', 'wbe']), ['there is no policy "wbe" in this namespace: it allows nothing']);
  assert.deepEqual(await warned(['WEB', 'default', 'root']), []);
  assert.deepEqual(await warned(['web'], 'team'), ['there is no policy "web" in this namespace: it allows nothing']);
});

test('why something is refused is told: no rule, a deny, another operation, a parameter', async () => {
  const { asked } = await world();
  const why = async (body: JsonObject): Promise<readonly unknown[]> => {
    const { allowed, reason, rules } = await asked({ policies: ['web', 'more'], ...body });
    return [allowed, reason, rules.map(({ line, effect }) => `${String(line)} ${String(effect)}`)];
  };
  assert.deepEqual(await why({ path: 'kv/x' }), [false, 'no rule matches the path', []]);
  assert.deepEqual(await why({ path: 'secret/data/web/private' }), [
    false,
    '"deny" is said of secret/data/web/private',
    ['6 denies'],
  ]);
  assert.deepEqual(await why({ path: '/secret/metadata/web/db', operation: 'read' }), [
    false,
    'the rules that go first are those of secret/metadata/web/*: they grant list, not read',
    ['7 silent'],
  ]);
  assert.deepEqual(await why({ path: 'secret/data/web/db', operation: 'update', parameters: { force: true } }), [
    false,
    'secret/data/web/* grants update, but the request does not keep to its denied_parameters',
    ['2 grants', '1 silent'],
  ]);
  // A list is asked of the folder.
  assert.equal((await asked({ policies: ['web'], path: 'secret/metadata/web', operation: 'list' }))['allowed'], true);
});

test('what others have to approve is told', async () => {
  const { asked, write } = await world();
  await write('sys/policies/acl/two', {
    policy: `path "secret/data/top/*" {
      capabilities = ["read", "update"]
      control_group = {
        factor "ops" {
          identity { group_names = ["ops"]
            approvals = 1 }
          controlled_capabilities = ["update"]
        }
      }
    }`,
  });
  const of = async (operation: string) => {
    const { allowed, controlled, reason } = await asked({ policies: ['two'], path: 'secret/data/top/x', operation });
    return [allowed, controlled, reason];
  };
  assert.deepEqual(await of('read'), [true, false, 'secret/data/top/* grants read']);
  assert.deepEqual(await of('update'), [
    ...[true, true],
    'secret/data/top/* grants update, once its control group has approved it',
  ]);
});

test('what wants sudo is not allowed without it', async () => {
  const { asked } = await world();
  const {
    allowed,
    reason,
    sudo_needed: needed,
  } = await asked({
    ...{ policies: ['web'], path: 'sys/audit/file', operation: 'update' },
  });
  assert.deepEqual([allowed, needed], [false, true]);
  assert.match(String(reason), /needs sudo too/);
  assert.equal((await asked({ path: 'sys/audit/file', operation: 'update' }))['allowed'], true);
});

test('who logs in by a name that no entity has is told by the name that theirs has', async () => {
  const { node, root, write, asked } = await world();
  await write('sys/auth/people', { type: 'userpass' });
  await write('sys/auth/others', { type: 'userpass' });
  const { reply } = await ask(node, 'GET', 'sys/auth/people', { token: root });
  const made = await write('identity/entity', { name: 'e-1' });
  const alias = { name: 'Ada', mount_accessor: String(reply?.data?.['accessor']), canonical_id: made['id'] ?? '' };
  await write('identity/entity-alias', alias);
  const about = { path: 'secret/data/own/e-1/x', operation: 'delete' };
  assert.deepEqual((await asked({ entity_name: 'ada', ...about })).errors, [
    'there is no entity "ada" in this namespace: who logs in as that is "e-1" (auth/people/)',
  ]);
  assert.deepEqual((await asked({ entity_name: 'bob', ...about })).errors, [
    'there is no entity "bob" in this namespace: list identity/entity/name tells their names',
  ]);
});

test('an entity is asked about with its groups, and its templates are filled', async () => {
  const { asked, write } = await world();
  const made = await write('identity/entity', { name: 'ada' });
  await write('identity/group', { name: 'web', policies: ['web'], member_entity_ids: [made['id'] ?? ''] });
  const own = { path: 'secret/data/own/ada/x', operation: 'delete' };
  assert.equal((await asked({ entity_name: 'ada', ...own }))['allowed'], true);
  assert.equal((await asked({ entity_id: made['id'] ?? '', ...own }))['allowed'], true);
  assert.equal((await asked({ policies: ['web'], ...own }))['allowed'], false);
  assert.equal((await asked({ entity_name: 'ada', ...own, path: 'secret/data/own/bob/x' }))['allowed'], false);
  await write('identity/entity/name/ada', { disabled: true });
  assert.equal((await asked({ entity_name: 'ada', ...own }))['allowed'], false);
});

test('a token is asked about by itself, by its accessor, or by being the caller', async () => {
  const { asked, write } = await world();
  const made = await write('auth/token/create', { policies: ['web'], no_default_policy: true });
  const path = 'secret/data/web/db';
  assert.equal((await asked({ token: made['client_token'] ?? '', path }))['allowed'], true);
  assert.equal((await asked({ accessor: made['accessor'] ?? '', path }))['allowed'], true);
  assert.equal((await asked({ path: 'any/thing' }))['reason'], 'the root policy allows everything');
  // Whom it is about cannot be asked without the right to ask.
  assert.equal((await asked({ path }, String(made['client_token'])))['status'], 403);
});

test('nobody is asked about from another namespace, and what makes no sense is refused', async () => {
  const { asked, write } = await world();
  await write('sys/namespaces/team', {});
  const made = await write('auth/token/create', { policies: ['web'] });
  await write('identity/entity', { name: 'ada' });
  const inTeam = { namespace: 'team' };
  for (const whom of [
    { accessor: made['accessor'] ?? '' },
    { token: made['client_token'] ?? '' },
    { entity_name: 'ada' },
  ]) {
    assert.equal((await asked({ ...whom, path: 'secret/x' }, undefined, inTeam.namespace))['status'], 400);
  }
  await write('sys/policies/acl/web', { policy: 'path "kv/*" { capabilities = ["read"] }' }, 'team');
  const below = await asked({ policies: ['web'], path: 'kv/x' }, undefined, 'team');
  assert.deepEqual([below['allowed'], below.rules[0]?.['namespace']], [true, 'team/']);
  for (const body of [
    { path: '' },
    { path: '/' },
    { operation: 'read' },
    { path: 'a', operation: 'fly' },
    { path: 'a', accessor: 'x', policies: ['web'] },
    { path: 'a', entity_name: 'nobody' },
    { path: 'a', parameters: 'x' },
  ]) {
    assert.equal((await asked(body))['status'], 400, JSON.stringify(body));
  }
});

test('a recovery is allowed by create and sudo too, as a request for it is', async () => {
  const { write, asked } = await world();
  await write('sys/policies/acl/brings', {
    policy: `path "secret/data/a" { capabilities = ["create", "sudo"] }
      path "secret/data/b" { capabilities = ["create"] }`,
  });
  const tried = async (path: string) => asked({ policies: ['brings'], path, operation: 'recover' });
  const [a, b] = [await tried('secret/data/a'), await tried('secret/data/b')];
  assert.deepEqual([a['allowed'], b['allowed']], [true, false], String(a['reason']));
  assert.match(String(a['reason']), /create/);
});

test('sudo waits for an approval where all of the path does', async () => {
  const { write, asked } = await world();
  await write('sys/policies/acl/waits', {
    policy: `path "sys/audit/x" { capabilities = ["update", "sudo"]
      control_group = { factor "ops" { identity { group_names = ["managers"] approvals = 1 } } } }`,
  });
  const { allowed, controlled } = await asked({ policies: ['waits'], path: 'sys/audit/x', operation: 'sudo' });
  assert.deepEqual([allowed, controlled], [true, true]);
});
