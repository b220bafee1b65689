/** LIST and SCAN with pages, as OpenBao has them: `after` is the last name of the page before, `limit` its size. */
import { fail } from '../../errors.ts';
import { field } from '../../framework/field.ts';
import type { Compartment } from '../../framework/plugin.ts';

/** What one reply holds at most where no limit was asked for. */
const MOST = 100_000;

export const pageFields = {
  after: field.string('List only what comes after this name.', { default: '' }),
  limit: field.integer('How many names at most; 0 or less is without limit.', { default: 0 }),
} as const;

interface Asked {
  readonly after: string;
  readonly limit: number;
}

function page({ after, limit }: Asked): { readonly limit: number; readonly after?: string } {
  const size = limit > 0 ? Math.min(limit, MOST) : MOST;
  return after === '' ? { limit: size } : { limit: size, after };
}

const folder = (prefix: string): string => (prefix.endsWith('/') ? prefix : `${prefix}/`);

/** One level. `prefix` is the folder. */
export function children(data: Compartment, prefix: string, asked: Asked): readonly string[] {
  return data.children(folder(prefix), page(asked));
}

/** All levels, relative to the folder. */
export function descendants(data: Compartment, prefix: string, asked: Asked): readonly string[] {
  const from = folder(prefix);
  const { limit, after } = page(asked);
  if (after !== undefined && after.length > 4_096) throw fail('badRequest', '"after" is too long');
  const found = data.list(from, after === undefined ? { limit } : { limit, after: from + after });
  return found.map((key) => key.slice(from.length));
}
