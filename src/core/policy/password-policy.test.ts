import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generatePassword, parsePasswordPolicy } from './password-policy.ts';

const generated = (document: string): string => generatePassword(parsePasswordPolicy(document));

test('a password has the length, and of each charset as many characters as its rule asks for', () => {
  const policy = parsePasswordPolicy(`
    length = 8
    rule "charset" { charset = "abc" min-chars = 2 }
    rule "charset" { charset = "0123456789" min-chars = 3 }
    rule "charset" { charset = "ä€😀" }`);
  for (let at = 0; at < 200; at += 1) {
    const made = [...generatePassword(policy)];
    assert.equal(made.length, 8);
    assert.ok(made.filter((each) => 'abc'.includes(each)).length >= 2);
    assert.ok(made.filter((each) => '0123456789'.includes(each)).length >= 3);
    assert.ok(made.every((each) => policy.characters.includes(each)));
  }
});

test('each character is as likely as the others, however often it is written', () => {
  const policy = parsePasswordPolicy('length = 100\nrule "charset" { charset = "aaaaaaaaab" }');
  let found = 0;
  for (let at = 0; at < 100; at += 1) found += [...generatePassword(policy)].filter((each) => each === 'a').length;
  // Of 10,000, within ten standard deviations.
  assert.ok(found > 4_500 && found < 5_500, String(found));
});

test('JSON is taken as HCL is', () => {
  assert.match(generated('{"length": 5, "rule": [{"charset": {"charset": "x", "min-chars": 1}}]}'), /^x{5}$/);
});

test('a document that makes no passwords, or other ones than it says, is refused', () => {
  const charset = 'rule "charset" { charset = "ab" min-chars = 1 }';
  const wrong: readonly [string, RegExp][] = [
    [`length = 3\n${charset}`, /between 4 and 100/],
    [`length = 101\n${charset}`, /between 4 and 100/],
    [charset, /between 4 and 100/],
    ['length = 20', /no charset/],
    ['length = 20\nrule "charset" { charset = "" }', /no charset/],
    ['length = 20\nrule "other" {}', /policy:2:.*unrecognized rule type other/],
    ['length = 20\nrule "charset" { charset = "ab" min-chars = 21 }', /at least 21/],
    ['length = 20\nrule "charset" { charset = "ab" min-chars = -1 }', /min-chars/],
    ['length = 20\nrule "charset" { charset = 5 }', /charset must be text/],
    [`length = 20\nlenght = 5\n${charset}`, /unknown key `lenght`/],
    ['length = 20\nrule "charset" { charset = "ab" minchars = 1 }', /unknown key `minchars`/],
    ['{{{', /policy:1/],
    [`length = 20\n${charset.repeat(40)}`, /rules/],
    [`# ${'x'.repeat(70_000)}`, /larger/],
  ];
  for (const [document, message] of wrong) assert.throws(() => generated(document), { message }, document.slice(0, 60));
});

test('rules that hardly any password meets end in a refusal, soon', () => {
  const rare = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
  const document = `length = 10\nrule "charset" { charset = "${rare}" }\nrule "charset" { charset = "#" min-chars = 10 }`;
  assert.throws(() => generated(document), /too few passwords/);
});
