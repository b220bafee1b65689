import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseJson } from '../client/json.ts';
import { isLockstepError } from '../errors.ts';
import { render } from './render.ts';

const data = { b: 'two', a: 'one', n: 5, deep: { y: 1, x: [true, null] } };

test('writes a bare value, JSON with sorted keys, or variables', () => {
  const text = (form: Parameters<typeof render>[1]): string => render(data, form).toString();
  assert.equal(text({ format: 'value', field: 'a' }), 'one');
  assert.equal(text({ format: 'value', field: 'n' }), '5');
  assert.equal(text({ format: 'value', field: 'deep' }), '{"x":[true,null],"y":1}');
  assert.equal(text({ format: 'json' }), '{"a":"one","b":"two","deep":{"x":[true,null],"y":1},"n":5}\n');
  assert.equal(text({ format: 'json', field: 'b' }), '"two"\n');
  assert.equal(text({ format: 'env', field: 'b' }), "b='two'\n");
  assert.equal(text({ format: 'env' }), "a='one'\nb='two'\ndeep='{\"x\":[true,null],\"y\":1}'\nn='5'\n");
  assert.equal(render({}, { format: 'json' }).toString(), '{}\n');
  assert.equal(render({ e: '' }, { format: 'value', field: 'e' }).length, 0);
});

test('keeps every digit of a number', () => {
  const exact = parseJson('{"n":123456789012345678901234567890}') as Record<string, unknown>;
  assert.equal(render(exact, { format: 'value', field: 'n' }).toString(), '123456789012345678901234567890');
});

test('a field that is missing is an error that names it, and tells no value', () => {
  const forms = [
    [{ format: 'value', field: 'gone' }, /no field "gone"/],
    [{ format: 'value', field: 'toString' }, /no field "toString"/],
    [{ format: 'env' }, /"bad-name" cannot be the name of a variable/],
  ] as const;
  for (const [form, expected] of forms) {
    assert.throws(
      () => render({ 'bad-name': 'canary' }, form),
      (error) =>
        isLockstepError(error, 'cannotRender') && expected.test(error.message) && !/canary/.test(error.message),
    );
  }
  assert.throws(() => render({ a: 'x\0y' }, { format: 'env' }), /zero byte/);
});

test('a shell reads back what was written, whatever it holds', () => {
  const directory = mkdtempSync(join(tmpdir(), 'lockstep-env-'));
  const value = fc
    .string({ unit: 'binary', maxLength: 30 })
    .filter((text) => !text.includes('\0') && text.isWellFormed());
  fc.assert(
    fc.property(value, (text) => {
      const file = join(directory, 'env');
      writeFileSync(file, render({ VALUE: text }, { format: 'env' }));
      const read = execFileSync('sh', ['-c', '. "$1"; printf %s "$VALUE"', 'sh', file]).toString();
      assert.equal(read, text);
    }),
    { numRuns: 12, examples: [["'"], ["a'b\nc$(x)`y`\\"]] },
  );
});
