/**
 * Lockstep as its users have it, from this checkout: compiled, in the layout of the package. Run from the sources it would
 * hold the compiler that takes types out, 20 MB a thread, which no user does.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const place = join(root, '.cache/bench/installed');

export interface Installed {
  /** `bin/lockstep`. */
  readonly executable: string;
  /** What that gives Node for a server, and what Node runs. */
  readonly flags: readonly string[];
  /** What it gives Node besides, for a controller. */
  readonly controllerFlags: readonly string[];
  readonly main: string;
}

let made: Installed | undefined;

/** Compiled once in each run. */
export function installed(): Installed {
  made ??= install();
  return made;
}

function install(): Installed {
  process.stderr.write('compiling Lockstep, as its package has it\n');
  execFileSync(process.execPath, [join(root, 'scripts/build.ts')], { cwd: root, stdio: 'inherit' });
  rmSync(place, { recursive: true, force: true });
  mkdirSync(join(place, 'bin'), { recursive: true });
  const executable = join(place, 'bin/lockstep');
  copyFileSync(join(root, 'bin/lockstep'), executable);
  for (const each of ['dist', 'node_modules', 'package.json']) symlinkSync(join(root, each), join(place, each));
  const main = join(place, 'dist/main.js');
  if (!existsSync(main)) throw new Error(`${main} is missing after the build`);
  return { executable, ...flagsOf(executable), main };
}

/** From its own lines, so that they stand there alone. */
function flagsOf(executable: string): Pick<Installed, 'flags' | 'controllerFlags'> {
  const text = readFileSync(executable, 'utf8');
  const [, flags] = /^exec "\$node" (.*) \$smaller "\$main"/m.exec(text) ?? [];
  const [, smaller] = /= controller \]; then smaller='(.*)'; fi$/m.exec(text) ?? [];
  if (flags === undefined || smaller === undefined) throw new Error(`${executable} does not start Node as expected`);
  return { flags: flags.split(' '), controllerFlags: smaller.split(' ') };
}
