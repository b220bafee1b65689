/** Go's own `text/template` with sprig beside ours: the same output, and errors of the same line and kind. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { sprigWith } from '../../src/lib/go-template/sprig/index.ts';
import { yamlFunctions } from '../../src/lib/go-template/yaml.ts';
import { parseTemplate } from '../../src/lib/go-template/template.ts';
import { corpus, type Rendering } from './go-template/corpus.ts';
import { has, must } from './support/run.ts';

const skip = (await has('go', ['version'])) ? false : 'there is no Go';
const functions = { ...sprigWith(Date.now), ...yamlFunctions };
const SIZE = 15_000;

/** docs/templates.md tells of them. */
const known: readonly { readonly why: string; readonly of: (template: string) => boolean }[] = [
  // Go's parser passes over what follows a list.
  { why: 'text behind a list is no YAML', of: (template) => template.includes('fromYaml "[a-z]+"') },
  {
    why: 'local mean time has no name here',
    of: (template) => /[zZ]one .*(MST).*(62135596800|"x"|0001)/.test(template),
  },
  { why: 'complex numbers are not offered', of: (template) => /\di\b/.test(template) },
  {
    why: 'what is no UTF-8 becomes U+FFFD there',
    of: (template) => template.includes('\\xff') && /regex|snakecase|kebabcase/i.test(template),
  },
];

interface Result {
  readonly output: string;
  readonly error: string;
}

function rendered({ template, data }: Rendering): Result {
  try {
    const output = parseTemplate('t', template, { functions }).executeToBytes(data);
    return { output: Buffer.from(output).toString('base64'), error: '' };
  } catch (error) {
    return { output: '', error: error instanceof Error ? error.message : String(error) };
  }
}

/** Line and kind of an error: all of Go's text, but for what a function says and for values, which ours leave out. */
function kindOf(error: string): string {
  const line = /^template: t:(\d+)/.exec(error)?.[1] ?? '';
  const text = error.replace(/^.*?>: /s, '');
  const known = [
    /^exceeded maximum template depth/,
    /^error calling \w+/,
    /^range can't iterate over/,
    /^template: t:\d+: /,
  ];
  const found = known.map((kind) => kind.exec(text)?.[0]).find((kind) => kind !== undefined);
  return `${line} ${found?.startsWith('template') === true ? text : (found ?? text)}`;
}

/** What a YAML parser says of a text that is none. */
function withoutParser(output: string): string {
  const text = Buffer.from(output, 'base64').toString('latin1');
  return text.replace(/(error converting YAML to JSON: yaml: )[^\]}"]*/, '$1');
}

test('renders what Go renders, and fails where and as Go fails', { skip }, async () => {
  const cases = corpus(functions, SIZE);
  const input = cases.map((each) => `${JSON.stringify(each)}\n`).join('');
  const stdout = await must('go', ['run', '-mod=readonly', '.'], {
    cwd: join(import.meta.dirname, 'go-template'),
    // A container has no zone of its own.
    env: { ...process.env, TZ: 'UTC' },
    input,
  });
  const results = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Result);
  assert.equal(results.length, cases.length);
  const failed = results.filter(({ error }) => error !== '').length;
  assert.ok(
    failed > SIZE / 10 && failed < (SIZE * 9) / 10,
    `${failed} of ${cases.length} fail in Go: the corpus says little`,
  );
  const differences = cases.flatMap((each, place) => {
    if (known.some((difference) => difference.of(each.template))) return [];
    const go = results[place] ?? { output: '', error: 'none' };
    const ours = rendered(each);
    const same =
      go.error === ''
        ? withoutParser(ours.output) === withoutParser(go.output ?? '')
        : kindOf(ours.error) === kindOf(go.error);
    if (same && (go.error === '') === (ours.error === '')) return [];
    const shown = (result: Result): string =>
      result.error === '' ? JSON.stringify(Buffer.from(result.output ?? '', 'base64').toString()) : result.error;
    return [`${JSON.stringify(each.template)}\n  go:   ${shown(go)}\n  ours: ${shown(ours)}`];
  });
  assert.equal(differences.length, 0, `${differences.length} differences:\n${differences.slice(0, 400).join('\n')}`);
});
