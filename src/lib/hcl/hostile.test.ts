import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { blocksOf, HclError, limits, parseHcl, type Block } from './index.ts';

function refused(text: string, message: RegExp): void {
  assert.throws(
    () => parseHcl(text),
    (error) => error instanceof HclError && message.test(error.message),
  );
}

test('bounds size, depth, count and labels', () => {
  assert.equal(parseHcl(`#${'x'.repeat(limits.size - 1)}`).attributes.size, 0);
  refused(`#${'x'.repeat(limits.size)}`, /larger than 1048576 bytes/);
  refused(`#${'é'.repeat(limits.size / 2)}`, /larger than 1048576 bytes/);

  const deepest = `${'a {'.repeat(limits.depth)}${'}'.repeat(limits.depth)}`;
  assert.equal(parseHcl(deepest).blocks.length, 1);
  refused(`a { ${deepest} }`, /nested more than 64/);
  refused('a {'.repeat(300_000), /nested more than 64/);
  refused(`a = ${'['.repeat(300_000)}`, /nested more than 64/);
  refused(`a = ${'[{x='.repeat(200_000)}`, /nested more than 64/);
  refused('{"a":'.repeat(200_000), /nested more than 64/);
  refused(`{"a":${'['.repeat(200_000)}`, /nested more than 64/);

  refused(`a = [${'1,'.repeat(limits.count + 1)}]`, /more than 100000/);
  refused(`{"a":[${'1,'.repeat(limits.count + 1)}1]}`, /more than 100000/);
  refused('a {}'.repeat(limits.count + 1), /more than 100000/);
  assert.equal(parseHcl(`a ${'"b" '.repeat(limits.labels)} {}`).blocks.length, 1);
  refused(`a ${'"b" '.repeat(limits.labels + 1)} {}`, /more than 8 labels/);
});

test('keeps names that JavaScript objects treat specially', () => {
  for (const text of ['__proto__ = 1 constructor = 2', '{"__proto__":1,"constructor":2}']) {
    const body = parseHcl(text);
    assert.deepEqual([...body.attributes.keys()], ['__proto__', 'constructor']);
  }
});

test('takes time in proportion to the text', () => {
  const shapes: readonly (readonly [string, number])[] = [
    ['a = "\\n', 2],
    ['/*', 1],
    ['a = <<E\n  E x', 9],
    ['a = <<-E\n\t', 9],
    ['a = "${{', 3],
    ['_', 1],
    ['9', 1],
    ['0x', 1],
    [' ', 1],
    ['\n', 1],
    ['#\n', 2],
    ['{"a":"\\\\', 2],
    ['a "b" ', 6],
    ['a = [[', 1],
  ];
  for (const [shape, tail] of shapes) {
    const unit = shape.slice(-tail);
    const text = (shape + unit.repeat(Math.floor(limits.size / unit.length))).slice(0, limits.size);
    const started = process.cpuUsage();
    try {
      parseHcl(text);
    } catch (error) {
      assert.ok(error instanceof HclError);
    }
    const used = process.cpuUsage(started);
    // Quadratic work on 1 MiB would take minutes.
    assert.ok(used.user + used.system < 2_000_000, `${JSON.stringify(shape)} took ${used.user} µs`);
  }
});

const pieces = [
  ...[
    '{',
    '}',
    '[',
    ']',
    '=',
    ',',
    ':',
    '"',
    '\\',
    '\n',
    '\r\n',
    ' ',
    '#',
    '//',
    '/*',
    '*/',
    '<<E\n',
    '<<-E\n',
    'E\n',
    '${',
    '<',
  ],
  ...[
    'a',
    'b',
    'path',
    'true',
    'null',
    '1',
    '-',
    '.',
    '0x',
    '1e',
    '08',
    '"x"',
    '"a": ',
    '\\u12',
    '\u0000',
    '\uFEFF',
    '\uD800',
    'é',
    '😀',
  ],
];

test('never ends otherwise than with a tree or an HclError that says where', () => {
  const document = fc.oneof(
    fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((parts) => parts.join('')),
    fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((parts) => `{"a":${parts.join('')}`),
    fc.string({ unit: 'binary' }),
    fc.json(),
  );
  fc.assert(
    fc.property(document, (text) => {
      try {
        const body = parseHcl(text);
        for (const { type } of body.blocks) walk(blocksOf(body, type, 2));
      } catch (error) {
        assert.ok(error instanceof HclError, String(error));
        assert.match(error.message, /^input:\d+:\d+: [^]/);
        assert.ok(error.position.line >= 1 && error.position.line <= text.split('\n').length, error.message);
        assert.ok(error.position.column >= 1 && error.position.column <= text.length + 2, error.message);
      }
    }),
    { numRuns: 4000 },
  );
});

function walk(blocks: readonly Block[]): void {
  for (const block of blocks) assert.equal(block.labels.length, 2);
}

test('never repeats a value in an error', () => {
  const canary = 'hvs-canary-token';
  const texts = [
    `a = ${canary}`,
    `a = "${canary}`,
    `a = ["x" "${canary}"]`,
    `a = <<E\n${canary}`,
    `{"a":"${canary}}`,
    `{"a":${canary}}`,
  ];
  for (const text of texts) {
    assert.throws(
      () => parseHcl(text),
      (error) => error instanceof HclError && !error.message.includes(canary),
      text,
    );
  }
});
