import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isLockstepError } from '../../../errors.ts';
import { parseExclusions } from './exclusions.ts';
import { limits, parseExpression } from './expression.ts';
import { parseFilter, type Subject } from './filter.ts';

const subject: Subject = {
  mount_point: 'team/secret/',
  mount_type: 'kv',
  namespace: 'team/',
  operation: 'read',
  path: 'team/secret/data/app',
};

test('filters say of an entry what Vault says', () => {
  const cases: readonly (readonly [string, boolean])[] = [
    ['mount_type == kv', true],
    ['mount_type == "kv"', true],
    ['mount_type == `kv`', true],
    ['(mount_type == kv)', true],
    ['mount_type != kv', false],
    ['mount_type==kv and operation==update', false],
    ['mount_type == transit or operation == read', true],
    ['not mount_type == kv', false],
    ['not not mount_type == kv', true],
    // `not` binds first, then `and`.
    ['not mount_type == kv or operation == read', true],
    ['mount_type == transit and operation == update or path is not empty', true],
    ['mount_type == kv and (operation == update or namespace is empty)', false],
    ['namespace is not empty', true],
    ['"app" in path', true],
    ['"other" not in path', true],
    ['path contains "data/"', true],
    ['path not contains data', false],
    ['path matches "^team/secret/.*/app$"', true],
    ['path not matches "^team/secret/.*/app$"', false],
    ['path matches `\\bapp\\b`', true],
    ['"/mount_point" == "team/secret/"', true],
    ['namespace == "team/"', true],
    [' \n\tmount_type\t==\nkv ', true],
  ];
  for (const [text, wanted] of cases) assert.equal(parseFilter(text)(subject), wanted, text);
});

test('a filter that means nothing is refused, and said why', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [' ', /has its end where a selector/],
    ['mount_type', /has its end where `==`/],
    ['mount_type = kv', /cannot be read from character 11 on/],
    ['mount_type == ', /has its end where a value/],
    ['mount_type == kv kv', /has `kv` where `and`, `or` or its end/],
    ['(mount_type == kv', /has its end where `\)`/],
    ['mount_type == kv)', /has `\)` where/],
    ['mount_type is kv', /where `empty`/],
    ['type == kv', /knows mount_point, mount_type, namespace, operation, path, not `type`/],
    ['request.path == kv', /not `request\.path`/],
    ['__proto__ == kv', /cannot be read/],
    ['constructor == kv', /not `constructor`/],
    ['"x" == path', /compares `x`, which is no selector/],
    ['1 == 1', /no selector/],
    ['path == "a', /cannot be read from character 8/],
    ['path == "\\x"', /not written as JSON/],
    ['path matches "("', /not one that RE2 knows/],
    [`path matches "${'a'.repeat(300)}"`, /at most 256 characters/],
    ['x'.repeat(limits.characters + 1), /at most 4096 characters/],
    [`${'('.repeat(100)}path == x${')'.repeat(100)}`, /at most 32 levels/],
    [`${'not '.repeat(100)}path == x`, /at most 32 levels/],
    [Array.from({ length: 200 }, () => 'path == x').join(' or '), /at most 128 comparisons/],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => parseFilter(text),
      (error) => isLockstepError(error, 'badRequest') && message.test(error.message),
      text.slice(0, 60),
    );
  }
});

/** An expression, and what it says, by two ways. */
interface Case {
  readonly text: string;
  readonly holds: boolean;
}
const { tree } = fc.letrec<{ tree: Case; leaf: Case }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('leaf'),
    tie('tree').map(({ text, holds }) => ({ text: `not (${text})`, holds: !holds })),
    fc
      .tuple(tie('tree'), tie('tree'))
      .map(([a, b]) => ({ text: `(${a.text}) and (${b.text})`, holds: a.holds && b.holds })),
    fc
      .tuple(tie('tree'), tie('tree'))
      .map(([a, b]) => ({ text: `(${a.text}) or (${b.text})`, holds: a.holds || b.holds })),
  ),
  leaf: fc.tuple(fc.constantFrom('a', 'b'), fc.string(), fc.boolean()).map(([name, value, equal]) => ({
    text: `${name} ${equal ? '==' : '!='} ${JSON.stringify(value)}`,
    holds: (value === (name === 'a' ? 'x' : '')) === equal,
  })),
}));

