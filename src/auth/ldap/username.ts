/**
 * The one form of a name. Directories compare names without regard to case, to blanks and to how a character is written (RFC 4518),
 * so what they hold for one user is one user here: one lockout, one alias.
 */
const LONGEST = 512;

/** Letter by letter: of a whole word, JavaScript writes the last sigma otherwise. */
export const lowerCase = (text: string): string => Array.from(text, (letter) => letter.toLowerCase()).join('');

/** undefined: nobody is called so. */
export function usernameOf(given: string, caseSensitive: boolean): string | undefined {
  if (given.length > LONGEST || !given.isWellFormed()) return undefined;
  const plain = given
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    .normalize('NFKC')
    .replace(/\s+/gu, ' ')
    .trim();
  if (plain === '' || /\p{Cc}/u.test(plain)) return undefined;
  return caseSensitive ? plain : lowerCase(plain).normalize('NFKC');
}
