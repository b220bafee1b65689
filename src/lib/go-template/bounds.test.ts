import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sprigWith } from './sprig/index.ts';
import { parseTemplate, type TemplateOptions } from './template.ts';
import { TemplateError } from './template-error.ts';

const sprig = sprigWith(() => 0);

function failure(template: string, options: TemplateOptions = {}): TemplateError {
  try {
    parseTemplate('t', template, { functions: sprig, ...options }).execute({ a: 'x'.repeat(1000) });
  } catch (error) {
    if (error instanceof TemplateError) return error;
    throw error;
  }
  return assert.fail(`rendered: ${template}`);
}

const bombs: Readonly<Record<string, string>> = {
  'a loop over a number': '{{ range 1000000000 }}{{ end }}',
  'a long list': '{{ until 1000000000 }}',
  'a long list of steps': '{{ untilStep 0 1000000000 1 }}',
  'a long sequence': '{{ seq 1000000000 }}',
  'a text repeated': '{{ repeat 1000000000 "x" }}',
  'a text repeated and repeated': '{{ repeat 10000 (repeat 10000 "x") }}',
  'a deep indent': '{{ indent 1000000000 "x" }}',
  'an indent on many lines': '{{ nindent 100000 (repeat 10000 "\\n") }}',
  'replacements that grow': '{{ replace "x" (repeat 100000 "y") .a }}',
  'replacements by a pattern': '{{ regexReplaceAll "x" .a (repeat 100000 "y") }}',
  'a wide field': '{{ range 100 }}{{ printf "%999999d" 1 }}{{ end }}',
  'a wide break of lines': '{{ wrapWith 1 (repeat 100000 "y") .a }}',
  'texts joined by a long one': '{{ join (repeat 1000000 "y") (until 100) }}',
  'a template that calls itself': '{{ define "r" }}{{ template "r" }}{{ end }}{{ template "r" }}',
  'two templates that call each other':
    '{{ define "a" }}{{ template "b" }}{{ end }}{{ define "b" }}{{ template "a" }}{{ end }}{{ template "a" }}',
  'a template that calls itself twice':
    '{{ define "r" }}{{ if lt (len .) 40 }}{{ template "r" (append . 1) }}{{ template "r" (append . 1) }}{{ end }}{{ end }}{{ template "r" (list) }}',
  'a map within itself, printed': '{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ $d }}',
  'a map within itself, as JSON': '{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ toJson $d }}',
  'a map within itself, copied': '{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ deepCopy $d }}',
  'a list that doubles': '{{ $l := list 1 }}{{ range 40 }}{{ $l = list $l $l }}{{ end }}{{ toJson $l }}',
  'a text that doubles': '{{ $s := "x" }}{{ range 60 }}{{ $s = print $s $s }}{{ end }}',
  'a long text by chance': '{{ randAlphaNum 1000000000 }}',
  'many bytes by chance': '{{ randBytes 1000000000 }}',
  'output that grows': '{{ range 100000 }}{{ $.a }}{{ end }}',
};

for (const [name, template] of Object.entries(bombs)) {
  test(`ends at a bound: ${name}`, () => {
    const { reason, line } = failure(template);
    assert.equal(reason, 'bound');
    assert.equal(line, 1);
  });
}

test('takes little memory to refuse', () => {
  const before = process.memoryUsage().rss;
  for (const template of Object.values(bombs)) failure(template);
  const grown = process.memoryUsage().rss - before;
  assert.ok(grown < 512 << 20, `${grown >> 20} MiB`);
});

test('a pattern that would make RegExp backtrack ends, and one that is long is refused', () => {
  const functions = sprig;
  const slow = parseTemplate('t', '{{ regexMatch "^(a+)+$" (print (repeat 5000 "a") "b") }}', { functions });
  assert.equal(slow.execute({}), 'false');
  assert.equal(failure(`{{ regexFind "${'(a{9}){9}'.repeat(200)}" "a" }}`).reason, 'call');
});

test('layouts, versions and constraints are of a length that real ones have', () => {
  for (const long of [
    '{{ date (repeat 2000 "2006") 0 }}',
    '{{ now.Format (repeat 2000 "2006") }}',
    '{{ toDate (repeat 2000 "0") (repeat 2000 "0") }}',
    '{{ toDate (print "." (repeat 2000 "0")) "x" }}',
    '{{ semver (repeat 2000 "1") }}',
    '{{ semverCompare (repeat 2000 "1 ") "1" }}',
  ]) {
    assert.equal(failure(long).reason, 'call', long);
  }
  const functions = sprig;
  const blanks = parseTemplate('t', '{{ semverCompare (print "1" (repeat 200 " ") "!") "1" }}', { functions });
  assert.throws(() => blanks.execute({}), /improper constraint/);
});

test('a text that nests too deep does not parse, nor one that is too long', () => {
  assert.equal(failure(`{{ ${'('.repeat(100_000)} }}`).reason, 'syntax');
  assert.equal(failure('{{ if 1 }}'.repeat(100_000)).reason, 'syntax');
  assert.equal(failure(`{{ if 1 }}${'{{ else if 1 }}'.repeat(50_000)}`).reason, 'syntax');
  assert.equal(failure('x'.repeat(2 << 20)).reason, 'bound');
});

test('the host sets bounds', () => {
  assert.equal(failure('{{ .a }}', { bounds: { output: 999 } }).reason, 'bound');
  assert.equal(failure('{{ range 20 }}{{ end }}', { bounds: { steps: 10 } }).reason, 'bound');
});

test('each rendering has the whole of its bounds', () => {
  const template = parseTemplate('t', '{{ range 600 }}x{{ end }}', { bounds: { steps: 4_000 } });
  for (let round = 0; round < 5; round++) assert.equal(template.execute({}).length, 600);
});
