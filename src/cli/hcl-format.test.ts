import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHcl } from '../lib/hcl/index.ts';
import { formatHcl } from './hcl-format.ts';

const untidy = `# top
path "secret/*" { capabilities=["read","list"]
 min_wrapping_ttl = "1s" } // tail
path "a" {


  # inner
  capabilities = [
    "read", # why
    "list"
  ]
  allowed_parameters = { "bar" = ["zip","zap"]
 "*" = [] }
}
path "x" { policy = "write" }
path "e" {}`;

// As `bao policy fmt` lays it out.
const tidy = `# top
path "secret/*" {
  capabilities     = ["read", "list"]
  min_wrapping_ttl = "1s"
} // tail

path "a" {
  # inner
  capabilities = [
    "read", # why
    "list",
  ]

  allowed_parameters = {
    "bar" = ["zip", "zap"]
    "*"   = []
  }
}

path "x" {
  policy = "write"
}

path "e" {}
`;

test('lays out blocks, lists and comments', () => {
  assert.equal(formatHcl(untidy), tidy);
});

test('what is laid out stays as it is', () => {
  assert.equal(formatHcl(tidy), tidy);
  assert.equal(formatHcl(''), '');
});

test('the meaning stays the same', () => {
  const meaning = (text: string): string =>
    JSON.stringify(parseHcl(text), (key, value: unknown) => (key === 'position' ? undefined : value));
  assert.equal(meaning(formatHcl(untidy)), meaning(untidy));
});

test('text that only looks like syntax is left alone', () => {
  const text = 'path "a # { [ = \\" }" {\n  policy = "x // y"\n}\n';
  assert.equal(formatHcl(text), text);
});
