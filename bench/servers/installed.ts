/**
 * Lockstep as its users have it, from this checkout: compiled, in the layout of the package. Run from the sources it would
 * hold the compiler that takes types out, 20 MB a thread, which no user does.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const here = join(import.meta.dirname, '../..');

export interface Installed {
  /** `bin/lockstep`. */
  readonly executable: string;
  /** What that gives Node for a server, and for a controller, and what Node runs. */
  readonly flags: readonly string[];
  readonly controllerFlags: readonly string[];
  readonly main: string;
}

const made = new Map<string, Installed>();

/** Compiled once in each run. `checkout`: of another state of Lockstep, with its packages; by default this one. */
export function installed(checkout: string = here): Installed {
  const known = made.get(checkout);
  if (known !== undefined) return known;
  const fresh = install(checkout);
  made.set(checkout, fresh);
  return fresh;
}

function install(root: string): Installed {
  process.stderr.write(`compiling Lockstep${root === here ? '' : ` of ${root}`}, as its package has it\n`);
  const place = join(root, '.cache/bench/installed');
  execFileSync(process.execPath, [join(root, 'scripts/build.ts')], { cwd: root, stdio: 'inherit' });
  rmSync(place, { recursive: true, force: true });
  mkdirSync(join(place, 'bin'), { recursive: true });
  const executable = join(place, 'bin/lockstep');
  copyFileSync(join(root, 'bin/lockstep'), executable);
  for (const each of ['dist', 'node_modules', 'package.json']) symlinkSync(join(root, each), join(place, each));
  const main = join(place, 'dist/main.js');
  if (!existsSync(main)) throw new Error(`${main} is missing after the build`);
  const shows = join(place, 'shows');
  const [flags, controllerFlags] = [flagsOf(executable, 'server', shows), flagsOf(executable, 'controller', shows)];
  return { executable, flags, controllerFlags, main };
}

/** As it starts a Node that only shows what it is given, and stands in `folder`: they stand there alone. */
function flagsOf(executable: string, command: string, folder: string): readonly string[] {
  mkdirSync(folder, { recursive: true });
  const shows = `#!/bin/sh\n[ "$1" = --version ] && echo ${process.version} && exit\nprintf '%s\\n' "$@"\n`;
  writeFileSync(join(folder, 'node'), shows, { mode: 0o755 });
  const env = { PATH: `${folder}:/usr/bin:/bin` };
  const given = execFileSync(executable, [command], { encoding: 'utf8', env }).trim().split('\n');
  return given.filter((each) => each.startsWith('--'));
}
