/** Documents name no file that is gone. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');
const FOLDERS = 'src|docs|test|examples|scripts|bench|bin|deploy|ui|\\.ci|\\.githooks';
/** A path in backticks, as far as it is spelled out: before the first wildcard, placeholder or ellipsis. */
const NAMED = new RegExp(`^(?:${FOLDERS})/[^\\s<>*{}…:#]*`);

/** Fenced blocks show commands and their output, not paths of this repository. */
const withoutFences = (text: string): string => text.replaceAll(/^( *)(```+)[^]*?^\1\2\s*$/gm, '');

/** Targets of links that point into this repository, without their anchors. */
function linksOf(text: string): readonly { readonly file: string; readonly anchor: string }[] {
  const found = withoutFences(text).matchAll(/\]\(<?([^)>\s]+)>?\)/g);
  return [...found]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [file = '', anchor = ''] = target.split('#');
      return { file, anchor };
    });
}

function pathsOf(text: string): readonly string[] {
  const spans = [...withoutFences(text).matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  return spans.flatMap((span) => NAMED.exec(span)?.[0] ?? []);
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): ReadonlySet<string> {
  const headings = [...withoutFences(text).matchAll(/^#+ +(.+?)\s*$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

const pages = globSync('**/*.md', { cwd: root, exclude: ['node_modules', 'dist', '.cache'] }).sort();

for (const page of pages) {
  test(`${page} names only what is there`, () => {
    const text = readFileSync(join(root, page), 'utf8');
    const gone: string[] = [];
    for (const { file, anchor } of linksOf(text)) {
      const target = file === '' ? join(root, page) : join(root, dirname(page), file);
      if (!existsSync(target)) gone.push(`the link to ${file}`);
      else if (anchor !== '' && target.endsWith('.md') && !anchorsOf(readFileSync(target, 'utf8')).has(anchor)) {
        gone.push(`the heading ${relative(root, target)}#${anchor}`);
      }
    }
    for (const path of pathsOf(text)) if (!existsSync(join(root, path))) gone.push(path);
    assert.deepEqual(gone, []);
  });
}

test('the check sees links, headings and paths, and what is only a shape is left out', () => {
  const text =
    'See [a](../a.md#b), [c](https://c.example/d), `src/no/such.ts`, `src/engines/<type>/`, `v1/x`.\n```\n[z](z)\n```\n';
  assert.deepEqual(linksOf(text), [{ file: '../a.md', anchor: 'b' }]);
  assert.deepEqual(pathsOf(text), ['src/no/such.ts', 'src/engines/']);
});

test('the pages are found', () => {
  assert.ok(pages.includes('README.md') && pages.includes('docs/agent.md'));
});
