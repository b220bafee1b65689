/** Patterns that a user supplies run on RE2: their time grows with the text alone, never by backtracking. */
import { createRequire } from 'node:module';
import type * as Re2 from 're2js';
import { fail } from '../../../errors.ts';

const MOST = 256;

/** Loaded once a pattern is given: a start without one does not pay for it. */
export function compilePattern(text: string): (value: string) => boolean {
  if (text.length > MOST)
    throw fail('badRequest', `a pattern after \`matches\` has at most ${String(MOST)} characters`);
  const { RE2JS } = createRequire(import.meta.url)('re2js') as typeof Re2;
  try {
    const pattern = RE2JS.compile(text);
    return (value) => pattern.matcher(value).find();
  } catch (error) {
    throw fail('badRequest', 'a pattern after `matches` is not one that RE2 knows', { cause: error });
  }
}
