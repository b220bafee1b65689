import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLockstepError } from '../../errors.ts';
import { capabilitySet } from './capability.ts';
import { compile, isAllowedOutright, parsePolicy, type Acl } from './index.ts';
import type { Policy } from './rule.ts';

const policy = (name: string, document: string, more: Partial<Policy> = {}): Policy => ({
  ...{ name, namespace: '', rules: parsePolicy(document) },
  ...more,
});

const factor = (name: string, more = '', identity = 'group_names = ["g"] approvals = 1'): string =>
  `factor "${name}" { ${more} identity { ${identity} } }`;

const rule = (path: string, control: string, capabilities = '["read", "list"]'): string =>
  `path "${path}" { capabilities = ${capabilities} control_group = { ${control} } }`;

const plain = (path: string, capabilities = '["read", "list"]'): string =>
  `path "${path}" { capabilities = ${capabilities} }`;

const names = (acl: Acl, operation: 'read' | 'list' | 'update', path: string, sudo = false): readonly string[] => {
  const { allowed, control } = acl.allows(operation, path, { sudo });
  assert.ok(allowed, path);
  return control?.factors.map((each) => each.name) ?? [];
};

function refusal(document: string): string {
  try {
    parsePolicy(document);
  } catch (error) {
    assert.ok(isLockstepError(error, 'badRequest'), String(error));
    return error.message;
  }
  return '';
}

test('the forms of HCL and JSON say the same', () => {
  const wanted = {
    ttl: 14_400,
    factors: [
      {
        ...{ name: 'ops', groupNames: ['managers'], groupIds: ['7f'], approvals: 2, selfAllowed: true, namespace: '' },
        capabilities: capabilitySet(['read']),
      },
    ],
  };
  const inner =
    'controlled_capabilities = ["read"] identity { group_names = ["managers"] group_ids = ["7f"] approvals = 2 }';
  const json = {
    ttl: '4h',
    self_auth_allowed: true,
    factor: {
      ops: {
        controlled_capabilities: ['read'],
        identity: { group_names: ['managers'], group_ids: ['7f'], approvals: 2 },
      },
    },
  };
  const documents = [
    `path "a" { capabilities = ["read"] control_group = { ttl = "4h" self_auth_allowed = true factor "ops" { ${inner} } } }`,
    `path "a" { capabilities = ["read"] control_group { ttl = 14400 self_auth_allowed = "true" factor "ops" { ${inner} } } }`,
    JSON.stringify({ path: { a: { capabilities: ['read'], control_group: json } } }),
    JSON.stringify({ path: [{ a: { capabilities: ['read'], control_group: [{ ...json, factor: [json.factor] }] } }] }),
  ];
  for (const document of documents) {
    assert.deepEqual(parsePolicy(document)[0]?.constraints.controlGroup, wanted, document);
  }
});

test('what is broken is refused, and the path is named', () => {
  const one = factor('f');
  const identity = (text: string): string => factor('f', '', text);
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /it needs at least one factor/],
    ['factor = 1', /factor must be a block/],
    ['factor { identity { } }', /factor needs|unknown key|needs a name|needs identity/],
    [factor(''), /a factor needs a name/],
    [`${one} ${one}`, /two factors have one name/],
    ['factor "f" { }', /factor "f": it needs identity/],
    ['factor "f" { identity { group_names = ["g"] approvals = 1 } identity { } }', /identity is set twice/],
    // OpenBao issue 3666: without approvals, or with none, nobody would have to approve.
    [identity('group_names = ["g"]'), /approvals is missing/],
    ...['0', '-1', '1.5', '"two"', 'true', '[1]', '101', '1e9'].map(
      (count) => [identity(`group_names = ["g"] approvals = ${count}`), /approvals must be a whole number/] as const,
    ),
    [identity('approvals = 1'), /nobody could approve/],
    [identity('group_names = [] group_ids = [] approvals = 1'), /nobody could approve/],
    [identity('group_names = "g" approvals = 1'), /group_names must be a list of strings/],
    [identity('group_names = [" "] approvals = 1'), /group_names must be a list of strings/],
    [identity('group_names = [1] approvals = 1'), /group_names must be a list of strings/],
    [identity('groups = ["g"] approvals = 1'), /unknown key `groups`/],
    [`ttl = "soon" ${one}`, /ttl must be a duration/],
    [`ttl = -1 ${one}`, /ttl must be a duration/],
    [`self_auth_allowed = "maybe" ${one}`, /self_auth_allowed must be true or false/],
    [`selfauth_allowed = true ${one}`, /unknown key `selfauth_allowed`: did you mean `self_auth_allowed`/],
    [factor('f', 'controlled_capabilities = ["update"]'), /controlled_capabilities has update, the path grants/],
    [factor('f', 'controlled_capabilities = ["raed"]'), /unknown capability `raed`: did you mean `read`/],
    [factor('f', 'controlled_capabilities = ["deny"]'), /unknown capability `deny`/],
    [factor('f', 'controlled_capabilities = "read"'), /controlled_capabilities must be a list/],
    [factor('f', 'name = "x"'), /unknown key `name`/],
    [Array.from({ length: 33 }, (_, at) => factor(`f${String(at)}`)).join(' '), /more than 32 factors/],
    [identity(`group_names = [${'"g",'.repeat(65)}] approvals = 1`), /more than 64 groups/],
  ];
  for (const [control, expected] of cases) {
    const message = refusal(rule('secret/a', control));
    assert.match(message, expected, control);
    if (!/must be a block|needs a label/.test(message))
      assert.match(message, /path "secret\/a": control_group/, control);
  }
  assert.match(refusal(`path "a" { control_group = true }`), /control_group must be a block/);
  const twice = `path "a" { capabilities = ["read"] control_group { ${one} } control_group { ${factor('g')} } }`;
  assert.match(refusal(twice), /control_group is set twice/);
});

