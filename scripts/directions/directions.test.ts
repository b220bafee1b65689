import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cycles } from './cycles.ts';
import { importsIn } from './imports.ts';
import { problemOf } from './rules.ts';

function problem(from: string, to: string, typeOnly = false): string | undefined {
  return problemOf({ from: `src/${from}`, line: 1, to, typeOnly }, ['ws', '@peculiar/x509']);
}

describe('reading imports', () => {
  const found = (source: string): string[] =>
    importsIn('src/core/a.ts', source).map(({ line, to, typeOnly }) => `${line} ${to}${typeOnly ? ' type' : ''}`);

  test('finds every form, with its line and whether it is erased', () => {
    const source = [
      `import { a } from './b.ts';`,
      `import type { C } from '../lib/c.ts';`,
      `import { type D } from './d.ts';`,
      `export * from './e.ts';`,
      `export type { F, G } from './f.ts';`,
      `import './g.ts';`,
      `const h = () => import('./h.ts');`,
      `import ws from 'ws';`,
    ].join('\n');
    assert.deepEqual(found(source).sort(), [
      '1 src/core/b.ts',
      '2 src/lib/c.ts type',
      '3 src/core/d.ts',
      '4 src/core/e.ts',
      '5 src/core/f.ts type',
      '6 src/core/g.ts',
      '7 src/core/h.ts',
      '8 ws',
    ]);
  });

  test('sees none in text and comments', () => {
    assert.deepEqual(found(`// import { a } from './b.ts'\nconst s = "import('./c.ts')";\nawait using x = s;`), []);
  });

  test('refuses an import whose target is computed, and a file that does not parse', () => {
    assert.throws(() => found('const p = "./b.ts"; import(p);'), /hides what it imports/);
    assert.throws(() => found('import(`./${p}.ts`);'), /hides what it imports/);
    assert.throws(() => found('import {'), /src\/core\/a\.ts/);
  });
});

describe('directions', () => {
  const refused: readonly (readonly [string, string])[] = [
    ['errors.ts', 'src/lib/secret.ts'],
    ['lib/a.ts', 'src/framework/path.ts'],
    ['framework/path.ts', 'src/core/keys.ts'],
    ['framework/path.ts', 'src/storage/memory/open.ts'],
    ['storage/memory/open.ts', 'src/framework/path.ts'],
    ['engines/kv/paths.ts', 'src/core/keys.ts'],
    ['engines/kv/paths.ts', 'src/engines/transit/keys.ts'],
    ['engines/kv/paths.ts', 'src/storage/lmdb/open.ts'],
    ['auth/approle/login.ts', 'src/engines/kv/paths.ts'],
    ['core/mounts/mount-table.ts', 'src/engines/kv/index.ts'],
    ['server/command.ts', 'src/auth/approle/index.ts'],
    ['core/keys.ts', 'src/server/http.ts'],
    ['cli/kv.ts', 'src/core/keys.ts'],
    ['agent/command.ts', 'src/storage/store.ts'],
    ['agent/command.ts', 'src/registry.ts'],
    ['cli/kv.ts', 'src/main.ts'],
    ['core/keys.ts', 'src/core/keys.test.ts'],
    ['core/keys.ts', 'src/storage/store.conformance.ts'],
    ['core/keys.ts', 'node:crypto'],
    ['core/keys.ts', 'crypto'],
    ['lib/cryptography.ts', 'node:crypto'],
    ['core/keys.ts', 'knip'],
    ['core/keys.ts', '@peculiar/asn1'],
    ['core/keys.ts', 'scripts/check.ts'],
  ];
  for (const [from, to] of refused) {
    test(`src/${from} may not import ${to}`, () => assert.notEqual(problem(from, to), undefined));
  }

  const allowed: readonly (readonly [string, string])[] = [
    ['engines/kv/paths.ts', 'src/engines/kv/versions.ts'],
    ['engines/kv/paths.ts', 'src/engines/engine.ts'],
    ['engines/kv/paths.ts', 'src/framework/path.ts'],
    ['engines/kv/paths.ts', 'src/storage/store.ts'],
    ['engines/transit/keys.ts', 'node:crypto'],
    ['lib/crypto/hash.ts', 'node:crypto'],
    ['registry.ts', 'src/engines/kv/index.ts'],
    ['core/mounts/mount-table.ts', 'src/registry.ts'],
    ['agent/command.ts', 'src/client/client.ts'],
    ['main.ts', 'src/server/command.ts'],
    ['core/keys.test.ts', 'src/server/http.ts'],
    ['core/keys.ts', 'node:path'],
    ['core/keys.ts', 'ws'],
    ['core/keys.ts', '@peculiar/x509'],
  ];
  for (const [from, to] of allowed) {
    test(`src/${from} may import ${to}`, () => assert.equal(problem(from, to), undefined));
  }

  test('a type of node:crypto may be named anywhere, a type of the core not', () => {
    assert.equal(problem('core/keys.ts', 'node:crypto', true), undefined);
    assert.notEqual(problem('engines/kv/paths.ts', 'src/core/keys.ts', true), undefined);
  });
});

describe('cycles', () => {
  const imports = (...edges: readonly string[]): Parameters<typeof cycles>[0] =>
    edges.map((edge) => ({ from: edge.charAt(0), to: edge.charAt(1), line: 1, typeOnly: false }));

  test('are found, also of one module and behind a tail', () => {
    assert.deepEqual(cycles(imports('aa')), [['a', 'a']]);
    assert.deepEqual(cycles(imports('ab', 'bc', 'cd', 'db')), [['b', 'c', 'd', 'b']]);
    assert.equal(cycles(imports('ab', 'ba', 'cd', 'dc')).length, 2);
  });

  test('are not seen where paths only meet again', () => {
    assert.deepEqual(cycles(imports('ab', 'ac', 'bd', 'cd', 'de')), []);
  });
});
