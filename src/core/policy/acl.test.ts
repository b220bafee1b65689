import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { compile, type Acl } from './acl.ts';
import { capabilities, capabilitySet, type Capability } from './capability.ts';
import type { PolicyOperation } from './constraints.ts';
import { defaultPolicy } from './default-policy.ts';
import { explain } from './explain.ts';
import { parsePolicy } from './parse.ts';
import type { Rule } from './rule.ts';

const now = Date.UTC(2030, 0, 1);

function aclOf(...documents: readonly string[]): Acl {
  const policies = documents.map((document, at) => ({ name: `p${at}`, namespace: '', rules: parsePolicy(document) }));
  return compile(policies, now);
}

function grants(acl: Acl, path: string): string {
  return acl.capabilities(path).join();
}

/** Policy, path, what `sys/capabilities` says. The policies are those of Vault's documentation, "concepts/policies". */
const documented: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  [
    `path "secret/foo" { capabilities = ["read"] }`,
    [
      ['secret/foo', 'read'],
      ['secret/foo/bar', 'deny'],
      ['secret/Foo', 'deny'],
      ['secret/fo', 'deny'],
      ['', 'deny'],
    ],
  ],
  [
    `path "secret/*" { capabilities = ["create", "read", "update", "patch", "delete", "list"] }
     path "secret/super-secret" { capabilities = ["deny"] }`,
    [
      ['secret/x', 'create,delete,list,patch,read,update'],
      ['secret/', 'create,delete,list,patch,read,update'],
      ['secret', 'deny'],
      ['secret/super-secret', 'deny'],
      ['secret/super-secret2', 'create,delete,list,patch,read,update'],
    ],
  ],
  [
    `path "secret/bar/*" { capabilities = ["read"] }
     path "secret/zip-*" { capabilities = ["read"] }`,
    [
      ['secret/bar/zip', 'read'],
      ['secret/bar/zip/zap', 'read'],
      ['secret/bars/zip', 'deny'],
      ['secret/zip-zap', 'read'],
      ['secret/zip-zap/zong', 'read'],
      ['secret/zip/zap', 'deny'],
    ],
  ],
  [
    `path "secret/+/teamb" { capabilities = ["read"] }`,
    [
      ['secret/foo/teamb', 'read'],
      ['secret/bar/teamb', 'read'],
      ['secret/foo/bar/teamb', 'deny'],
    ],
  ],
  [
    `path "secret/+/+/teamb" { capabilities = ["read"] }
     path "+/+/+/*" { capabilities = ["list"] }`,
    [
      ['secret/foo/bar/teamb', 'read'],
      ['other/foo/bar/teamb', 'list'],
      ['a/b/c', 'deny'],
    ],
  ],
  // The first wildcard stands later.
  [
    `path "secret/*" { capabilities = ["read"] } path "secret/s*" { capabilities = ["list"] }`,
    [
      ['secret/su', 'list'],
      ['secret/tu', 'read'],
    ],
  ],
  [
    `path "secret/+/+/foo/*" { capabilities = ["read"] } path "secret/*" { capabilities = ["update"] }`,
    [
      // Both wildcards stand at the same place and both paths end in *, so the one with fewer + goes first.
      ['secret/a/b/foo/c', 'update'],
    ],
  ],
  [
    `path "secret/+/+/+/foo" { capabilities = ["read"] } path "secret/a/*" { capabilities = ["list"] }`,
    [['secret/a/b/c/foo', 'list']],
  ],
  // Without a closing *.
  [
    `path "foo/+" { capabilities = ["read"] } path "foo/*" { capabilities = ["list"] }`,
    [
      ['foo/a', 'read'],
      ['foo/a/b', 'list'],
    ],
  ],
  // Fewer +.
  [
    `path "foo/+/+/baz" { capabilities = ["read"] } path "foo/+/bar/baz" { capabilities = ["list"] }`,
    [['foo/x/bar/baz', 'list']],
  ],
  // Longer.
  [
    `path "foo/+/bar/b*" { capabilities = ["read"] } path "foo/+/bar/ba*" { capabilities = ["list"] }`,
    [['foo/x/bar/baz', 'list']],
  ],
  // Greater.
  [`path "+/b/+" { capabilities = ["read"] } path "+/+/c" { capabilities = ["list"] }`, [['a/b/c', 'read']]],
  [
    `path "*" { capabilities = ["read", "sudo"] }`,
    [
      ['any/path/at/all', 'read,sudo'],
      ['', 'read,sudo'],
    ],
  ],
  [
    `path "+" { capabilities = ["read"] }`,
    [
      ['a', 'read'],
      ['a/b', 'deny'],
    ],
  ],
  [`path "a" { capabilities = [] } path "*" { capabilities = ["read"] }`, [['a', 'deny']]],
];

