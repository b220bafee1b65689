import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AUTH_MESSAGES } from '../../auth/jwt/cel-messages.ts';
import { CelFailed, CelRefused, compileCel, type CelEnvironment, type CelSource } from './program.ts';

const environment: CelEnvironment = { variables: ['claims'], messages: AUTH_MESSAGES };
const numbers = Array.from({ length: 60 }, (_, index) => index);
const many = Array.from({ length: 5_000 }, (_, index) => `a${String(index)}`);
const claims = { list: many, sub: 'job', text: 'a'.repeat(90_000) };

function failure(source: string | CelSource, values: object = { claims }): CelFailed {
  try {
    compileCel(source, environment).evaluate({ ...values });
  } catch (error) {
    if (error instanceof CelFailed) return error;
    throw error;
  }
  throw new Error('the program has ended well');
}

const wrapped = (start: string, times: number, wrap: (inner: string) => string): string =>
  Array.from({ length: times }).reduce<string>((inner) => wrap(inner), start);

const nested = (macro: string, times: number): string =>
  wrapped('true', times, (inner) => `[${numbers.join(',')}].${macro}(x, ${inner})`);

const shared = wrapped('[0, 0]', 20, (inner) => `[${inner}].map(x, [x, x])[0]`);

const HOSTILE: Readonly<Record<string, string>> = {
  'loops within loops': nested('all', 4),
  'loops that make lists': nested('map', 4),
  'loops of constants': nested('exists_one', 8),
  'a list that shares its elements, compared': `[${shared}].all(x, x == x)`,
  'a list that shares its elements, as the answer': shared,
  'a list that shares its elements, as JSON': `json.encode(${shared})`,
  'a list that shares its elements, in a text': `"%s".format([${shared}])`,
  'a list that shares its elements, flattened': `(${shared}).flatten(30)`,
  'a text doubled': `${wrapped('"aaaaaaaaaaaaaaaa"', 30, (inner) => `[${inner}].map(x, x + x)[0]`)}.matches("b")`,
  'a list doubled': `size(${wrapped('[0]', 30, (inner) => `[${inner}].map(x, x + x)[0]`)})`,
  'replacements of replacements': `"${'a'.repeat(200)}".replace("a", "${'b'.repeat(200)}").replace("b", "${'c'.repeat(200)}")`,
  'a long separator': 'claims.list.join(claims.list.join("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"))',
  'a text split again and again': 'claims.text.split("").map(x, claims.text.split(""))',
  'a pattern with counts': 'claims.list.all(x, claims.text.matches("((a{0,30}){0,30})$") || true)',
  'patterns made in a loop': 'claims.list.exists(x, "b".matches(x + "x{1000}y{1000}z{1000}"))',
  'patterns of Unicode made in a loop':
    'claims.list.exists(x, "b".matches(x + "\\\\pL\\\\pN\\\\pL\\\\pN\\\\pL\\\\pN"))',
  'patterns that do not end, made in a loop':
    'claims.list.exists(x, "b".matches(x + "[\\\\pL\\\\pN\\\\pL\\\\pN\\\\pL") || false)',
  'a text sought in a text': `claims.list.all(x, claims.text.lastIndexOf("b" + claims.text) < 0 && claims.text.contains("b" + claims.text.substring(40000)))`,
  'errors in a loop': 'claims.list.all(x, timestamp("x") == timestamp("x") || timestamp(x) == timestamp(x) || true)',
  'clauses of format': `claims.list.all(x, "${'%.3f'.repeat(20)}".format([${'1.5,'.repeat(19)}1.5]) != x)`,
  'a range': 'lists.range(1000000000)',
  distinct: 'claims.list.distinct()',
  sets: 'sets.contains(claims.list, claims.list)',
  sorting: 'claims.list.map(x, claims.list.sort())',
  messages: 'claims.list.map(x, pb.Auth{policies: claims.list})',
  'messages that cannot be': `claims.list.all(x, ${'pb.Auth{num_uses: x} == x || '.repeat(30)}true)`,
  'fields that there are not': `claims.list.all(x, ${'claims.nope || '.repeat(60)}true)`,
  'types that do not fit': `claims.list.all(x, ${'1 + x == 2 || !x || '.repeat(30)}true)`,
  'time zones': 'lists.range(5000).all(x, timestamp(x).getHours("Europe/Berlin") >= 0)',
};

