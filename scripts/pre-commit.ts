/** The commit hook: checks the staged files as they lie in the working tree, and the types and directions of all. */
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

function staged(): readonly string[] {
  const args = ['diff', '--cached', '--name-only', '--diff-filter=ACMR', '-z'];
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\0').filter(Boolean);
}

function passes(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status === 0;
}

function main(): boolean {
  const files = staged();
  if (files.length === 0) return true;
  const sources = files.filter((file) => /\.(ts|mjs)$/.test(file));
  // A file that is staged in part is not rewritten: formatting would stage the rest with it.
  const formatted = passes('prettier', ['--check', '--ignore-unknown', '--log-level=warn', ...files]);
  if (!formatted) console.error('format them with: npx prettier --write <files>, or npm run format');
  const linted = sources.length === 0 || passes('oxlint', sources);
  const typed = passes('tsc', ['-p', '.']);
  return formatted && linted && typed && passes(process.execPath, ['scripts/check.ts', 'directions']);
}

process.exitCode = main() ? 0 : 1;
