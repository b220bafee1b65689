/** Names of roles, where upstream bounds them. */
import { fail } from '../errors.ts';
import { isPlainName } from '../lib/plain-name.ts';

const LONGEST = 128;

/** Throws `badRequest`. */
export function mustBeRoleName(name: string): void {
  if (isPlainName(name) && name.length <= LONGEST) return;
  throw fail('badRequest', 'the name of a role has letters, digits, "_", and between them "-" and "."');
}