describe('the budget', () => {
  for (const [name, source] of Object.entries(HOSTILE))
    it(`ends ${name}, alike each time`, () => {
      const first = failure(source);
      assert.equal(first.kind, 'budget', first.message);
      assert.equal(failure(source).cost, first.cost);
    });

  // With stacks, the three above that pass over errors hold the thread for seconds.
  it('makes errors without their stacks, and leaves everybody else’s alone', () => {
    const before = Error.stackTraceLimit;
    assert.ok(before > 0);
    for (const source of ['claims.nope', '1 + claims.sub', 'timestamp(claims.sub)']) {
      const { cause } = failure(source);
      assert.ok(cause instanceof Error && !/\n\s+at /.test(cause.stack ?? ''), source);
      assert.equal(Error.stackTraceLimit, before);
    }
    assert.equal(compileCel('claims.nope || true', environment).evaluate({ claims }).value, true);
    assert.equal(Error.stackTraceLimit, before);
  });

  it('is not passed over by what passes over errors', () => {
    assert.equal(failure(`${nested('all', 4)} || true`).kind, 'budget');
    assert.equal(failure(`[1].exists(x, ${nested('all', 4)} || x == 1)`).kind, 'budget');
  });

  it('holds for all expressions of a program together, and anew for each evaluation', () => {
    const half = nested('all', 2);
    const program = compileCel({ variables: [{ name: 'a', expression: half }], expression: half }, environment);
    const { cost } = program.evaluate({ claims });
    assert.equal(program.evaluate({ claims }, cost).cost, cost);
    assert.throws(() => program.evaluate({ claims }, cost - 1), { name: 'CelFailed', kind: 'budget' });
    assert(cost < 2 * compileCel(half, environment).evaluate({ claims }).cost + 10);
  });

  it('lets a chain of calls be planned, each of them once', () => {
    const chain = wrapped('claims.sub', 120, (inner) => `${inner}.trim()`);
    assert.equal(compileCel(chain, environment).evaluate({ claims }).value, 'job');
  });

  it('lets a list of thousands be mapped', () => {
    assert.equal(compileCel('claims.list.map(x, x + "!").size()', environment).evaluate({ claims }).value, 5_000n);
  });

  it('lets a pattern with repetitions in repetitions end', () => {
    assert.equal(
      compileCel(`'${'a'.repeat(2_000)}b'.matches('(a+)+$')`, environment).evaluate({ claims }).value,
      false,
    );
  });
});

describe('what is refused when it is written', () => {
  const refusals: readonly (readonly [string, number, number, RegExp])[] = [
    ['nope', 1, 1, /variable "nope"/],
    ['true &&\n  nope', 2, 3, /variable "nope"/],
    ['constructor', 1, 1, /variable/],
    ['claims.list.all(x, y)', 1, 20, /variable "y"/],
    ['claims.list.all(x, x != "") && x', 1, 32, /variable "x"/],
    ['nope(1)', 1, 1, /function nope/],
    ['size()', 1, 1, /takes 1 arguments/],
    ['claims.sub.nope()', 1, 11, /function x\.nope/],
    ['claims.sub.split()', 1, 11, /takes 1 or 2/],
    ['cel.bind(a, 1, a)', 1, 4, /function cel\.bind/],
    ['math.greatest()', 1, 5, /arguments/],
    ['claims.list.sortBy(x, x)', 1, 12, /function x\.sortBy/],
    ['claims.list.exists(i, v, v)', 1, 12, /exists\(\) takes/],
    ['has(claims)', 1, 1, /has\(\) takes a field/],
    ['claims.?sub', 1, 7, /optional/],
    ['claims[?"sub"]', 1, 7, /optional/],
    ['pb.Nope{}', 1, 1, /message "pb\.Nope"/],
    ['pb.Auth{nope: 1}', 1, 9, /no field "nope"/],
    ['pb.Auth{num_uses: 1, num_uses: 2}', 1, 21, /twice/],
    ['pb.Auth{}.nope', 1, 10, /no field/],
    ['99999999999999999999', 1, 1, /64 bits/],
    ['claims.sub.matches("(")', 1, 20, /RE2/],
    [`claims.sub.matches("${'a'.repeat(257)}")`, 1, 20, /256 characters/],
    ['claims.sub.matches("(?i)[a-\\\\x{ffff}]")', 1, 20, /ASCII/],
    ['claims.sub.matches("(?i)[a-힣]")', 1, 20, /ASCII/],
    ['claims.sub.matches("x{1000}x{1000}x{1000}")', 1, 20, /repeats too much/],
    ['', 1, 1, /empty/],
    [`"${'a'.repeat(4_096)}"`, 1, 4_097, /4096 characters/],
    [`${'('.repeat(1_000)}1${')'.repeat(1_000)}`, 1, 101, /nests/],
    [`${'true ? 1 : '.repeat(200)}1`, 1, 1_106, /nests/],
  ];
  for (const [source, line, , message] of refusals)
    it(source.slice(0, 60), () => {
      assert.throws(() => compileCel(source, environment), { name: 'CelRefused', line, message });
    });

  it('has the column', () => {
    const found = refusals.map(([source]) => {
      try {
        compileCel(source, environment);
        return undefined;
      } catch (error) {
        return error instanceof CelRefused ? error.column : error;
      }
    });
    assert.deepEqual(
      found,
      refusals.map(([, , column]) => column),
    );
  });

  it('takes no variable of a name that is taken or none', () => {
    for (const name of ['claims', 'a b', '', 'a'.repeat(129)])
      assert.throws(
        () => compileCel({ variables: [{ name, expression: '1' }], expression: '1' }, environment),
        CelRefused,
      );
    const later = [
      { name: 'a', expression: 'b' },
      { name: 'b', expression: '1' },
    ];
    assert.throws(() => compileCel({ variables: later, expression: '1' }, environment), { variable: 'a' });
  });
});

