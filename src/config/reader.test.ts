import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLockstepError } from '../errors.ts';
import { parseHcl } from '../lib/hcl/index.ts';
import { key } from './kinds.ts';
import { Reader, type Overlay } from './reader.ts';
import {
  alias,
  ignored,
  many,
  named,
  one,
  refused,
  section,
  settings,
  textMap,
  type Keys,
  type Read,
} from './schema.ts';

const keys = {
  name: key.text('A name.', { required: true }),
  ttl: key.duration('A duration.', { default: 60 }),
  size: key.bytes('A size.'),
  old: ignored('it means nothing'),
  unsafe: refused('it would be unsafe'),
  nested: settings('Defaults.', {
    on: key.boolean('On?', { default: true }),
    level: key.count('How much.', { env: 'LEVEL' }),
  }),
  maybe: section('Optional.', { path: key.path('A path.', { required: true }) }, ({ path }) =>
    path === '/' ? '`path` is the root' : undefined,
  ),
  store: one('Where.', { lmdb: { path: key.path('A path.', { required: true }) }, inmem: {} }),
  backend: alias('store'),
  listener: many('Listeners.', { tcp: { port: key.count('A port.', { default: 1 }) }, unix: {} }),
  audit: named('Devices.', { labels: ['type', 'path'], many: true, keys: { options: textMap('Options.') } }),
} as const satisfies Keys;

function read(text: string | readonly string[], overlay?: Overlay): { values: Read<typeof keys>; reader: Reader } {
  const reader = new Reader();
  const texts = typeof text === 'string' ? [text] : text;
  const values = reader.read(
    texts.map((each, index) => parseHcl(each, index === 0 ? 'f.hcl' : `f${index}.hcl`)),
    keys,
    overlay,
  );
  return { values, reader };
}

function problems(text: string | readonly string[]): readonly string[] {
  return read(text).reader.problems;
}

test('infers the types of values from the schema', () => {
  const { values } = read('name = "n"');
  const ttl: number = values.ttl;
  const size: number | undefined = values.size;
  const path: string | undefined = values.maybe?.path;
  const level: number | undefined = values.nested.level;
  const store = values.store?.type === 'lmdb' ? values.store.path : undefined;
  assert.deepEqual([values.name, ttl, size, path, level, store], ['n', 60, undefined, undefined, undefined, undefined]);
  // @ts-expect-error a misspelt key does not compile
  assert.equal(values.tll, undefined);
  // @ts-expect-error nor does one of a block
  assert.equal(values.nested.onn, undefined);
  // @ts-expect-error nor a key of another type of block
  assert.equal(values.listener[0]?.path, undefined);
  // @ts-expect-error nor an ignored one
  assert.equal(values.old, undefined);
  // @ts-expect-error what may be absent cannot be used as if it were there
  assert.equal(values.size satisfies number, undefined);
  // @ts-expect-error values cannot be changed
  values.name = 'm';
});

test('gives defaults, blocks, labels and maps', () => {
  const { values, reader } = read(`
    name = "n"
    size = "2KiB"
    maybe { path = "/p" }
    backend "lmdb" { path = "/d" }
    listener "tcp" {}
    listener { type = "unix" }
    listener "TCP" { port = "8" }
    audit "file" "a" { options { x = "1", y = 2, z = true } }
  `);
  assert.deepEqual(reader.problems, []);
  assert.deepEqual(values, {
    name: 'n',
    ttl: 60,
    size: 2048,
    nested: { on: true, level: undefined },
    maybe: { path: '/p' },
    store: { type: 'lmdb', path: '/d' },
    listener: [{ type: 'tcp', port: 1 }, { type: 'unix' }, { type: 'tcp', port: 8 }],
    audit: [{ type: 'file', path: 'a', options: { x: '1', y: '2', z: 'true' } }],
  });
});

