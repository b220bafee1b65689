/** The records of roles that logins name. They lie under a prefix and the name in lower case. */
import { fail } from '../errors.ts';
import type { Compartment } from '../framework/plugin.ts';
import { decodeRecord } from '../lib/record.ts';

interface Named {
  readonly prefix: string;
  readonly name: string;
  /** What is said of a name that no role has; names are cut to 128 characters. */
  readonly unknown: (name: string) => string;
}

/** The role that a login names, kept decoded. Throws `badRequest`. */
export function roleOfLogin<R extends object>(from: Pick<Compartment, 'kept'>, { prefix, name, unknown }: Named): R {
  if (name === '') throw fail('badRequest', 'missing role');
  const role = from.kept(prefix + name.toLowerCase(), decodeRecord<R>);
  if (role === undefined) throw fail('badRequest', unknown(name.slice(0, 128)));
  return role;
}
