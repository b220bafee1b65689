import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseKeysTemplate } from './keys-template.ts';

const at = { path: 'secret/metadata/by-data/', key: 'sub/A' };

for (const [template, expected] of [
  ['{{ .path }}{{ .key }}', 'secret/metadata/by-data/sub/A'],
  ['{{.path}}{{.key}}', 'secret/metadata/by-data/sub/A'],
  ['{{ .path | replace "secret/metadata/" "secret/data/" }}{{ .key }}', 'secret/data/by-data/sub/A'],
  ['{{ .path | replace `metadata` "data" | uppercase }}{{ .key }}', 'SECRET/DATA/BY-DATA/sub/A'],
  ['pki/cert/{{ .key | lowercase }}', 'pki/cert/sub/a'],
  // What the replacement says is text, never a pattern.
  ['{{ .key | replace "A" "$&$1" }}', 'sub/$&$1'],
  ['{{ .key | replace "." "x" }}', 'sub/A'],
  ['{{ "a\\"b" }}{{ .key }}', 'a"bsub/A'],
] as const) {
  test(`${template} is filled`, () => {
    assert.equal(parseKeysTemplate(template)(at), expected);
  });
}

for (const template of [
  'fixed',
  'fixed/{{ .path }}',
  '{{ .path',
  '.key }}',
  '{{ }}',
  '{{ .other }}',
  '{{ path }}',
  '{{ .key | env "HOME" }}',
  '{{ .key | replace "a" }}',
  '{{ .key | replace .path "a" }}',
  '{{ .key | }}',
  '{{ | uppercase }}',
  '{{ if .key }}x{{ end }}',
  '{{- .key -}}',
  '{{ .key + "a" }}',
  '{{ "a }}',
]) {
  test(`${template} is refused`, () => {
    assert.throws(() => parseKeysTemplate(template));
  });
}
