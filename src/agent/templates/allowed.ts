/** Which files and variables a template may touch. Whoever writes the agent's file says so; a template alone never does. */
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve, sep } from 'node:path';
import { errorCode } from '../../lib/error-code.ts';
import { matchesGlob } from '../../lib/glob.ts';
import { FunctionError } from '../../lib/go-template/template-error.ts';

/** Bytes of a file that a template reads. */
const largest = 1 << 20;

/** The path with all its links followed; what is not there yet keeps its name. Undefined where it cannot be looked at. */
function real(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    const above = dirname(path);
    if (errorCode(error) !== 'ENOENT' || above === path) return undefined;
    const found = real(above);
    return found === undefined ? undefined : join(found, basename(path));
  }
}

const isWithin = (path: string, root: string): boolean =>
  path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);

function isAllowed(path: string, roots: readonly string[]): boolean {
  const target = real(path);
  return target !== undefined && roots.some((root) => isWithin(target, real(resolve(root)) ?? ''));
}

/** The text of a file, as bytes. Throws a FunctionError that names it and the remedy. */
export function readAllowed(
  given: string,
  { sandbox, roots }: { sandbox: string | undefined; roots: readonly string[] },
): string {
  const path = resolve(given.trim());
  if (sandbox !== undefined && !isAllowed(path, [sandbox])) throw new FunctionError(`'${given}' is outside of sandbox`);
  if (sandbox === undefined && !isAllowed(path, roots)) {
    throw new FunctionError(
      `'${given}' may not be read: name it, or a directory above it, in template_config.allowed_files`,
    );
  }
  try {
    const found = statSync(path);
    if (!found.isFile()) throw new FunctionError(`'${given}' is no file`);
    if (found.size > largest) throw new FunctionError(`'${given}' has more than ${largest} bytes`);
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (error instanceof FunctionError) throw error;
    throw new FunctionError(`'${given}' cannot be read: ${errorCode(error)}`);
  }
}

/** The path that may be written, links followed. Throws a FunctionError. */
export function allowedWrite(given: string, roots: readonly string[]): string {
  if (!isAbsolute(given)) throw new FunctionError(`'${given}' is no absolute path`);
  const path = resolve(given);
  if (basename(path) === '' || !isAllowed(dirname(path), roots)) {
    throw new FunctionError(
      `'${given}' may not be written: name a directory above it in template_config.allowed_writes`,
    );
  }
  return path;
}

/** Throws a FunctionError for a variable that no pattern allows. */
export function checkVariable(name: string, allowed: readonly string[]): void {
  if (allowed.some((pattern) => matchesGlob(pattern, name))) return;
  throw new FunctionError(`the variable ${name} may not be read: name it in template_config.allowed_environment`);
}
