import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isLockstepError } from '../errors.ts';
import { parseJsonObject, type JsonLimits } from './json.ts';
import { defaultLimits } from './listener.ts';

const parse = (text: string | Uint8Array, limits: Partial<JsonLimits> = {}): unknown =>
  parseJsonObject(typeof text === 'string' ? Buffer.from(text) : text, { ...defaultLimits, ...limits });

function refuses(text: string | Uint8Array, message: RegExp, limits: Partial<JsonLimits> = {}): void {
  assert.throws(
    () => parse(text, limits),
    (error) =>
      isLockstepError(error, 'malformedBody') &&
      error.message.startsWith('failed to parse JSON input: ') &&
      message.test(error.message),
  );
}

describe('a JSON body', () => {
  test('is an object', () => {
    assert.deepEqual(parse(' {"a":{"b":[1,"x",null,{}]},"a\\"b":"é€😀"} '), {
      a: { b: [1, 'x', null, {}] },
      'a"b': 'é€😀',
    });
    for (const text of ['[]', '1', '"x"', 'null', 'true']) refuses(text, /top level must be an object/);
  });

  test('that is not JSON is refused, and not repeated', () => {
    for (const text of [
      '{',
      '{"a":1}x',
      '{"a":NaN}',
      '{"a":Infinity}',
      "{'a':1}",
      '{"a":1,}',
      '\ufeff{}',
      '{"a":01}',
      '{"a":"\u0001"}',
      '{"a":"\\x"}',
      'canary',
      '{"a":canary}',
      '{"a":"canary',
      '{"canary\\u12":1}',
      '{}{}',
      '{"a":1}}',
    ]) {
      refuses(text, /^(?!.*canary)/);
    }
    refuses(Buffer.from('{"a":"\xff"}', 'latin1'), /UTF-8/);
    refuses(Buffer.from([0x7b, 0xc0, 0x80, 0x7d]), /UTF-8/);
  });

  test('holds no key twice in one object, however it is spelt', () => {
    refuses('{"a":1,"a":2}', /same key twice/);
    refuses('{"a":1,"\\u0061":2}', /same key twice/);
    refuses('{"x":[{"__proto__":1,"__proto__":2}]}', /same key twice/);
    assert.deepEqual(parse('{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}],"c":"a"}'), {
      a: { a: { a: 1 } },
      b: [{ a: 1 }, { a: 2 }],
      c: 'a',
    });
  });

  test('has keys of the prototype as plain keys', () => {
    const value = parse('{"__proto__":{"admin":true},"constructor":1}') as Record<string, unknown>;
    assert.ok(Object.hasOwn(value, '__proto__'));
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
    assert.equal((Object.prototype as Record<string, unknown>)['admin'], undefined);
    assert.equal(value['admin'], undefined);
  });

  test('is limited in depth, strings, keys, elements and memory, each exactly', () => {
    const nested = (depth: number): string => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
    assert.ok(parse(nested(300)));
    refuses(nested(301), /deeper than 300/);
    refuses('{"a":'.repeat(100_000), /deeper/);
    refuses('['.repeat(1_000_000), /deeper/);
    assert.ok(parse('{"a":"xxxx"}', { maxJsonString: 4 }));
    refuses('{"a":"xxxxx"}', /longer than 4/, { maxJsonString: 4 });
    refuses('{"xxxxx":1}', /longer than 4/, { maxJsonString: 4 });
    assert.ok(parse('{"a":1,"b":2}', { maxJsonKeys: 2 }));
    refuses('{"a":1,"b":2,"c":3}', /more than 2 keys/, { maxJsonKeys: 2 });
    assert.ok(parse('{"a":[1,2]}', { maxJsonElements: 2 }));
    refuses('{"a":[1,2,3]}', /more than 2 elements/, { maxJsonElements: 2 });
    assert.ok(parse('{"a":"b","c":["d"]}', { maxJsonStrings: 4 }));
    refuses('{"a":"b","c":["d","e"]}', /more than 4 keys and strings/, { maxJsonStrings: 4 });
    refuses(`{"a":[${'{},'.repeat(5_000)}{}]}`, /bytes of memory/, { maxJsonMemory: 100_000 });
  });

  test('of 32 MiB is looked through in time, whatever it is made of', () => {
    const size = 32 * 1024 * 1024;
    const unlimited = Object.fromEntries(Object.keys(defaultLimits).map((key) => [key, Infinity]));
    for (const text of [
      `{"a":"${'\\'.repeat(size)}"}`,
      `{"a":"${'\\"'.repeat(size / 2)}"}`,
      `{"${'\\u0061'.repeat(size / 6)}`,
    ]) {
      const before = performance.now();
      try {
        parse(text, unlimited);
      } catch (error) {
        assert.ok(isLockstepError(error, 'malformedBody'));
      }
      // Quadratic work would take hours here.
      assert.ok(performance.now() - before < 20_000);
    }
  });

  test('means what JSON.parse says it means', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), (value) => {
        const text = JSON.stringify(value);
        assert.deepEqual(parse(text), JSON.parse(text));
      }),
    );
  });
});
