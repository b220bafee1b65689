import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProviderProblem } from '../../providers/contract.ts';
import type { Template } from './definition.ts';
import type { TemplateSource } from './template-sources.ts';
import { applyTemplate } from './template.ts';
import { rewritten } from './values.ts';

const valuesOf = (values: Readonly<Record<string, string | Buffer>>) =>
  new Map(Object.entries(values).map(([key, value]) => [key, Buffer.from(value)]));

const source = (text: string, more: Partial<TemplateSource> = {}): TemplateSource => ({
  ...{ name: 'conf', text, as: 'Values', target: 'Data', decoding: undefined },
  ...more,
});

function applied(
  template: Template,
  sources: readonly TemplateSource[] = [],
  values = valuesOf({ user: 'app', pw: 's3cret' }),
) {
  const { values: data, ...others } = applyTemplate(template, values, sources);
  return {
    ...others,
    data: Object.fromEntries([...data].map(([key, value]) => [key, Buffer.from(value).toString('latin1')])),
  };
}

test('what stands in the ExternalSecret goes before templateFrom, later sources before earlier ones', () => {
  const made = applied({ data: { c: 'own {{ .user }}' } }, [
    source('a: "{{ .user }}"\nb: one\nc: from', { as: 'KeysAndValues', name: 'literal' }),
    source('two', { name: 'b' }),
  ]);
  assert.deepEqual(made.data, { a: 'app', b: 'two', c: 'own app' });
});

test('labels and annotations come of templates too', () => {
  const made = applied({ metadata: { labels: { of: '{{ .user }}' }, annotations: { plain: 'text' } } }, [
    source('team: {{ .user }}', { as: 'KeysAndValues', target: 'labels' }),
    source('note of {{ .user }}', { target: 'Annotations', name: 'note' }),
  ]);
  assert.deepEqual(
    [made.labels, made.annotations],
    [
      { team: 'app', of: 'app' },
      { note: 'note of app', plain: 'text' },
    ],
  );
  assert.deepEqual(made.data, {}, 'a template takes the place of the values');
});

test('without data and sources, the values are kept', () => {
  assert.deepEqual(applied({ metadata: { labels: { a: 'b' } } }).data, { user: 'app', pw: 's3cret' });
});

test('bytes that are no text pass through', () => {
  const raw = Buffer.from([0xff, 0x00, 0xfe]);
  assert.equal(applied({ data: { raw: '{{ .raw }}' } }, [], valuesOf({ raw })).data['raw'], '\u00ff\u0000\u00fe');
});

test('renderings are decoded where it is asked for', () => {
  const found = applied({}, [source('k: {{ .user | b64enc }}', { as: 'KeysAndValues', decoding: 'Base64' })]);
  assert.deepEqual(found.data, { k: 'app' });
});

test('what is wrong is said without a value', () => {
  const wrong: readonly (readonly [Template, readonly TemplateSource[], RegExp])[] = [
    [{ data: { a: '{{ .gone }}' } }, [], /at key a: template: a:1:3: .*map has no entry for key "gone"/],
    [{ data: { a: '{{ .user' } }, [], /unclosed action/],
    [{ data: { a: '{{ range $i := .pw | int64 }}{{ . }}{{ end }}{{ .pw | fail }}' } }, [], /at key a/],
    [{ data: { a: '{{ env "HOME" }}' } }, [], /function "env" not defined/],
    [{ data: { a: '{{ define "x" }}{{ template "x" }}{{ end }}{{ template "x" }}' } }, [], /exceeded/],
    [{}, [source('x', { target: 'spec.token' })], /"spec.token" is none of Data, Annotations and Labels/],
    [{}, [source('{{ .pw }}', { as: 'KeysAndValues' })], /does not render to YAML of names and texts/],
    [{}, [source('a: [{{ .pw }}]', { as: 'KeysAndValues' })], /the value of "a" is no text/],
    [{}, [source('a: &a {{ .pw }}\nb: *a', { as: 'KeysAndValues' })], /does not render to YAML/],
    [{}, [source('a: "{{ .pw }}\nb: c', { as: 'KeysAndValues' })], /does not render to YAML/],
    [{}, [source('{{ .pw }}', { decoding: 'Base64' })], /Base64/],
  ];
  for (const [template, sources, said] of wrong) {
    assert.throws(
      () => applied(template, sources),
      (error) => error instanceof ProviderProblem && said.test(error.message) && !error.message.includes('s3cret'),
      said.source,
    );
  }
});

test('rewrite.transform renders each key', () => {
  const names = rewritten(valuesOf({ db_user: '1', db_pw: '2' }), [
    { transform: { template: '{{ .value | trimPrefix "db_" | upper }}' } },
  ]);
  assert.deepEqual([...names.keys()], ['USER', 'PW']);
  assert.throws(
    () => rewritten(valuesOf({ a: '1' }), [{ transform: { template: '{{ .key }}' } }]),
    /rewrite.transform/,
  );
});

test('a rewrite that makes keys ever longer is refused before they fill the memory', () => {
  const doubling = Array.from({ length: 40 }, () => ({ regexp: { source: '(.+)', target: '$1$1' } }));
  const longKey = /key of more than 1024 characters/;
  assert.throws(() => rewritten(valuesOf({ key: '1' }), doubling), longKey);
  const rendering = Array.from({ length: 40 }, () => ({ transform: { template: '{{ .value }}{{ .value }}' } }));
  assert.throws(() => rewritten(valuesOf({ key: '1' }), rendering), longKey);
  const wide = [{ regexp: { source: '.', target: '$0'.repeat(100_000) } }];
  assert.throws(() => rewritten(valuesOf({ key: '1' }), wide), /target has more than 1024 characters/);
});

test('operations on more keys than the controller can rewrite beside its other work are refused', () => {
  const many = valuesOf(Object.fromEntries(Array.from({ length: 2_000 }, (_, n) => [`key-${String(n)}`, ''])));
  const trimming = Array.from({ length: 1_000 }, () => ({ regexp: { source: '^x', target: '' } }));
  assert.throws(() => rewritten(many, trimming), /too many operations on too many keys/);
  assert.equal(rewritten(many, trimming.slice(0, 10)).size, 2_000);
});
