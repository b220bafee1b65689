import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse as parseReference } from '@cdktn/hcl2json';
import fc from 'fast-check';
import { isBody, parseHcl, type Body, type Value } from './index.ts';
import type { Plain } from './plain.testing.ts';

/*
 * Documents in the intersection of HCL 1 and HCL 2, compared with HashiCorp's own HCL 2 parser. Outside of it lie
 * octal and hexadecimal numbers, \x escapes, commas between attributes of a block, dots in names, quoted block types,
 * duplicate keys, `${`, which HCL 2 evaluates, and text that is not in NFC, to which HCL 2 brings it.
 */

type Item =
  | { readonly kind: 'attribute'; readonly name: string; readonly text: string }
  | {
      readonly kind: 'block';
      readonly type: string;
      readonly labels: readonly string[];
      readonly items: readonly Item[];
    };

const word = fc
  .stringMatching(/^[a-z_][a-zA-Z0-9_-]{0,8}$/)
  .filter((text) => !['true', 'false', 'null', 'for', '__proto__'].includes(text));
const text = fc.oneof(
  fc.stringMatching(/^[a-z "\\\n\r\t#{}[\]=,/*'<-]{0,20}$/),
  fc.string({ unit: 'grapheme', maxLength: 20 }).filter((value) => !/[$%\p{C}\p{Z}]/u.test(value)),
);
const quoted = text.map((value) => JSON.stringify(value.normalize('NFC')));
const number = fc.oneof(
  fc.integer().map(String),
  fc.maxSafeInteger().map(String),
  fc
    .tuple(fc.integer({ min: -999, max: 999 }), fc.integer({ min: 1, max: 9 }))
    .map(([whole, part]) => `${whole}.${part}`),
  fc
    .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: -5, max: 5 }))
    .map(([digit, power]) => `${digit}e${power}`),
);
const blank = fc.constantFrom('', ' ', '\t', ' /* c */ ', ' /* a * b / c */');
const newline = fc.constantFrom('\n', '\n\n', ' # comment " {\n', ' // comment [\n', '\r\n', '\n/* over\nlines */\n');
const heredoc = fc
  .tuple(fc.array(fc.stringMatching(/^[a-z "#=]{0,8}x$/), { maxLength: 4 }), fc.constantFrom('', '  '), fc.boolean())
  .map(([lines, indent, flush]) => {
    const all = flush ? ['x', ...lines] : lines;
    return `<<${flush ? '-' : ''}EOT\n${all.map((line) => `${indent}${line}\n`).join('')}${flush ? indent : ''}EOT`;
  });

const { value } = fc.letrec<{ value: string; list: string; object: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    quoted,
    number,
    fc.constantFrom('true', 'false'),
    tie('list'),
    tie('object'),
  ),
  list: fc
    .tuple(fc.array(fc.tuple(blank, tie('value'), blank), { maxLength: 4 }), fc.boolean())
    .map(
      ([items, trailing]) =>
        `[${items.map((parts) => parts.join('')).join(',')}${trailing && items.length > 0 ? ',' : ''}]`,
    ),
  object: fc
    .tuple(
      fc.uniqueArray(word, { maxLength: 4 }),
      fc.array(tie('value'), { minLength: 4, maxLength: 4 }),
      fc.constantFrom(', ', '\n'),
    )
    .map(
      ([names, values, separator]) => `{ ${names.map((name, index) => `${name} = ${values[index]}`).join(separator)} }`,
    ),
}));

const { items } = fc.letrec<{ items: readonly Item[]; block: Item }>((tie) => ({
  items: fc
    .tuple(
      fc.uniqueArray(fc.tuple(word, fc.oneof({ weight: 5, arbitrary: value }, { weight: 1, arbitrary: heredoc })), {
        selector: ([name]) => name,
        maxLength: 4,
      }),
      fc.array(tie('block'), { maxLength: 3, depthIdentifier: 'blocks' }),
    )
    .map(([attributes, blocks]) => [
      ...attributes.map(([name, rendered]): Item => ({ kind: 'attribute', name: `a_${name}`, text: rendered })),
      ...blocks,
    ]),
  block: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'blocks' },
    fc.constant<Item>({ kind: 'block', type: 'b_empty', labels: [], items: [] }),
    fc
      .tuple(
        fc.constantFrom('x', 'y'),
        fc.array(fc.constantFrom('one', 'two words', 'p/*'), { maxLength: 2 }),
        tie('items'),
      )
      // The reference's output is ambiguous when one type occurs with different numbers of labels.
      .map(([type, labels, inner]): Item => ({
        kind: 'block',
        type: `b_${type}${labels.length}`,
        labels,
        items: inner,
      })),
  ),
}));

function render(all: readonly Item[], space: () => string): string {
  return all
    .map((item) => {
      if (item.kind === 'attribute') return `${item.name} = ${item.text}${item.text.endsWith('EOT') ? '\n' : space()}`;
      const labels = item.labels.map((label) => ` ${JSON.stringify(label)}`).join('');
      return `${item.type}${labels} {${space()}${render(item.items, space)}}${space()}`;
    })
    .join('');
}

/** The tree in the reference's own shape: objects under attributes, lists of bodies under block types and labels. */
function asReference(body: Body): { [key: string]: Plain } {
  const result: { [key: string]: Plain } = {};
  for (const [name, { value: given }] of body.attributes) result[name] = valueAsReference(given);
  for (const block of body.blocks) {
    let level = result;
    const names = [block.type, ...block.labels];
    for (const name of names.slice(0, -1)) level = (level[name] ??= {}) as { [key: string]: Plain };
    const last = names.at(-1) ?? '';
    ((level[last] ??= []) as Plain[]).push(asReference(block.body));
  }
  return result;
}

function valueAsReference(given: Value): Plain {
  if (typeof given !== 'object') return given;
  return isBody(given) ? asReference(given) : given.map(valueAsReference);
}

/** What HCL 1 cannot tell apart: an object and a list of objects under an attribute. Blocks begin with `b_`. */
function withoutAssignedObjects(json: unknown, assigned: boolean): unknown {
  if (Array.isArray(json)) return json.map((item) => withoutAssignedObjects(item, assigned));
  if (typeof json !== 'object' || json === null) return json;
  return Object.fromEntries(
    Object.entries(json).map(([name, inner]) => {
      const attribute = assigned || name.startsWith('a_');
      const converted = withoutAssignedObjects(inner, attribute);
      const single = attribute && typeof converted === 'object' && !Array.isArray(converted);
      return [name, single ? [converted] : converted];
    }),
  );
}

test('agrees with the HCL 2 parser on what both versions share', async () => {
  await fc.assert(
    fc.asyncProperty(items, fc.infiniteStream(newline), async (all, spaces) => {
      const document = render(all, () => spaces.next().value ?? '\n');
      const reference = await parseReference('document.hcl', document);
      assert.deepEqual(asReference(parseHcl(document)), withoutAssignedObjects(reference, false), document);
    }),
    { numRuns: 400 },
  );
});

test('refuses broken documents that the HCL 2 parser refuses too', async () => {
  const broken = [
    'a = ',
    'a "b" = 1',
    'a {',
    '}',
    'a = [1 2]',
    'a = "x',
    'a = <<E\nx\n',
    'a = 1\na = 2',
    "a = 'x'",
    'a: 1',
    'a = "\\q"',
  ];
  for (const document of broken) {
    assert.throws(() => parseHcl(document), document);
    await assert.rejects(parseReference('document.hcl', document), document);
  }
});