for (const [policy, expectations] of documented) {
  test(`decides as documented: ${policy.replaceAll(/\s+/g, ' ')}`, () => {
    const acl = aclOf(policy);
    for (const [path, expected] of expectations) assert.equal(grants(acl, path), expected, path);
  });
}

test('several policies on one path are united, and a deny in any of them wins', () => {
  const read = 'path "a/*" { capabilities = ["read"] }';
  const list = 'path "a/*" { capabilities = ["list", "sudo"] }';
  const deny = 'path "a/*" { capabilities = ["deny"] }';
  assert.equal(grants(aclOf(read, list), 'a/b'), 'list,read,sudo');
  for (const order of [
    [read, list, deny],
    [deny, read, list],
    [read, deny, list],
  ]) {
    const acl = aclOf(...order);
    assert.equal(grants(acl, 'a/b'), 'deny');
    assert.deepEqual(acl.allows('read', 'a/b'), { allowed: false, sudo: false, root: false, by: [] });
  }
  assert.equal(grants(aclOf(read, 'path "a/b" { capabilities = ["list"] }'), 'a/b'), 'list');
});

test('says which policies grant an operation', () => {
  const acl = aclOf(
    'path "a" { capabilities = ["read"] }',
    'path "a" { capabilities = ["read", "list"] } path "a" { capabilities = ["read"] }',
    'path "*" { capabilities = ["update", "read"] }',
  );
  assert.deepEqual(acl.allows('read', 'a').by, ['p0', 'p1']);
  assert.deepEqual(acl.allows('list', 'a').by, ['p1']);
  assert.deepEqual(acl.allows('update', 'a'), { allowed: false, sudo: false, root: false, by: [] });
});

test('each operation needs its own capability', () => {
  const operations = capabilities.filter(
    (name): name is PolicyOperation & Capability => name !== 'sudo' && name !== 'deny',
  );
  for (const granted of operations) {
    const acl = aclOf(`path "a" { capabilities = ["${granted}"] }`);
    for (const asked of operations)
      assert.equal(acl.allows(asked, 'a').allowed, asked === granted, `${granted} ${asked}`);
  }
});

test('sudo alone allows nothing, and is told even where the operation is refused', () => {
  const acl = aclOf(
    'path "a" { capabilities = ["sudo"] } path "b" { capabilities = ["sudo", "read"] required_parameters = ["x"] }',
  );
  assert.deepEqual(acl.allows('read', 'a'), { allowed: false, sudo: true, root: false, by: [] });
  assert.deepEqual(acl.allows('read', 'b'), { allowed: false, sudo: true, root: false, by: [] });
  assert.deepEqual(acl.allows('read', 'b', { body: { x: 1 } }), { allowed: true, sudo: true, root: false, by: ['p0'] });
});

test('the root policy allows everything, in the root namespace only', () => {
  const root = compile([{ name: 'root', namespace: '', rules: [] }], now);
  assert.deepEqual(root.capabilities('any'), ['root']);
  assert.deepEqual(root.allows('delete', 'sys/any'), { allowed: true, sudo: true, root: true, by: ['root'] });
  assert.equal(root.reaches('any/'), true);
  const impostor = compile([{ name: 'root', namespace: 'team/', rules: [] }], now);
  assert.deepEqual(impostor.capabilities('any'), ['deny']);
  assert.equal(impostor.root, false);
});

test('rules of a namespace apply below its path and nowhere else', () => {
  const rules = parsePolicy('path "secret/*" { capabilities = ["read"] } path "*" { capabilities = ["list"] }');
  const acl = compile([{ name: 'p', namespace: 'team/', rules }], now);
  assert.equal(grants(acl, 'team/secret/a'), 'read');
  assert.equal(grants(acl, 'team/x'), 'list');
  assert.equal(grants(acl, 'secret/a'), 'deny');
  assert.equal(grants(acl, 'teams/x'), 'deny');
});

