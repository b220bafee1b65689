import assert from 'node:assert/strict';
import { test } from 'node:test';
import { externalSecretsFunctions } from './external-secrets.ts';
import { parseTemplate, type TemplateOptions } from './template.ts';
import { TemplateError } from './template-error.ts';

const functions = externalSecretsFunctions;

function failure(template: string, options: TemplateOptions = {}): TemplateError {
  try {
    parseTemplate('t', template, { functions, ...options }).execute({ a: 'x'.repeat(1000) });
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

/** Few steps by the count of what is called, and hours of work by what each does. */
const slow: Readonly<Record<string, string>> = {
  'a long text trimmed in a loop': '{{ $s := repeat 2000000 " " }}{{ range 100000 }}{{ $x := trim $s }}{{ end }}',
  'long texts compared in a loop':
    '{{ $a := repeat 2000000 "x" }}{{ $b := repeat 2000000 "x" }}{{ range 100000 }}{{ $x := eq $a $b }}{{ end }}',
  'a long text hashed in a loop': '{{ $s := repeat 2000000 "x" }}{{ range 100000 }}{{ $x := sha512sum $s }}{{ end }}',
  'long texts sorted':
    '{{ $a := repeat 2000000 "x" }}{{ $b := print (repeat 1999999 "x") "y" }}{{ sortAlpha (list $a $b $a $b $a $b) }}',
  'many arguments in a loop': `{{ $a := 1 }}{{ range 100000 }}{{ $x := list ${'$a '.repeat(10_000)}}}{{ end }}`,
  'a product of many factors': `{{ $a := 1.2345678901234567 }}{{ mulf ${'$a '.repeat(100_000)}}}`,
  'a large map sorted in a loop':
    '{{ $m := split "x" (repeat 50000 "x") }}{{ range 100000 }}{{ range $k, $v := $m }}{{ break }}{{ end }}{{ end }}',
  'matches that look far ahead, each': '{{ regexReplaceAll "a.*b|a" (repeat 100000 "a") "" }}',
  'time zones in a loop': '{{ range 100000 }}{{ $x := dateInZone "15" now "Europe/Berlin" }}{{ end }}',
  'a long text as YAML': '{{ fromYaml (repeat 800000 "a: 1\\n") }}',
  'maps within maps as JSON': '{{ fromJson (print "[" (repeat 600000 "{},") "1]") }}',
  'values within each other as JSON': '{{ fromJson (print (repeat 10000 "[") (repeat 10000 "]")) }}',
  'many words': '{{ snakecase (repeat 2000000 "-a") }}',
  'a text many times in a format': `{{ $s := repeat 1000000 "x" }}{{ printf "${'%[1]s'.repeat(1000)}" $s }}`,
  'a text many times in a print': `{{ $s := repeat 1000000 "x" }}{{ print ${'$s '.repeat(1000)}}}`,
  'a text many times in a list': `{{ $s := repeat 1000000 "x" }}{{ join "" (list ${'$s '.repeat(1000)}) }}`,
  'a text that is longer than what may come out': '{{ repeat 5000000 "x" }}',
};

for (const [name, template] of Object.entries({ ...bombs, ...slow })) {
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

test('what is said is said in linear time', () => {
  const results: Readonly<Record<string, string>> = {
    '{{ float64 (print (repeat 1000000 "1") "x") }}': '0',
    '{{ float64 (print "0x" (repeat 1000000 "1") "x") }}': '0',
    '{{ atoi (repeat 4000000 "9") }}': '9223372036854775807',
    '{{ atoi (print "-" (repeat 1000000 "0") "7") }}': '-7',
    '{{ atoi (print (repeat 1000000 "0") "x") }}': '0',
    '{{ durationRound (print "0." (repeat 4000000 "9") "ns") }}': '0s',
    '{{ durationRound (print (repeat 4000000 "9") "h") }}': '0s',
    '{{ len (fromYaml (print (join ":\\n" (until 20000)) ":\\n")) }}': '20000',
    '{{ (fromYaml "a: 1\\nb: 2\\na: 3\\n").Error }}': 'error converting YAML to JSON: yaml: the text is not valid',
    '{{ omit (dict "a" 1 "b" 2) "a" "c" }}': 'map[b:2]',
    '{{ replace "" "-" "aé" }}': '-a-é-',
    '{{ trimAll "xé" "éxaxbé" }}{{ trimAll "x" "xx" }}': 'axb',
  };
  for (const [template, expected] of Object.entries(results)) {
    assert.equal(parseTemplate('t', template, { functions }).execute({}), expected, template);
  }
  const empty = `{{ define "a" }}${' '.repeat(300_000)}x{{ end }}${'{{ define "a" }}{{ end }}'.repeat(20_000)}`;
  assert.equal(parseTemplate('t', `${empty}!`, { functions }).execute({}), '!');
  const names = Array.from({ length: 2_000 }, (_, place) => `{{ $v${place} := 1 }}`).join('');
  assert.match(failure(names).message, /more than 1000 variables/);
});

test('what JavaScript’s objects have by themselves is no method and no name', () => {
  for (const name of ['constructor', '__proto__', 'hasOwnProperty', 'toString', 'valueOf', '__defineGetter__']) {
    for (const value of ['now', '(semver "1.2.3")', '(now.Month)', '"x"', '(list 1)']) {
      const { reason } = failure(`{{ ${value}.${name} }}`);
      assert.equal(reason, value === '"x"' ? 'syntax' : 'type', `${value}.${name}`);
    }
    assert.equal(failure(`{{ .${name} }}`).reason, 'missing key');
    // Sprig has a function of that name.
    if (name !== 'toString') assert.equal(failure(`{{ ${name} }}`).reason, 'syntax');
    assert.equal(parseTemplate('t', `{{ index . "${name}" }}`).execute({}), '<no value>');
  }
});

test('a pattern that would make RegExp backtrack ends, and one that is long is refused', () => {
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
