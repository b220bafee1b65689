import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { isLockstepError } from '../../errors.ts';
import { namesOf } from './capability.ts';
import { defaultPolicy } from './default-policy.ts';
import { MAX_POLICY_BYTES, parsePolicy } from './parse.ts';

function refusal(document: string): string {
  try {
    parsePolicy(document);
  } catch (error) {
    assert.ok(isLockstepError(error, 'badRequest'), String(error));
    return error.message;
  }
  return assert.fail('it was accepted');
}

const shape = (document: string) =>
  parsePolicy(document).map(({ path, kind, capabilities }) => [path, kind, namesOf(capabilities).join()]);

test('reads paths, their kinds and capabilities', () => {
  const document = `
    name = "old-style name"
    path "secret/foo"      { capabilities = ["read", "list"] comment = "why" }
    path "secret/+/bar"    { capabilities = ["create", "patch", "scan"] }
    path "/secret/pre*"    { capabilities = ["update"] }
    path "+/x/*"           { capabilities = ["subscribe", "recover"] }
    path "secret/a+b@c"    { capabilities = [] }
    path "secret/foo"      { capabilities = ["deny", "read"] }
  `;
  assert.deepEqual(shape(document), [
    ['secret/foo', 'exact', 'list,read'],
    ['secret/+/bar', 'segments', 'create,patch,scan'],
    ['secret/pre*', 'prefix', 'update'],
    ['+/x/*', 'segments', 'recover,subscribe'],
    ['secret/a+b@c', 'exact', 'deny'],
    ['secret/foo', 'exact', 'deny'],
  ]);
  assert.equal(parsePolicy(document)[0]?.comment, 'why');
});

test('JSON gives what HCL gives', () => {
  const hcl = `
    path "a/*" {
      capabilities = ["read", "update"]
      allowed_parameters = { "Zip" = ["a*", 5, true], "*" = [] }
      denied_parameters = { "zap" = [{ "x" = 1 }, { "x" = [2] }] }
      required_parameters = ["Zip"]
      min_wrapping_ttl = "1m"
      max_wrapping_ttl = 90
      pagination_limit = 10
    }
    path "b" { policy = "write" }`;
  const json = {
    path: {
      'a/*': {
        capabilities: ['read', 'update'],
        allowed_parameters: { Zip: ['a*', 5, true], '*': [] },
        denied_parameters: { zap: [{ x: 1 }, { x: [2] }] },
        required_parameters: ['Zip'],
        min_wrapping_ttl: '1m',
        max_wrapping_ttl: 90,
        pagination_limit: 10,
        comment: null,
      },
      b: { policy: 'write' },
    },
  };
  const listed = { path: Object.entries(json.path).map(([path, rule]) => ({ [path]: rule })) };
  const rules = parsePolicy(hcl);
  assert.deepEqual(
    rules.map(({ line }) => line),
    [2, 11],
  );
  const inOneLine = rules.map((rule) => ({ ...rule, line: 1 }));
  assert.deepEqual(parsePolicy(JSON.stringify(json)), inOneLine);
  assert.deepEqual(parsePolicy(JSON.stringify(listed)), inOneLine);
  assert.deepEqual(rules[0]?.constraints, {
    allowedParameters: new Map<string, unknown>([
      ['zip', ['a*', 5, true]],
      ['*', []],
    ]),
    deniedParameters: new Map([['zap', [{ x: 1 }, { x: [2] }]]]),
    requiredParameters: ['zip'],
    minWrappingTtl: 60,
    maxWrappingTtl: 90,
    paginationLimit: 10,
  });
});

test('the old word for a set of capabilities still works, alone or with capabilities', () => {
  assert.deepEqual(
    ['read', 'write', 'sudo', 'deny'].map((word) => shape(`path "a" { policy = "${word}" }`)[0]?.[2]),
    ['list,read', 'create,delete,list,read,update', 'create,delete,list,read,sudo,update', 'deny'],
  );
  assert.deepEqual(shape('path "a" { policy = "read" capabilities = ["patch"] }'), [['a', 'exact', 'list,patch,read']]);
});

test('expiration is a moment, as RFC 3339 or in seconds', () => {
  const at = (value: string) => parsePolicy(`path "a" { expiration = ${value} }`)[0]?.expiration;
  assert.equal(at('"2030-01-31T00:00:00Z"'), Date.UTC(2030, 0, 31));
  assert.equal(at('"2030-01-31T02:00:00.5+02:00"'), Date.UTC(2030, 0, 31) + 500);
  assert.equal(at('1700000000'), 1_700_000_000_000);
  for (const wrong of [
    '"tomorrow"',
    '"2030-13-01T00:00:00Z"',
    '"2030-01-31"',
    '-5',
    'true',
    '["2030-01-31T00:00:00Z"]',
  ]) {
    assert.match(refusal(`path "a" { expiration = ${wrong} }`), /policy:1:12: expiration must be a moment/);
  }
});

test('a templated path is kept, and told apart', () => {
  const [rule] = parsePolicy('path "secret/{{identity.entity.id}}/*" { capabilities = ["read"] }');
  assert.equal(rule?.templated, true);
  assert.equal(rule?.path, 'secret/{{identity.entity.id}}/*');
});

