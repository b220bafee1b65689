/** What is asked of policies without doing it: an operation on a path. */
import { WANTED, type Wanted } from '../core/policy/explain.ts';
import { fail } from '../errors.ts';
import { field } from '../framework/field.ts';

export const wantedField = field.enum('What is to be done; read, where it is not given.', WANTED);

/** As policies see it: LIST and SCAN are asked of folders. Throws `badRequest` for none. */
export function askedPath(path: string, wanted: Wanted): string {
  const bare = path.replace(/^\/+/, '');
  if (bare === '') throw fail('badRequest', 'path must be supplied');
  return (wanted === 'list' || wanted === 'scan') && !bare.endsWith('/') ? `${bare}/` : bare;
}