test('factors of all policies of a path add up, and each keeps its own terms', () => {
  const acl = compile(
    [
      policy(
        'a',
        rule('s/a', `self_auth_allowed = true ttl = "2h" ${factor('a', 'controlled_capabilities = ["read"]')}`),
      ),
      policy('b', rule('s/a', `ttl = "1h" ${factor('b')}`), { namespace: '' }),
      policy('c', plain('s/a', '["update"]')),
    ],
    0,
  );
  assert.deepEqual(names(acl, 'read', 's/a'), ['a', 'b']);
  assert.deepEqual(names(acl, 'list', 's/a'), ['b']);
  // Also for what another policy grants.
  assert.deepEqual(names(acl, 'update', 's/a'), ['b']);
  const { control } = acl.allows('read', 's/a');
  assert.equal(control?.ttl, 3_600);
  assert.deepEqual(
    control.factors.map(({ selfAllowed }) => selfAllowed),
    [true, false],
  );
  assert.equal(acl.allows('update', 's/b').allowed, false);
});

test('a rule is found by every spelling that leads to its place', () => {
  const acl = compile([policy('a', rule('s/a', factor('f'))), policy('b', `${plain('s/*')}\n${plain('s/a/')}`)], 0);
  assert.deepEqual(names(acl, 'read', 's/a'), ['f']);
  assert.deepEqual(names(acl, 'read', 's/a/'), ['f']);
  assert.deepEqual(names(acl, 'list', 's/a/'), ['f']);
  assert.deepEqual(names(acl, 'read', 's/a/b'), []);
  const wild = compile([policy('a', `${rule('s/+/x', factor('p'))}\n${rule('t/*', factor('g'))}`)], 0);
  assert.deepEqual(names(wild, 'read', 's/a/x'), ['p']);
  assert.deepEqual(names(wild, 'read', 's/a/x/'), ['p']);
  assert.deepEqual(names(wild, 'list', 't/'), ['g']);
  assert.equal(wild.allows('read', 's/a/b/x').allowed, false);
});

test('a rule whose template cannot be filled leaves nothing open', () => {
  const rules = `${rule('s/{{identity.entity.name}}/*', factor('f'))}\n${plain('s/*')}`;
  const stranger = compile([policy('a', rules)], 0);
  assert.equal(stranger.allows('read', 's/bob/x').allowed, false);
  assert.equal(stranger.allows('read', 's/bob').allowed, true);
  const subject = { entity: { id: '1', name: 'bob', metadata: null, aliases: [] }, groups: [] };
  const bob = compile([policy('a', rules, { subject })], 0);
  assert.deepEqual(names(bob, 'read', 's/bob/x'), ['f']);
  assert.deepEqual(names(bob, 'read', 's/eve/x'), []);
  const hostile = { ...subject, entity: { ...subject.entity, name: 'b/*' } };
  assert.equal(compile([policy('a', rules, { subject: hostile })], 0).allows('read', 's/b/x').allowed, false);
});

test('sudo that needs an approval does not count in passing', () => {
  const acl = compile(
    [policy('a', rule('s/a', factor('f', 'controlled_capabilities = ["sudo"]'), '["update", "sudo"]'))],
    0,
  );
  assert.deepEqual(names(acl, 'update', 's/a', true), ['f']);
  assert.deepEqual(names(acl, 'update', 's/a'), []);
  assert.equal(acl.allows('update', 's/a').sudo, false);
  assert.equal(acl.allows('update', 's/a', { sudo: true }).sudo, true);
  assert.equal(acl.allows('read', 's/a').sudo, false);
});

test('factors are those of the namespace of their policy', () => {
  const acl = compile([policy('a', rule('s/a', factor('f')), { namespace: 'eu/' })], 0);
  assert.equal(acl.allows('read', 's/a').allowed, false);
  assert.equal(acl.allows('read', 'eu/s/a').control?.factors[0]?.namespace, 'eu/');
});

test('what cannot wait is not allowed outright', () => {
  const acl = compile([policy('a', `${rule('s/a', factor('f'))}\n${plain('s/b')}`)], 0);
  assert.equal(acl.controlled, true);
  assert.equal(isAllowedOutright(acl.allows('read', 's/a')), false);
  assert.equal(isAllowedOutright(acl.allows('read', 's/b')), true);
  assert.equal(isAllowedOutright(acl.allows('update', 's/b')), false);
  const denied = compile(
    [policy('a', rule('s/a', factor('f'), '["deny"]').replace('capabilities', 'capabilities'))],
    0,
  );
  assert.equal(denied.allows('read', 's/a').allowed, false);
});

test('an expired rule asks for nothing, and grants nothing', () => {
  const document = `path "s/a" { capabilities = ["read"] expiration = "2000-01-01T00:00:00Z" control_group { ${factor('f')} } }`;
  const acl = compile([policy('a', document)], Date.parse('2001-01-01T00:00:00Z'));
  assert.equal(acl.allows('read', 's/a').allowed, false);
});
