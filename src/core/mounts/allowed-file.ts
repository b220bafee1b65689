/** A file of this node that the API names: read where the configuration allows it, and nowhere else. */
import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { isAbsolute, normalize } from 'node:path';
import { fail, isLockstepError } from '../../errors.ts';
import { errorCode } from '../../lib/error-code.ts';
import { isWithinOne } from '../../lib/within.ts';

export interface AllowedFile {
  /** Files, and folders with all below them. */
  readonly allowed: readonly string[];
  /** Bytes. */
  readonly most: number;
}

function mustBeAllowed(path: string, allowed: readonly string[]): void {
  if (isWithinOne(path, allowed)) return;
  throw fail('permissionDenied', `${path} may not be read: add it to \`allow_bundle_paths\` in the configuration`);
}

/** Where the allowed ones really are: a root may itself be reached by a link. */
const realRoots = (allowed: readonly string[]): Promise<readonly string[]> =>
  Promise.all(allowed.map((root) => realpath(root).catch(() => root)));

/** Its text. Rejects with `badRequest` or `permissionDenied`. */
export async function allowedFile(path: string, { allowed, most }: AllowedFile): Promise<string> {
  if (!isAbsolute(path) || path.includes('\0') || path.length > 4_000) {
    throw fail('badRequest', 'the path of a file must be absolute');
  }
  mustBeAllowed(normalize(path), allowed);
  try {
    // A link in an allowed folder leads no further than that: mounted volumes have such links.
    const real = await realpath(path);
    mustBeAllowed(real, await realRoots(allowed));
    // A pipe would be waited for.
    await using handle = await open(real, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await handle.stat();
    if (!found.isFile()) throw fail('badRequest', `${path} is no file`);
    const length = Math.min(found.size, most) + 1;
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0);
    if (bytesRead > most) throw fail('badRequest', `${path} is larger than ${String(most)} bytes`);
    return buffer.toString('utf8', 0, bytesRead);
  } catch (error) {
    if (isLockstepError(error)) throw error;
    throw fail('badRequest', `${path} cannot be read: ${errorCode(error)}`, { cause: error });
  }
}
