/**
 * Every field of our kinds is set by a test, or stands here with the reason why not. Which test sets it is found by its name as a key
 * in a test's text: it says that somebody thought of it, not how well.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fieldsOf } from '../../test/kubernetes/support/fields.ts';
import { definitions } from './rights.ts';

const ROOT = join(import.meta.dirname, '../..');

/** By the end of their path. docs/external-secrets.md tells users. */
const unset: Readonly<Record<string, string>> = {};

const patterns = [
  '{src/controllers,src/providers,src/generators}/**/*.{test,testing,conformance}.ts',
  'test/{kubernetes,integration,clients,support}/**/*.ts',
];
const texts = patterns
  .flatMap((pattern) => globSync(pattern, { cwd: ROOT }))
  .filter((path) => !/confused-deputy|support\/fields|controllers\/fields/.test(path))
  .map((path) => readFileSync(join(ROOT, path), 'utf8'));

const isSet = (name: string): boolean => {
  const asKey = new RegExp(`(?<![\\w.])['"]?${name}['"]?\\s*[:,}\\]]`);
  return texts.some((text) => asKey.test(text));
};

/** `required` and the like are names of other things too. */
const nested = (name: string): boolean => name.includes('.');

const fields = definitions.flatMap(({ kind, spec }) =>
  fieldsOf(spec.openapi).map(({ path }) => ({ kind, path, name: (path.split('.').at(-1) ?? '').replace('[]', '') })),
);

const hasReason = (path: string): boolean =>
  Object.keys(unset).some((each) => path === each || path.endsWith(`.${each}`));

test('each field of each kind is set by a test, or there is a reason', () => {
  assert.ok(fields.length > 1_500, String(fields.length));
  const names = new Map([...new Set(fields.map(({ name }) => name))].map((name) => [name, isSet(name)]));
  const missing = fields.filter(({ path, name }) => names.get(name) !== true && !hasReason(path));
  assert.deepEqual(
    missing.map(({ kind, path }) => `${kind}: ${path}`),
    [],
  );
});

test('no reason is left of a field that is gone, or that a test sets', () => {
  for (const each of Object.keys(unset)) {
    assert.ok(
      fields.some(({ path }) => path === each || path.endsWith(`.${each}`)),
      `${each} is no field`,
    );
    assert.ok(nested(each) || !isSet(each), `${each} is set by a test`);
  }
});