test('a templated rule grants nothing to who has no identity', () => {
  const acl = aclOf(
    'path "a/{{identity.entity.id}}/*" { capabilities = ["read"] } path "b" { capabilities = ["read"] }',
  );
  assert.equal(grants(acl, 'a/{{identity.entity.id}}/x'), 'deny');
  assert.equal(grants(acl, 'a//x'), 'deny');
  assert.equal(grants(acl, 'b'), 'read');
});

test('an expired rule is as if it were not written, and the next expiry is told', () => {
  const rule = (path: string, year: number) =>
    `path "${path}" { capabilities = ["read"] expiration = "${year}-01-01T00:00:00Z" }`;
  const acl = aclOf(
    `${rule('a', 2029)} ${rule('b', 2031)} ${rule('c', 2032)} ${rule('d', 2030)} path "*" { capabilities = ["list"] }`,
  );
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((path) => grants(acl, path)),
    ['list', 'read', 'read', 'list'],
  );
  assert.equal(acl.validUntil, Date.UTC(2031, 0, 1));
  assert.equal(aclOf('path "a" { capabilities = ["read"] }').validUntil, Number.POSITIVE_INFINITY);
});

const listCases: readonly (readonly [string, string, boolean])[] = [
  // Rules for a folder are written with and without the slash.
  ['path "a/b" { capabilities = ["list"] }', 'a/b/', true],
  ['path "a/b/" { capabilities = ["list"] }', 'a/b/', true],
  ['path "a/b/" { capabilities = ["list"] }', 'a/b', false],
  ['path "a/+" { capabilities = ["list"] }', 'a/b/', true],
  [
    'path "+/sys/policies/acl" { capabilities = ["list"] } path "*" { capabilities = ["read"] }',
    'ns/sys/policies/acl/',
    true,
  ],
  ['path "a/b*" { capabilities = ["list"] }', 'a/b/', true],
  ['path "a/b/*" { capabilities = ["list"] }', 'a/b/', true],
  ['path "a/b/*" { capabilities = ["list"] }', 'a/b', false],
  // A deny below is the more specific one (GHSA-xp3c-3jw3-4vcr).
  ['path "m/*" { capabilities = ["list"] } path "m/private/*" { capabilities = ["deny"] }', 'm/private/', false],
  ['path "m/*" { capabilities = ["list"] } path "m/private/*" { capabilities = ["deny"] }', 'm/private', true],
  ['path "m/*" { capabilities = ["list"] } path "m/private/*" { capabilities = ["deny"] }', 'm/private/deep/', false],
  ['path "m/+" { capabilities = ["list"] } path "m/private/*" { capabilities = ["deny"] }', 'm/private/', false],
  ['path "m/priv*" { capabilities = ["list"] } path "m/private/*" { capabilities = ["deny"] }', 'm/private/', false],
  ['path "m/*" { capabilities = ["list"] } path "m/private/" { capabilities = ["deny"] }', 'm/private/', false],
  ['path "m/*" { capabilities = ["list"] } path "m/private" { capabilities = ["deny"] }', 'm/private/', false],
  // The wider deny gives way to what is written for the folder.
  ['path "m/*" { capabilities = ["deny"] } path "m/private" { capabilities = ["list"] }', 'm/private/', true],
  ['path "m/private/" { capabilities = ["list"] } path "m/private" { capabilities = ["deny"] }', 'm/private/', true],
];

for (const [policy, path, allowed] of listCases) {
  test(`LIST ${path} is ${allowed ? 'allowed' : 'refused'} under ${policy}`, () => {
    const acl = aclOf(policy.replaceAll('"list"', '"list", "scan", "read"'));
    assert.equal(acl.allows('list', path).allowed, allowed);
    assert.equal(acl.allows('scan', path).allowed, allowed);
    assert.equal(acl.capabilities(path).includes('list'), allowed);
  });
}

test('a closing slash leads around no deny, whatever is asked', () => {
  const acl = aclOf(
    'path "a/*" { capabilities = ["read", "update", "sudo"] } path "a/b" { capabilities = ["deny"] } path "a/c/*" { capabilities = ["deny"] }',
  );
  for (const path of ['a/b', 'a/b/', 'a/c/']) {
    const { allowed, sudo } = acl.allows('update', path);
    assert.deepEqual({ allowed, sudo }, { allowed: false, sudo: false }, path);
    assert.equal(acl.denies(path), true);
  }
  assert.equal(acl.allows('read', 'a/d/').allowed, true);
  assert.equal(acl.denies('elsewhere'), false, 'nothing is granted, but nothing is denied either');
});

