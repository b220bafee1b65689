/**
 * What may be said of an error that nobody foresaw: its kind and where it happened. Never its message: a parser's quotes
 * what it read, which may be a secret.
 */
import { isLockstepError } from '../errors.ts';

export interface Fault {
  /** `SyntaxError` and the like, or the catalogue's code. */
  readonly kind: string;
  /** Frames alone, one a line. */
  readonly stack: string;
}

const FRAMES = 12;

export function faultOf(error: unknown): Fault {
  if (!(error instanceof Error)) return { kind: 'a value was thrown that is no error', stack: '' };
  const frames = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
  return { kind: isLockstepError(error) ? error.code : error.name, stack: frames.slice(0, FRAMES).join('\n') };
}

/**
 * The message of an error that is meant to be read: of the catalogue, of the system, or of a database (they have a code).
 * Of any other its fault.
 */
export function toldOf(error: unknown): string {
  if (isLockstepError(error) || (error instanceof Error && 'code' in error)) return error.message;
  const { kind, stack } = faultOf(error);
  return `a fault inside the program, ${kind}${stack === '' ? '' : `\n${stack}`}`;
}
