/** What an import has done, in a file that a later run goes on from. It holds names and digests, never a value. */
import { closeSync, constants, fchmodSync, fstatSync, openSync, readFileSync, writeSync } from 'node:fs';
import { isObject } from '../../client/json.ts';
import { errorCode } from '../../lib/error-code.ts';
import { CommandError } from '../errors.ts';

const FORMAT = 'lockstep-import-1';

/** Which import it is: another one must not go on from its file. */
export interface Route {
  readonly source: string;
  readonly sourceNamespace: string;
  readonly target: string;
  readonly targetNamespace: string;
}

export interface Progressed {
  /** `begun`: the target holds a part of it, written by us. */
  readonly phase: 'begun' | 'done';
  /** Digest of what the source told of it (for a secret: its metadata, not its data). */
  readonly source: string;
  /** The same of the target, afterwards. */
  readonly target?: string | undefined;
  /** When the source made it: tells one that was deleted and made anew. */
  readonly created?: string | undefined;
}

export interface State extends Disposable {
  readonly get: (key: string) => Progressed | undefined;
  readonly set: (key: string, progressed: Progressed) => void;
}

/** Remembers nothing: of a dry run and of a verification. */
export function readOnlyState(path: string, route: Route): State {
  const known = readRecords(path, route) ?? new Map<string, Progressed>();
  return { get: (key) => known.get(key), set: () => undefined, [Symbol.dispose]: () => undefined };
}

/**
 * Appends a line for each step, before or after it is made, so that a killed import knows where it was. Throws
 * CommandError where the file is another import's or cannot be used.
 */
export function openState(path: string, route: Route): State {
  const known = readRecords(path, route);
  const descriptor = opened(path);
  const records = known ?? new Map<string, Progressed>();
  // A line that was cut short by a crash must not swallow the next one.
  if (known === undefined) writeSync(descriptor, `${JSON.stringify({ format: FORMAT, ...route })}\n`);
  else writeSync(descriptor, '\n');
  return {
    get: (key) => records.get(key),
    set: (key, progressed) => {
      records.set(key, progressed);
      writeSync(descriptor, `${JSON.stringify({ key, ...progressed })}\n`);
    },
    [Symbol.dispose]: () => {
      closeSync(descriptor);
    },
  };
}

function opened(path: string): number {
  try {
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
    const descriptor = openSync(path, flags, 0o600);
    if (!fstatSync(descriptor).isFile()) throw new Error('it is no file');
    fchmodSync(descriptor, 0o600);
    return descriptor;
  } catch (error) {
    throw unusable(path, error);
  }
}

function unusable(path: string, error: unknown): CommandError {
  return new CommandError(`cannot use the state file ${path}: ${error instanceof Error ? error.message : 'unknown'}`);
}

/** Undefined where there is no file yet, or one without its first line. */
function readRecords(path: string, route: Route): Map<string, Progressed> | undefined {
  const [first, ...lines] = linesOf(path);
  if (first === undefined) return undefined;
  if (first['format'] !== FORMAT)
    throw unusable(path, new Error('it is no state of an import; name another with -state'));
  for (const [name, value] of Object.entries(route)) {
    if (first[name] === value) continue;
    throw unusable(
      path,
      new Error(`it belongs to an import with ${name} "${String(first[name])}"; name another with -state`),
    );
  }
  const records = new Map<string, Progressed>();
  for (const { key, ...rest } of lines) {
    if (typeof key === 'string') records.set(key, rest as unknown as Progressed);
  }
  return records;
}

function linesOf(path: string): readonly Readonly<Record<string, unknown>>[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw unusable(path, error);
  }
  return text.split('\n').flatMap((line) => {
    const value = parsed(line);
    return isObject(value) ? [value] : [];
  });
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
