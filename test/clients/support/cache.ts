/** What foreign clients need is fetched and built once, and kept in the user's cache. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { has, must } from './run.ts';

/**
 * The folder `<cache>/lockstep-test/<name>`, filled by `fill` unless that was done before under the same name; what was
 * left by a run that did not finish is thrown away first. A name carries the version of what it holds.
 */
export async function cached(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const base = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const folder = join(base, 'lockstep-test', name);
  const complete = join(folder, '.complete');
  if (existsSync(complete)) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await fill(folder);
  writeFileSync(complete, '');
  return folder;
}

const NO_CHECK = ['--disable-pip-version-check', '--quiet'];

/** The `bin` folder of a Python environment with these packages, each with its version. */
export async function pythonWith(name: string, packages: readonly string[]): Promise<string> {
  const folder = await cached(name, async (into) => {
    await must('python3', ['-m', 'venv', into]);
    await must(join(into, 'bin/pip'), ['install', ...NO_CHECK, ...packages]);
  });
  return join(folder, 'bin');
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
