/** `~/.vault-token`: where `login` leaves the token, as Vault's internal token helper does. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { errorCode } from '../lib/error-code.ts';
import { CommandError } from './errors.ts';

/** Undefined when there is none. */
export function readToken(path: string): string | undefined {
  try {
    const token = readFileSync(path, 'utf8').trim();
    return token === '' ? undefined : token;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error))) return undefined;
    throw new CommandError(`cannot read the token file ${path}: ${messageOf(error)}`);
  }
}

/** Mode 0600 from the first byte on, and never half a token. */
export function writeToken(path: string, token: string): void {
  const fresh = `${path}.${process.pid}.tmp`;
  try {
    // Left behind by a process of the same id that was ended in between; `wx` then refuses links laid by others.
    rmSync(fresh, { force: true });
    const file = openSync(fresh, 'wx', 0o600);
    try {
      writeSync(file, token);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw new CommandError(`cannot write the token file ${path}: ${messageOf(error)}. Use -no-store to go without it`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown error';
}
