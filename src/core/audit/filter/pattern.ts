/** Patterns after `matches`, on RE2. */
import { fail } from '../../../errors.ts';
import { compilePattern as compile } from '../../../lib/re2.ts';

const MOST = 256;

export function compilePattern(text: string): (value: string) => boolean {
  if (text.length > MOST)
    throw fail('badRequest', `a pattern after \`matches\` has at most ${String(MOST)} characters`);
  try {
    return compile(text).finds;
  } catch (error) {
    throw fail('badRequest', 'a pattern after `matches` is not one that RE2 knows', { cause: error });
  }
}
