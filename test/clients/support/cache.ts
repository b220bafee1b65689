/** What foreign clients need is fetched and built once, and kept in the user's cache. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { has, must } from './run.ts';

/**
 * The folder `<cache>/lockstep-test/<name>`, filled by `fill` unless that was done before under the same name, which
 * carries the version of what it holds. It is filled elsewhere and then moved, so it is there as a whole or not at all,
 * also when two test files need it at once.
 */
export async function cached(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const base = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'lockstep-test');
  const folder = join(base, name);
  if (existsSync(folder)) return folder;
  mkdirSync(base, { recursive: true });
  const filling = mkdtempSync(join(base, `filling-${name}-`));
  try {
    await fill(filling);
    renameSync(filling, folder);
  } catch (error) {
    rmSync(filling, { recursive: true, force: true });
    // Somebody else was faster.
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

const NO_CHECK = ['--disable-pip-version-check', '--quiet'];

/** The `python` of an environment with these packages, each with its version. Start modules with it: its scripts are moved. */
export async function pythonWith(name: string, packages: readonly string[]): Promise<string> {
  const folder = await cached(name, async (into) => {
    await must('python3', ['-m', 'venv', into]);
    await must(join(into, 'bin/python'), ['-m', 'pip', 'install', ...NO_CHECK, ...packages]);
  });
  return join(folder, 'bin/python');
}

/** An unpacked source distribution, such as `hvac-2.4.0`. */
export async function pythonSource(project: string, version: string): Promise<string> {
  const folder = await cached(`${project}-${version}-source`, async (into) => {
    const options = ['download', ...NO_CHECK, '--no-deps', '--no-binary', ':all:', '--dest', into];
    await must('python3', ['-m', 'pip', ...options, `${project}==${version}`]);
    await must('tar', ['-xzf', join(into, `${project}-${version}.tar.gz`), '-C', into]);
  });
  return join(folder, `${project}-${version}`);
}

/** Why tests that need Python cannot run here; undefined when they can. */
export async function withoutPython(): Promise<string | undefined> {
  return (await has('python3', ['-c', 'import ensurepip, venv'])) ? undefined : 'there is no python3 with venv';
}
