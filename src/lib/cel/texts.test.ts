/** What a program makes texts of is what cel-go makes: names of entities and policies depend on it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CelFailed, compileCel } from './program.ts';

const environment = { variables: ['claims'], messages: {} };
const of = (expression: string, claims: object = {}): unknown =>
  compileCel(expression, environment).evaluate({ claims }).value;

test('a double is written as Go writes it', () => {
  const written: Readonly<Record<string, number>> = {
    ...{ '0': 0, '7': 7, '1.5': 1.5, '999999': 999_999, '123456.7': 123_456.7, '0.0001': 0.0001, '-3': -3 },
    ...{ '1e+06': 1_000_000, '1.2345678e+07': 12_345_678, '1.2345678e+06': 1_234_567.8, '1e-05': 0.00001 },
    ...{ '-1.5e-05': -1.5e-5, '9.007199254740992e+15': 2 ** 53, '1e+21': 1e21, '1e+100': 1e100, '5e-324': 5e-324 },
    ...{ '1.7976931348623157e+308': Number.MAX_VALUE, '0.30000000000000004': 0.1 + 0.2 },
  };
  for (const [text, n] of Object.entries(written)) assert.equal(of('string(claims.n)', { n }), text);
  assert.equal(of('string(1.0 / 0.0) + string(-1.0 / 0.0) + string(0.0 / 0.0)'), '+Inf-InfNaN');
  assert.equal(of('string(-0.0)'), '-0');
  assert.equal(of('string(int(claims.n))', { n: 12_345_678 }), '12345678');
});

test('format takes numbers of any type', () => {
  const format = (clause: string, values: string): unknown => of(`"${clause}".format([${values}])`);
  const cases: readonly (readonly [string, string, string])[] = [
    ['%d', '7.0', '7'],
    ['%d', '1.5', '1.5'],
    ['%d', '1e21', '1000000000000000000000'],
    ['%s', '1e21', '1000000000000000000000'],
    ['%s', '-0.0', '-0'],
    ['%s', '0.0000001', '0.0000001'],
    [
      '%s',
      '[1e7, {"b": 1, "B": duration("-1.5s")}, null, b"x", 1u, type(1)]',
      '[10000000, {B: -1.5s, b: 1}, null, x, 1, int]',
    ],
    ['%f', '7', '7.000000'],
    ['%.1f', '7u', '7.0'],
    ['%e', '7', '7.000000e+00'],
    ['%.0e', '1e-7', '1e-07'],
    ['%%%s%%d', '"%s"', '%%s%d'],
    ['%x %X %o %b', '255, "é", 8, true', 'ff C3A9 10 1'],
  ];
  for (const [clause, values, text] of cases) assert.equal(format(clause, values), text, clause);
  for (const [clause, values] of [
    ['%s', ''],
    ['%s', '1, 2'],
    ['%.f', '1.5'],
    ['%q', '"a"'],
    ['%d', '"7"'],
    ['%', ''],
  ] as const) {
    assert.throws(() => format(clause, values), CelFailed, clause);
  }
});

test('texts are in the order of their characters', () => {
  const claims = { far: '😀', near: '\uffee' };
  assert.equal(of('claims.near < claims.far && claims.near <= claims.far', claims), true);
  assert.equal(of('claims.far > claims.near && claims.far >= claims.near', claims), true);
  assert.equal(of('"a" < "b" && "B" < "a" && "a" <= "a" && !("a" < "a") && "a" < "a😀"', claims), true);
  assert.deepEqual(of('[claims.far, claims.near, "a"].sort()', claims), ['a', '\uffee', '😀']);
  assert.equal(of('json.encode({claims.far: 1, claims.near: 2})', claims), '{"\uffee":2,"😀":1}');
});

test('what has an order is sorted, and nothing else', () => {
  for (const sorted of [
    '[1u, 2u]',
    '[b"a", b"b"]',
    '[timestamp(1), timestamp(2)]',
    '[duration("-2s"), duration("-1.5s")]',
    '[]',
  ])
    assert.equal(of(`${sorted}.reverse().sort() == ${sorted}`), true, sorted);
  for (const other of ['[1, "a"]', '[[1], [2]]', '[null]', '[1, 2.0]', '[{}, {}]'])
    assert.throws(() => of(`${other}.sort()`), CelFailed, other);
});

test('places and ends of texts are as in Go', () => {
  assert.deepEqual(of('["abc".indexOf("c", 3), "abc".indexOf("c", 9), "abc".indexOf("", 9), "a😀b".indexOf("b", 2)]'), [
    -1n,
    -1n,
    3n,
    2n,
  ]);
  assert.deepEqual(
    of('["abc".lastIndexOf("c", 3), "abc".lastIndexOf("", 9), "abc".lastIndexOf("c", 2), "".lastIndexOf("", 0)]'),
    [-1n, 3n, 2n, 0n],
  );
  for (const out of ['indexOf("a", -1)', 'lastIndexOf("a", -1)'])
    assert.throws(() => of(`"abc".${out}`), CelFailed, out);
  assert.equal(of('"\\u0085\\u00a0 \\t\\u3000a \\ufeff\\u2028".trim()'), 'a \ufeff');
  assert.equal(of('strings.quote("\\u0000\\a\\"\\\\")'), '"\u0000\\a\\"\\\\"');
  assert.equal(of('base64.decode("aG\\r\\nk=\\n") == b"hi"'), true);
});

test('what is no number, and no size, is none', () => {
  for (const none of ['double("1e400")', 'lists.range(-1)']) assert.throws(() => of(none), CelFailed, none);
});

test('what holds nothing has no field, as nothing has', () => {
  for (const value of ['a', 1, true, null]) assert.equal(of('has(claims.x.y)', { x: value }), false);
  for (const absent of ['has(claims.x.y)', 'has(claims.list.y)'])
    assert.throws(() => of(absent, { list: [] }), CelFailed, absent);
});

test('a comment may end a program', () => {
  assert.equal(of('"a" // b'), 'a');
  assert.equal(of('"a"// b\r\n+ "c" // d'), 'ac');
});