test('names what is wrong, where, and what was probably meant', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['', ['f.hcl:1:1: `name` is missing: A name.']],
    ['nmae = "x"\nname = "n"', ['f.hcl:1:1: unknown key `nmae`: did you mean `name`?']],
    ['name = "n" zzzzzz { a = 1 }', ['f.hcl:1:12: unknown key `zzzzzz`']],
    ['name = 3', ['f.hcl:1:1: `name` must be a string']],
    ['name { x = 1 }', ['f.hcl:1:1: `name` must be a string, not a block']],
    ['name = "n"\nttl = "x"', ['f.hcl:2:1: `ttl` must be a duration, such as "90s", "1h30m" or 3600 (seconds)']],
    ['name = "n" nested = 3', ['f.hcl:1:12: nested must be a block, nested { … }, not a plain value']],
    ['name = "n" nested { onn = 1 }', ['f.hcl:1:21: unknown key `onn`: did you mean `on`?']],
    ['name = "n" nested { on = "perhaps" }', ['f.hcl:1:21: `on` must be true or false']],
    ['name = "n" nested {} nested {}', ['f.hcl:1:22: `nested` is given twice (first at f.hcl:1:12)']],
    ['name = "n" maybe {}', ['f.hcl:1:18: `path` is missing: A path.']],
    ['name = "n" maybe { path = "/" }', ['f.hcl:1:12: maybe: `path` is the root']],
    ['name = "n" store "lmbd" {}', ['f.hcl:1:12: unknown store `lmbd`: did you mean `lmdb`? (known: lmdb, inmem)']],
    ['name = "n" store "__proto__" {}', ['f.hcl:1:12: unknown store `__proto__` (known: lmdb, inmem)']],
    ['name = "n" store { path = "/d" }', ['f.hcl:1:20: store needs a label: store "label" { … }']],
    [
      'name = "n" store "inmem" {} backend "inmem" {}',
      [
        'f.hcl:1:29: `backend` and `store` are the same: give one of them',
        'f.hcl:1:29: `backend` is given twice (first at f.hcl:1:12)',
      ],
    ],
    ['name = "n" unsafe = 1', ['f.hcl:1:12: `unsafe` is not offered: it would be unsafe']],
    ['name = "n" unsafe { a = 1 }', ['f.hcl:1:12: `unsafe` is not offered: it would be unsafe']],
    [
      'name = "n" audit "file" "a" {} audit "file" "a" {}',
      ['f.hcl:1:32: audit "file" "a" is given twice (first at f.hcl:1:12)'],
    ],
    [
      'name = "n" audit "file" "a" { options { x = [1] y { } } }',
      [
        'f.hcl:1:41: `x` must be a string, a number, true or false',
        'f.hcl:1:49: `y` must be a string, a number, true or false',
      ],
    ],
    ['name = "n" __proto__ = 1', ['f.hcl:1:12: unknown key `__proto__`']],
    ['name = "n" constructor = 1', ['f.hcl:1:12: unknown key `constructor`']],
  ];
  for (const [text, expected] of cases) assert.deepEqual(problems(text), expected, text);
});

test('fails with every problem at once', () => {
  const { reader } = read('nmae = 1\nttl = "x"');
  assert.throws(
    () => reader.finish(),
    (error) => isLockstepError(error, 'invalidConfig') && error.message.split('\n').length === 3,
  );
});

test('warns of what it ignores, in any form', () => {
  for (const form of ['old = 1', 'old { a = 1 }', 'old "x" {}']) {
    const { reader } = read(`name = "n"\n${form}`);
    assert.deepEqual(reader.warnings, ['f.hcl:2:1: `old` is ignored: it means nothing']);
    assert.deepEqual(reader.problems, []);
  }
});

test('merges documents: the last single value counts, repeated blocks are appended', () => {
  const { values, reader } = read([
    'name = "a" ttl = 1 nested { on = false } store "inmem" {} listener "tcp" {}',
    'name = "b" nested { level = 3 } backend "lmdb" { path = "/d" } listener "unix" {}',
  ]);
  assert.deepEqual(reader.problems, []);
  assert.equal(values.name, 'b');
  assert.equal(values.ttl, 1);
  assert.deepEqual(values.nested, { on: true, level: 3 });
  assert.deepEqual(values.store, { type: 'lmdb', path: '/d' });
  assert.deepEqual(
    values.listener.map(({ type }) => type),
    ['tcp', 'unix'],
  );
  assert.deepEqual(problems(['name = "n" audit "f" "a" {}', 'audit "f" "a" {}']), [
    'f1.hcl:1:1: audit "f" "a" is given twice (first at f.hcl:1:12)',
  ]);
});

test('lets an overlay win, also in sections, and names its place', () => {
  const overlay: Overlay = (name) => {
    if (name === 'name') return { raw: 'over', place: 'flag -name' };
    return name === 'level' ? { raw: 'much', place: 'environment variable VAULT_LEVEL' } : undefined;
  };
  const { values, reader } = read('name = "file"', overlay);
  assert.equal(values.name, 'over');
  assert.deepEqual(reader.problems, ['environment variable VAULT_LEVEL: `level` must be a whole number']);
});