test('any expression says what its parts say, and no text at all ends otherwise than with an answer or a refusal', () => {
  const values: Readonly<Record<string, string>> = { a: 'x', b: '' };
  fc.assert(
    fc.property(tree, ({ text, holds }) => {
      let parsed;
      try {
        parsed = parseExpression(text, () => undefined);
      } catch (error) {
        assert.match(String(error), /at most/);
        return;
      }
      assert.equal(
        parsed(([name = '']) => values[name]),
        holds,
        text,
      );
    }),
  );
  const words = ['a', '==', '!=', 'not', 'in', 'is', 'empty', 'matches', 'contains', 'and', 'or', '(', ')', '"x"', '`'];
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(fc.constantFrom(...words)).map((all) => all.join(' ')),
      ),
      (text) => {
        try {
          assert.equal(typeof parseExpression(text, () => undefined)(() => 'x'), 'boolean');
        } catch (error) {
          assert.ok(isLockstepError(error, 'badRequest'), text);
        }
      },
    ),
  );
});

const entry = {
  time: 't',
  type: 'response',
  auth: { entity_id: 'e', policies: ['a', 'b'] },
  request: { id: '1', mount_type: 'transit', path: 'transit/encrypt/k', data: { plaintext: 'hmac', 'a/b': 1, '~': 2 } },
  response: { data: { ciphertext: 'hmac' } },
};
const excluded = (rules: unknown, json: string = JSON.stringify(entry)): unknown =>
  JSON.parse(parseExclusions(JSON.stringify(rules))?.(json) ?? json);

test('fields are left out, on a condition that sees the entry as it was', () => {
  const { data: _, ...response } = entry.response;
  assert.deepEqual(excluded([{ fields: ['/response/data'] }]), { ...entry, response });
  assert.deepEqual(excluded([{ condition: '"/request/mount_type" == kv', fields: ['/response/data'] }]), entry);
  assert.deepEqual(
    excluded([
      { condition: '"/request/mount_type" == transit', fields: ['/request/mount_type', '/request/data'] },
      { condition: 'request.mount_type == transit and a in auth.policies', fields: ['/response', '/auth/entity_id'] },
    ]),
    { time: 't', type: 'response', auth: { policies: ['a', 'b'] }, request: { id: '1', path: 'transit/encrypt/k' } },
  );
  assert.deepEqual(excluded([{ fields: ['/request/data/a~1b', '/request/data/~0', '/auth/policies/0'] }]), {
    ...entry,
    auth: { entity_id: 'e', policies: ['b'] },
    request: { ...entry.request, data: { plaintext: 'hmac' } },
  });
  assert.deepEqual(
    excluded([{ fields: ['/none', '/auth/none/deeper', '/time/0', '/__proto__/x', '/auth/policies/x'] }]),
    entry,
  );
  const exact = '{"type":"request","request":{"data":{"n":12345678901234567890,"m":1.50}},"auth":{}}';
  assert.equal(parseExclusions('[{"fields":["/auth"]}]')?.(exact), exact.replace(',"auth":{}', ''));
});

test('exclusions that are wrong, or would leave an entry about nothing, are refused', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['{', /must be JSON/],
    ['{}', /must be a JSON list/],
    ['[1]', /must hold objects/],
    ['[{}]', /needs 1 to 64 `fields`/],
    ['[{"fields":[]}]', /needs 1 to 64/],
    ['[{"fields":"/a"}]', /needs 1 to 64/],
    ['[{"fields":[1]}]', /no JSON pointer/],
    ['[{"fields":["request/data"]}]', /no JSON pointer/],
    ['[{"fields":["/a"],"condition":1}]', /no text/],
    ['[{"fields":["/a"],"condition":"a ="}]', /cannot be read/],
    ['[{"fields":["/a"],"when":"a"}]', /unknown key `when`/],
    ['[{"fields":["/request"]}]', /cannot leave out \/request/],
    ['[{"fields":["/auth","/request/path"]}]', /cannot leave out \/request\/path/],
    [JSON.stringify(Array.from({ length: 40 }, () => ({ fields: ['/a'] }))), /at most 32 objects/],
    [`[${' '.repeat(20_000)}]`, /at most 16384 characters/],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => parseExclusions(text),
      (error) => isLockstepError(error, 'badRequest') && message.test(error.message),
      text.slice(0, 60),
    );
  }
  assert.equal(parseExclusions(''), undefined);
  assert.equal(parseExclusions('[]'), undefined);
});