test('says whether anything is granted below a mount', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['path "secret/data/a" { capabilities = ["read"] }', 'secret/', true],
    ['path "secret/*" { capabilities = ["read"] }', 'secret/', true],
    ['path "*" { capabilities = ["read"] }', 'secret/', true],
    ['path "sec*" { capabilities = ["read"] }', 'secret/', true],
    ['path "+/data/*" { capabilities = ["read"] }', 'secret/', true],
    ['path "+/a" { capabilities = ["read"] }', 'auth/approle/', false],
    ['path "auth/+/login" { capabilities = ["read"] }', 'auth/approle/', true],
    ['path "secrets/a" { capabilities = ["read"] }', 'secret/', false],
    ['path "secret/a" { capabilities = ["deny"] }', 'secret/', false],
    ['path "secret/a" { capabilities = [] }', 'secret/', false],
    ['path "*" { capabilities = ["read"] } path "secret/*" { capabilities = ["deny"] }', 'secret/', false],
    ['path "secret/*" { capabilities = ["deny"] } path "secret/a/b" { capabilities = ["read"] }', 'secret/', true],
    ['', 'secret/', false],
  ];
  for (const [policy, prefix, expected] of cases)
    assert.equal(aclOf(policy).reaches(prefix), expected, `${policy} ${prefix}`);
});

test('the default policy grants a token its own affairs and no more', () => {
  const acl = aclOf(defaultPolicy);
  assert.equal(grants(acl, 'auth/token/lookup-self'), 'read');
  assert.equal(grants(acl, 'cubbyhole/any/thing'), 'create,delete,list,read,update');
  assert.equal(grants(acl, 'sys/tools/hash/sha2-256'), 'update');
  for (const path of ['auth/token/create', 'secret/data/a', 'sys/policy', 'identity/entity/id/x']) {
    assert.equal(grants(acl, path), 'deny', path);
  }
});

const ruleArbitrary: fc.Arbitrary<Rule> = fc
  .record({
    path: fc.constantFrom('a', 'a/b', 'a/*', 'a/b*', '+/b', 'a/+', '*', 'a/b/', 'a/b/*'),
    capabilities: fc.subarray([...capabilities], { maxLength: 3 }).map((names) => capabilitySet(names)),
  })
  .map(({ path, capabilities: set }) => ({
    path,
    line: 1,
    kind: 'exact',
    templated: false,
    capabilities: set,
    constraints: {},
  }));

test('the order of policies, and how rules are spread over them, changes no decision', () => {
  const paths = ['a', 'a/', 'a/b', 'a/b/', 'a/b/c', 'c/b', 'x'];
  fc.assert(
    fc.property(fc.array(ruleArbitrary, { maxLength: 12 }), fc.nat(), (rules, seed) => {
      const together = compile([{ name: 'p', namespace: '', rules }], now);
      const shuffled = rules.map((rule, at) => ({ rule, key: (at * 7919 + seed) % 13 })).sort((a, b) => a.key - b.key);
      const apart = compile(
        shuffled.map(({ rule }, at) => ({ name: `p${at}`, namespace: '', rules: [rule] })),
        now,
      );
      for (const path of paths) {
        assert.deepEqual(apart.capabilities(path), together.capabilities(path));
        for (const operation of ['read', 'list', 'update'] as const) {
          const decision = together.allows(operation, path);
          assert.equal(apart.allows(operation, path).allowed, decision.allowed);
          if (operation !== 'list' && path.endsWith('/')) continue;
          assert.equal(decision.allowed, together.capabilities(path).includes(operation));
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('an explanation says what the decision is, and by rules that are written', () => {
  const asked = fc.record({
    rules: fc.array(ruleArbitrary, { maxLength: 6 }),
    path: fc.constantFrom('a', 'a/', 'a/b', 'a/b/', 'a/bc', 'b/b', 'c'),
    operation: fc.constantFrom<PolicyOperation>('read', 'list', 'update'),
  });
  fc.assert(
    fc.property(asked, ({ rules, path, operation }) => {
      const acl = compile([{ name: 'p', namespace: '', rules }], now);
      const { allowed, rules: told } = explain(acl, operation, path);
      assert.equal(allowed, acl.allows(operation, path).allowed);
      assert.ok(told.every((each) => rules.some((rule) => rule.path === each.path)));
      assert.equal(
        allowed,
        told.some(({ effect }) => effect === 'grants') && !told.some(({ effect }) => effect === 'denies'),
      );
    }),
  );
});