test('an empty document is a policy without rules', () => {
  assert.deepEqual(parsePolicy(''), []);
  assert.deepEqual(parsePolicy('{}'), []);
  assert.deepEqual(parsePolicy('# nothing'), []);
});

test('the default policy parses', () => {
  assert.ok(parsePolicy(defaultPolicy).length > 10);
});

test('what is wrong is named, with its place and what was probably meant', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['path "a" { capabilites = ["read"] }', /policy:1:12: unknown key `capabilites`: did you mean `capabilities`\?/],
    ['path "a" { capabilities = ["raed"] }', /unknown capability `raed`: did you mean `read`\?/],
    ['path "a" { capabilities = ["READ"] }', /unknown capability `READ`: did you mean `read`\?/],
    ['path "a" { capabilities = ["root"] }', /unknown capability `root`/],
    ['path "a" { capabilities = "read" }', /capabilities must be a list of strings/],
    ['path "a" { capabilities = [1] }', /capabilities must be a list of strings/],
    ['path "a" { capabilities { a = 1 } }', /capabilities must be a plain value/],
    ['path "a" { policy = "wirte" }', /unknown policy `wirte`: did you mean `write`\?/],
    ['path "a" { policy = "constructor" }', /unknown policy `constructor`/],
    ['paht "a" { }', /policy:1:1: unknown key `paht`: did you mean `path`\?/],
    ['path "a" { mfa_methods = ["x"] }', /mfa_methods is not supported/],
    ['path "a/*/b" { }', /\* stands only at the end of a path; \+ matches one whole segment/],
    ['path "a/+*" { }', /\+\* is refused/],
    ['path "a//b" { }', /no request path has/],
    ['path "a/../b" { }', /no request path has/],
    ['path "" { }', /a policy path is empty/],
    ['path "/" { }', /a policy path is empty/],
    [`path "${'a'.repeat(1_901)}" { }`, /longer than 1900 characters/],
    ['path "a" { min_wrapping_ttl = "2m" max_wrapping_ttl = "1m" }', /max_wrapping_ttl is less than min_wrapping_ttl/],
    ['path "a" { min_wrapping_ttl = "soon" }', /min_wrapping_ttl/],
    ['path "a" { pagination_limit = 1.5 }', /pagination_limit must be a whole number/],
    ['path "a" { pagination_limit = -1 }', /pagination_limit must be a whole number/],
    ['path "a" { allowed_parameters = { a = "x" } }', /allowed_parameters: a parameter needs a list/],
    ['path "a" { allowed_parameters = { Foo = [], foo = [] } }', /a parameter is set twice/],
    ['path "a" { allowed_parameters = ["x"] }', /allowed_parameters must be a block/],
    ['path "a" { allowed_parameters = {} allowed_parameters = {} }', /allowed_parameters is set twice/],
    ['path "a" { capabilities = ["read"] capabilities = ["deny"] }', /set twice/],
    ['{"path":{"a":{"capabilities":["read"],"capabilities":["deny"]}}}', /set twice/],
    ['path { capabilities = ["read"] }', /needs a label/],
    ['path "a" "b" { capabilities = ["read"] }', /unknown key `b`/],
    ['path = "a"', /must be a block/],
    ['path "a" {', /policy:1:/],
    ['{"path":', /policy:1:/],
    ['"just text"', /policy:1:/],
  ];
  for (const [document, expected] of cases) {
    assert.match(refusal(document), expected, document);
    assert.match(refusal(document), /^failed to parse policy: /, document);
  }
});

test('hostile documents are refused at once, with a short message', () => {
  const documents = [
    `path "a" { allowed_parameters = { a = ${'['.repeat(50_000)}`,
    `{"path":${'{"a":'.repeat(50_000)}`,
    ' '.repeat(MAX_POLICY_BYTES + 1),
    'é'.repeat(MAX_POLICY_BYTES / 2 + 1),
    `path "a" { ${'x'.repeat(400_000)} = 1 }`,
    `path "a" { capabilities = ["${'x'.repeat(400_000)}"] }`,
    `path "a" { capabilities = [${'"read",'.repeat(120_000)}] }`.slice(0, MAX_POLICY_BYTES),
    'path "\u0000" {',
  ];
  for (const document of documents) assert.ok(refusal(document).length < 300);
});

test('names that mean something to JavaScript are only names', () => {
  const [rule] = parsePolicy(
    '{"path":{"__proto__":{"capabilities":["read"],"denied_parameters":{"__proto__":[],"constructor":["x"]}}}}',
  );
  assert.equal(rule?.path, '__proto__');
  assert.deepEqual([...(rule?.constraints.deniedParameters?.keys() ?? [])], ['__proto__', 'constructor']);
});

test('any text either parses or is refused by name', () => {
  const word = fc.constantFrom(
    'path',
    '"a"',
    '"b/*"',
    '{',
    '}',
    '=',
    'capabilities',
    '["read"]',
    '[',
    ']',
    ',',
    '\n',
    '"',
    '1',
    '<<E',
    'é',
    '😀',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(word).map((words) => words.join(' ')),
        fc.string(),
      ),
      (document) => {
        try {
          parsePolicy(document);
        } catch (error) {
          assert.ok(isLockstepError(error, 'badRequest'), String(error));
        }
      },
    ),
    { numRuns: 2_000 },
  );
});
