/**
 * The conformance suite of the language (google/cel-spec, as `@bufbuild/cel-spec` packs it), through what a role's program
 * goes through. What is not asked, and what is answered otherwise, is counted here with its reason, and told in
 * docs/cel-roles.md.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tests } from '@bufbuild/cel-spec/testdata/conformance.js';
import { CelFailed, CelRefused, compileCel, type CelEnvironment, type PlainValue } from './program.ts';

type Json = Readonly<Record<string, unknown>>;
type Suite = (typeof tests)['suites'] extends (infer Each)[] | undefined ? Each : never;
type Original = NonNullable<Suite['tests']>[number]['original'];

interface Case {
  /** `suite/section/name`. */
  readonly id: string;
  readonly original: Original;
}

function casesOf({ suites = [], tests: own = [] }: Suite, path: string): Case[] {
  const below = suites.flatMap((each) => casesOf(each, path === '' ? each.name : `${path}/${each.name}`));
  return [...below, ...own.map(({ original }) => ({ id: `${path}/${original.name ?? ''}`, original }))];
}

/** A part of the suite that a program of a role has no use for. */
class NotAsked extends Error {}

/** `cel.expr.Value` as JSON. Times are as texts, bytes too. */
function plain(value: Json): unknown {
  const [kind = '', content] = Object.entries(value)[0] ?? [];
  const { values = [], entries = [], ...object } = (content ?? {}) as { values?: Json[]; entries?: Json[] };
  switch (kind) {
    case 'int64Value':
    case 'uint64Value':
      return BigInt(String(content));
    case 'doubleValue':
      return Number(content);
    case 'listValue':
      return values.map(plain);
    case 'mapValue':
      return new Map(entries.map((each) => [plain(each['key'] as Json), plain(each['value'] as Json)]));
    case 'bytesValue':
      return `bytes ${String(content)}`;
    case 'objectValue': {
      const { '@type': type = '', value: text } = object as Json;
      if (!/\.(Timestamp|Duration)$/.test(String(type))) throw new NotAsked('messages');
      return `time ${String(text)}`;
    }
    case 'enumValue':
      throw new NotAsked('messages');
    default:
      return content;
  }
}

const PLAIN_BINDING = new Set(['int64Value', 'doubleValue', 'stringValue', 'boolValue', 'nullValue', 'listValue']);

/** What a variable is given: as claims, with a bigint for an int. */
function binding(value: Json): unknown {
  const [kind = ''] = Object.keys(value);
  const found = plain(value);
  if (PLAIN_BINDING.has(kind)) return found;
  if (!(found instanceof Map)) throw new NotAsked('variables of types that no claim has');
  return Object.fromEntries(found as ReadonlyMap<string, unknown>);
}

/** In the form of `plain`. */
function shown(value: PlainValue | undefined, type = ''): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('base64')}`;
  if (value instanceof Date) return `time ${value.toISOString().replace('.000Z', 'Z')}`;
  if (type === 'duration') return `time ${String(Number(value) / 1e9)}s`;
  if (Array.isArray(value)) return value.map((each: PlainValue) => shown(each));
  if (value instanceof Map)
    return new Map(Array.from(value, ([key, each]: [unknown, PlainValue]) => [key, shown(each)]));
  return value;
}

const MESSAGES = /TestAllTypes|NestedEnum|GlobalEnum/;

/** Throws `NotAsked`. */
function asked({ expr, ...test }: Original): { values: Json; wanted: unknown } {
  const { container, value, evalError, bindings = {} } = test as Json;
  if (container !== undefined) throw new NotAsked('names within a package');
  if (MESSAGES.test(expr)) throw new NotAsked('messages');
  if (value === undefined && test['typedResult'] !== undefined) throw new NotAsked('types alone');
  const values = Object.entries(bindings as Readonly<Record<string, { value: Json }>>).map(
    ([name, each]) => [name, binding(each.value)] as const,
  );
  const wanted = evalError !== undefined ? 'an error' : value === undefined ? true : plain(value as Json);
  return { values: Object.fromEntries(values), wanted };
}

const environments = new Map<string, CelEnvironment>();

function environmentOf(variables: readonly string[]): CelEnvironment {
  const key = variables.join();
  const known = environments.get(key) ?? { variables, messages: {} };
  environments.set(key, known);
  return known;
}

function answered(source: string, values: Json): unknown {
  try {
    const answer = compileCel(source, environmentOf(Object.keys(values))).evaluate(values);
    return shown(answer.value, answer.type);
  } catch (error) {
    if (error instanceof CelRefused || error instanceof CelFailed) return 'an error';
    throw error;
  }
}

/** Of cases whose answer is another: why, and how many there are. All are refused when they are written, but for the repeated key and the last. */
const KNOWN: readonly (readonly [RegExp, number, string])[] = [
  [/^optionals\//, 56, 'optional values are refused'],
  [/^macros2\//, 38, 'macros of two variables are cel-go’s own, and OpenBao has none of them'],
  [/^block_ext\//, 25, 'cel.block() is for optimisers'],
  [/^bindings_ext\//, 5, 'OpenBao has no cel.bind()'],
  [/^(dynamic|comparisons\/eq_wrapper)\/|eq_dyn_json_null$/, 64, 'there are no messages of protobuf’s own JSON'],
  [/^parse\/receiver_function_names\//, 17, 'a function that there is not is refused, though || would pass over it'],
  [/unbound_is_runtime_error$/, 2, 'a name that there is not is refused, though || would pass over it'],
  [/^fields\/quoted_map_fields\//, 6, 'names in backquotes are refused: x["a-b"]'],
  [/repeat_key_heterogeneous$/, 1, '1 and 1u are two keys of a map that stands in a program'],
  [/^(fields|namespace)\/.*(qualified_ident|field_select|longest_prefix|qualified_lookup)/, 5, 'no variable has a dot'],
  [/indexof_out_of_range$/, 2, 'as OpenBao’s cel-go, which answers -1'],
];

test('a program answers as the specification has it, but for what is known', (context) => {
  const cases = (tests.suites ?? []).flatMap((suite) => casesOf(suite, suite.name));
  const left = new Map<string, number>();
  const found = KNOWN.map(() => 0);
  const wrong: string[] = [];
  let right = 0;
  for (const { id, original } of cases) {
    let question: ReturnType<typeof asked>;
    try {
      question = asked(original);
    } catch (error) {
      if (!(error instanceof NotAsked)) throw error;
      left.set(error.message, (left.get(error.message) ?? 0) + 1);
      continue;
    }
    const answer = answered(original.expr, question.values);
    try {
      assert.deepEqual(answer, question.wanted);
      right += 1;
    } catch {
      const known = KNOWN.findIndex(([pattern]) => pattern.test(id));
      if (known >= 0) found[known] = (found[known] ?? 0) + 1;
      else wrong.push(`${id}: ${original.expr}`);
    }
  }
  context.diagnostic(JSON.stringify({ cases: cases.length, right, left: Object.fromEntries(left) }));
  assert.deepEqual(wrong, []);
  assert.deepEqual(
    found,
    KNOWN.map(([, count]) => count),
  );
  assert.deepEqual({ cases: cases.length, right }, { cases: 2_344, right: 1_480 });
});
