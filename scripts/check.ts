/** Checks that are ours: `node scripts/check.ts <name>`. Prints what is wrong, each on a line, and exits 1 if anything is. */
import { join } from 'node:path';
import { orphans } from './suites/suites.ts';

const root = join(import.meta.dirname, '..');

const checks: Readonly<Record<string, () => readonly string[]>> = {
  suites: () => orphans(root).map((file) => `${file}: no suite runs this test (see scripts/suites/suites.ts)`),
};

const [name = ''] = process.argv.slice(2);
const problems = checks[name]?.() ?? [`no check "${name}"; there are: ${Object.keys(checks).join(', ')}`];
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
