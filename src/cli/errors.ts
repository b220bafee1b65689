import { ApiError } from '../client/api-error.ts';
import { ConnectionError } from '../client/connection-error.ts';
import { UsageError } from './flags.ts';

/** What exit codes mean, as Vault's. */
export const exit = { ok: 0, local: 1, server: 2, unknownCommand: 127 } as const;

/** Ends a command with a message on standard error. */
export class CommandError extends Error {
  readonly code: number;

  constructor(message: string, code: number = exit.local, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Says what was being done when the server refused or could not be reached: `Error reading secret/a: …`. `code` replaces
 * the exit code where 2 means something else to the command's callers.
 */
export async function during<T>(what: string, work: Promise<T>, code?: number): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof ApiError) && !(error instanceof ConnectionError)) throw error;
    throw new CommandError(`${what}: ${error.message}`, code ?? codeOf(error), { cause: error });
  }
}

export function codeOf(error: unknown): number {
  if (error instanceof CommandError) return error.code;
  if (error instanceof ConnectionError && (error.code === 'ADDRESS' || error.code === 'LOCAL_FILE')) return exit.local;
  return error instanceof ApiError || error instanceof ConnectionError ? exit.server : exit.local;
}

/** Errors that speak for themselves; any other is a fault of the program. */
export function isExpected(error: unknown): error is Error {
  return (
    error instanceof CommandError ||
    error instanceof UsageError ||
    error instanceof ApiError ||
    error instanceof ConnectionError
  );
}
