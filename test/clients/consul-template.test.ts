/** consul-template's own package beside ours: the same output, and errors where it fails. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { VariableConfig } from '../../src/config/agent.ts';
import { parseJson } from '../../src/client/json.ts';
import { Renderer } from '../../src/agent/templates/template-target.ts';
import type { Found } from '../../src/agent/source.ts';
import type { Lookup } from '../../src/agent/target.ts';
import { byFunction, byHand, secrets } from './consul-template/corpus.ts';
import { has, must } from './support/run.ts';

const skip = (await has('go', ['version'])) ? false : 'there is no Go';

interface Rendering {
  readonly template: string;
  readonly strict: boolean;
}

interface Result {
  readonly output: string;
  readonly error: string;
}

/** docs/agent-templates.md tells of them. */
const known: readonly { readonly why: string; readonly of: (each: Rendering) => boolean }[] = [
  {
    why: 'loop gives a list, which can be used outside of range',
    of: ({ template }) => /[^e] ?\(loop 3\)/.test(template),
  },
  { why: 'what is no UTF-8 becomes U+FFFD', of: ({ template }) => template.includes('toTitle "\\xff"') },
  { why: 'maps of YAML have text keys', of: ({ template }) => template.includes('parseYAML "a: 1" | toTOML') },
];

const text = JSON.stringify(secrets);
const held = parseJson(text) as Readonly<Record<string, Found['data']>>;
const lookup: Lookup = (path) => {
  const data = held[path];
  return data === undefined ? 'absent' : { data, version: undefined };
};

function rendered({ template, strict }: Rendering): Result {
  const config: VariableConfig = {
    ...{ name: 't', source: undefined, contents: template, error_on_missing_key: strict, error_fatal: undefined },
    ...{ left_delimiter: '{{', right_delimiter: '}}', sandbox_path: undefined, function_denylist: [] },
  };
  const settings = { allowed_files: [], allowed_writes: [], allowed_environment: [] };
  try {
    const renderer = new Renderer(config, { settings, environment: {}, namespace: '', fatal: false }, template);
    return { output: renderer.output(lookup).toString('base64'), error: '' };
  } catch (error) {
    return { output: '', error: error instanceof Error ? error.message : String(error) };
  }
}

test("renders what consul-template's own package renders, and fails where that fails", { skip }, async () => {
  const cases = [...byFunction, ...byHand].flatMap((template) => [false, true].map((strict) => ({ template, strict })));
  const input = cases.map(
    (each) => `{"template":${JSON.stringify(each.template)},"strict":${each.strict},"secrets":${text}}\n`,
  );
  const stdout = await must('go', ['run', '-mod=readonly', '.'], {
    cwd: join(import.meta.dirname, 'consul-template'),
    env: { ...process.env, TZ: 'UTC' },
    input: input.join(''),
  });
  const results = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Result);
  assert.equal(results.length, cases.length);
  const differences = cases.flatMap((each, place) => {
    const go = results[place] ?? { output: '', error: 'none' };
    const ours = rendered(each);
    if ((go.error === '') === (ours.error === '') && go.output === ours.output) return [];
    if (known.some(({ of }) => of(each))) return [];
    const shown = ({ output, error }: Result): string =>
      error === '' ? JSON.stringify(Buffer.from(output, 'base64').toString()) : `error: ${error}`;
    return [
      `${JSON.stringify(each.template)} ${each.strict ? 'strict' : ''}\n  go:   ${shown(go)}\n  ours: ${shown(ours)}`,
    ];
  });
  assert.equal(
    differences.length,
    0,
    `${differences.length} of ${cases.length} differ:\n${differences.slice(0, 200).join('\n')}`,
  );
});