describe('claims', () => {
  const answer = (source: string, value: unknown) => compileCel(source, environment).evaluate({ claims: value }).value;

  it('have the members that were sent, and no others', () => {
    for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
      assert.equal(failure(`claims.${name}`).kind, 'error');
      assert.equal(answer(`has(claims.${name})`, {}), false);
      assert.equal(answer(`claims.${name}`, JSON.parse(`{"${name}": "sent"}`)), 'sent');
    }
  });

  it('tell null from nothing', () => {
    assert.equal(answer('has(claims.none) && "none" in claims && claims.none == null', { none: null }), true);
    assert.equal(answer('has(claims.none) || "none" in claims', {}), false);
  });

  it('do not nest without end', () => {
    const deep: unknown = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`);
    assert.equal(failure('true', { claims: deep }).kind, 'error');
  });

  it('are read as cel-go reads them', () => {
    const same: readonly (readonly [string, unknown])[] = [
      ['"a,b,c".split(",", 2)[1]', 'b,c'],
      ['"aXbX".replace("X", "y", -1)', 'aybyb'.slice(0, 3) + 'y'],
      ['"abc".replace("", "-")', '-a-b-c-'],
      ['claims.emoji.substring(1)', 'abc'],
      ['claims.n == 7', true],
      ['int("+5")', 5n],
      ['string(base64.decode("aGk"))', 'hi'],
      ['math.bitShiftRight(-8, 1)', 9_223_372_036_854_775_804n],
      ['math.round(-2.5)', -3],
      ['math.greatest(1, 2.5)', 2.5],
      ['json.encode({"b": 1, "a": [1.5, null, b"x", "<"]})', '{"a":[1.5,null,"eA==","\\u003c"],"b":1}'],
      ['[[1], [2, [3]]].flatten(2)', [1n, 2n, 3n]],
      ['[3, 1, 2].sort()', [1n, 2n, 3n]],
    ];
    for (const [source, value] of same) assert.deepEqual(answer(source, { emoji: '😀abc', n: 7 }), value, source);
    for (const source of ['int("")', 'int(" 5 ")', 'int("0x10")', 'double("")', 'base64.decode("-_8=")'])
      assert.equal(failure(source).kind, 'error', source);
  });
});

describe('any program', () => {
  const { expression } = fc.letrec<{ expression: string }>((tie) => {
    const inner = tie('expression');
    return {
      expression: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(
          'claims',
          'claims.sub',
          'claims.list',
          '1',
          '2u',
          '1.5',
          '"a"',
          'null',
          'true',
          'b"x"',
          'x',
          '[]',
          '{}',
        ),
        fc
          .tuple(inner, fc.constantFrom('+', '-', '==', '<', '&&', '||', 'in', '%'), inner)
          .map(([l, op, r]) => `(${l} ${op} ${r})`),
        fc
          .tuple(inner, fc.constantFrom('size', 'string', 'int', 'type', 'json.encode', 'math.least'))
          .map(([v, f]) => `${f}(${v})`),
        fc
          .tuple(inner, fc.constantFrom('map', 'all', 'filter', 'exists'), inner)
          .map(([v, m, b]) => `${v}.${m}(x, ${b})`),
        fc.tuple(inner, inner, inner).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
        fc.tuple(inner, inner).map(([a, b]) => `${a}[${b}]`),
        fc.tuple(inner, inner).map(([a, b]) => `{${a}: [${b}]}`),
        fc.tuple(inner, inner).map(([a, b]) => `pb.Auth{policies: ${a}, metadata: ${b}}`),
        fc.string({ maxLength: 6 }),
      ),
    };
  });

  it('gives an answer, is refused or fails, and costs the same twice', () => {
    const ended = (source: string): string => {
      try {
        return String(
          compileCel(source, environment).evaluate({ claims: { sub: 'job', list: ['a', 'b'] } }, 5_000).cost,
        );
      } catch (error) {
        if (error instanceof CelRefused) return 'refused';
        if (error instanceof CelFailed) return `${error.kind} ${String(error.cost)}`;
        throw error;
      }
    };
    fc.assert(
      fc.property(expression, (source) => ended(source) === ended(source)),
      { numRuns: 300 },
    );
  });
});
