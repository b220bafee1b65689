/** Checks that are ours: `node scripts/check.ts <name>`. Prints what is wrong, each on a line, and exits 1 if anything is. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cycles } from './directions/cycles.ts';
import { importsOf } from './directions/imports.ts';
import { problemOf } from './directions/rules.ts';
import { orphans } from './suites/suites.ts';

const root = join(import.meta.dirname, '..');

const checks: Readonly<Record<string, () => readonly string[]>> = {
  directions,
  suites: () => orphans(root).map((file) => `${file}: no suite runs this test (see scripts/suites/suites.ts)`),
};

function directions(): readonly string[] {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: object };
  const imports = importsOf(root, '{src,scripts,test,bench}/**/*.ts');
  const wrong = imports.flatMap((found) => {
    const problem = problemOf(found, Object.keys(dependencies));
    return problem === undefined ? [] : [`${found.from}:${found.line} imports ${found.to}: ${problem}`];
  });
  // Types that name each other are erased; only what is loaded can be met half-made.
  return [
    ...wrong,
    ...cycles(imports.filter(({ typeOnly }) => !typeOnly)).map((modules) => `import cycle: ${modules.join(' → ')}`),
  ];
}

const [name = ''] = process.argv.slice(2);
const problems = checks[name]?.() ?? [`no check "${name}"; there are: ${Object.keys(checks).join(', ')}`];
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
