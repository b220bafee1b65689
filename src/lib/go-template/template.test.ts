import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fn } from './function.ts';
import { sprig, sprigWith } from './sprig/index.ts';
import { TemplateError } from './template-error.ts';
import { parseTemplate, stringMap, type TemplateOptions } from './template.ts';

function render(template: string, data: unknown = {}, options: TemplateOptions = {}): string {
  return parseTemplate('t', template, { functions: sprig, ...options }).execute(data);
}

function failure(template: string, data: unknown = {}, options: TemplateOptions = {}): TemplateError {
  try {
    render(template, data, options);
  } catch (error) {
    if (error instanceof TemplateError) return error;
    throw error;
  }
  return assert.fail(`rendered: ${template}`);
}

test('the time is what the host says it is, and each rendering may have another', () => {
  let now = Date.UTC(2026, 1, 3, 4, 5, 6, 7);
  const template = parseTemplate('t', '{{ now | date "2006-01-02T15:04:05.000Z07:00" }} {{ ago 0 }} {{ now.Month }}', {
    functions: sprigWith(() => now),
  });
  assert.equal(template.execute({}), '2026-02-03T04:05:06.007Z 491692h5m6s February');
  now += 1_000;
  assert.match(template.execute({}), /04:05:07/);
});

test('what comes by chance has the form that is asked for, and is another each time', () => {
  const functions = sprigWith(() => 0);
  const forms = {
    '{{ randAlphaNum 40 }}': /^[A-Za-z0-9]{40}$/,
    '{{ randAlpha 40 }}': /^[A-Za-z]{40}$/,
    '{{ randNumeric 40 }}': /^\d{40}$/,
    '{{ randAscii 40 }}': /^[ -~]{40}$/,
    '{{ randBytes 30 }}': /^[A-Za-z0-9+/]{40}$/,
    '{{ randInt 1000000000000 9000000000000 }}': /^\d{13}$/,
    '{{ uuidv4 }}': /^[0-9a-f-]{36}$/,
    '{{ shuffle "abcdefghijklmnopqrstuvwxyzäöü" }}': /^[a-zäöü]{29}$/,
  };
  for (const [template, form] of Object.entries(forms)) {
    const [one, two] = [1, 2].map(() => render(template, {}, { functions }));
    assert.match(one ?? '', form, template);
    assert.notEqual(one, two, template);
  }
  assert.match(failure('{{ randInt 3 3 }}', {}, { functions }).message, /invalid argument/);
  assert.match(failure('{{ randAlpha -1 }}', {}, { functions }).message, /less than 0/);
});

test('an error tells line, column and reason, in the words of Go', () => {
  const { message, line, column, reason } = failure('a\n {{ .b.c }}', { b: {} });
  assert.equal(message, 'template: t:2:6: executing "t" at <.b.c>: map has no entry for key "c"');
  assert.deepEqual([line, column, reason], [2, 6, 'missing key']);
  assert.equal(failure('a\n{{ if }}').message, 'template: t:2: missing value for if');
  assert.equal(failure('{{ upper 1 }}').reason, 'type');
  assert.equal(failure('{{ fail "no" }}').reason, 'call');
  assert.equal(failure('{{ template "x" }}').reason, 'template');
});

test('an error repeats no value of the data', () => {
  const data = { secret: 'canary-4711', list: ['canary-4711'] };
  for (const template of [
    '{{ range .secret }}{{ end }}',
    '{{ .secret.x }}',
    '{{ upper .list }}',
    '{{ eq .list .list }}',
    '{{ lt .secret 1 }}',
    '{{ mustFromJson .secret }}',
    '{{ index .list .secret }}',
    '{{ mustRegexFind (print "(" .secret) "" }}',
  ]) {
    assert.doesNotMatch(failure(template, data).message, /canary/, template);
  }
});

test('a key that is missing is an error, unless the host says otherwise', () => {
  assert.equal(failure('{{ .x }}').reason, 'missing key');
  assert.equal(render('{{ .x }}', {}, { missingKey: 'invalid' }), '<no value>');
  assert.equal(render('[{{ .x }}]', stringMap({}), { missingKey: 'zero' }), '[]');
});

test('values that are no text pass through unharmed', () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const template = parseTemplate('t', '{{ .b }}{{ .b | b64enc | b64dec }}', { functions: sprig });
  assert.deepEqual(
    new Uint8Array(template.executeToBytes(stringMap({ b: bytes }))),
    new Uint8Array([...bytes, ...bytes]),
  );
});

test('a host registers what templates may call, in place of ours too, and nothing else is there', () => {
  const functions = { secret: fn(['string'], ([path]) => `<${path}>`), print: fn([], () => 'own') };
  assert.equal(render('{{ secret "a/b" }}{{ print }}', {}, { functions }), '<a/b>own');
  for (const name of ['env', 'expandenv', 'getHostByName', 'now', 'uuidv4', 'randAlpha', 'constructor', '__proto__']) {
    assert.equal(failure(`{{ ${name} }}`).reason, 'syntax', name);
  }
});

test('delimiters are the host’s', () => {
  assert.equal(render('{{ [[ .a ]]', { a: 1 }, { delimiters: { left: '[[', right: ']]' } }), '{{ 1');
});

test('keys that JavaScript’s objects have of their own are keys like others', () => {
  const data = JSON.parse('{"__proto__":"a","constructor":"b"}') as unknown;
  assert.equal(render('{{ .__proto__ }}{{ .constructor }}', data), 'ab');
  assert.equal(failure('{{ .toString }}', data).reason, 'missing key');
  assert.equal(render('{{ fromJson "{\\"__proto__\\":1}" }}'), 'map[__proto__:1]');
});
