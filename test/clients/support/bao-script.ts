/** Command lines of OpenBao’s `bao` one after the other, what each must show, and which verbs there are at all. */
import assert from 'node:assert/strict';
import { run } from './run.ts';

/**
 * A command line, which must succeed, or fail where it begins with `!`; and what it shows. `$name` stands for what a group
 * `(?<name>…)` of an expectation before it found.
 */
export type Step = readonly [line: string, shows: RegExp];

/** Words split at blanks; `'a b'` holds blanks together. */
const wordsOf = (line: string): readonly string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '');

/** What has been found stays in `found`. */
export async function runSteps(
  { binary, env }: { readonly binary: string; readonly env: NodeJS.ProcessEnv },
  steps: readonly Step[],
  found: Map<string, string>,
): Promise<void> {
  for (const [line, shows] of steps) {
    const fails = line.startsWith('! ');
    const args = wordsOf(fails ? line.slice(2) : line).map((word) =>
      word.replaceAll(/\$([a-z]+)/g, (all, name: string) => found.get(name) ?? all),
    );
    const { code, stdout, stderr } = await run(binary, args, { env });
    const all = `bao ${line}: ${String(code)}\n${stdout}${stderr}`;
    assert.equal(code !== 0, fails, all);
    const match = shows.exec(stdout + stderr);
    assert.ok(match, `${all}does not show ${String(shows)}`);
    for (const [name, value] of Object.entries(match.groups ?? {})) found.set(name, value);
  }
}

/** The verb that a line begins with, of those that there are. */
export function verbOf(line: string, verbs: readonly string[]): string | undefined {
  const words = wordsOf(line.replace(/^! /, ''));
  const held = verbs.filter((verb) => verb.split(' ').every((word, at) => words[at] === word));
  return held.sort((a, b) => b.length - a.length)[0];
}

/** Every verb that the help of `binary` tells of: those that have none below them. */
export async function verbsOf(binary: string, above: readonly string[] = []): Promise<readonly string[]> {
  const { stdout, stderr } = await run(binary, [...above, '-help'], { env: { PATH: process.env['PATH'] } });
  const below = (stdout + stderr)
    .split(/^(?=\S)/m)
    .filter((section) => /^(Common commands|Other commands|Subcommands):/.test(section))
    .flatMap((section) => [...section.matchAll(/^ {4}([a-z-]+) /gm)].map((match) => match[1] ?? ''));
  if (below.length === 0) return [above.join(' ')];
  const found: string[] = [];
  for (const name of below) found.push(...(await verbsOf(binary, [...above, name])));
  return found;
}
