/** Passwords of so many letters, digits and symbols, in any order, each equally likely. */
import { randomIndexes } from '../../lib/crypto/random.ts';
import { ProviderProblem } from '../../providers/contract.ts';

export interface PasswordRule {
  readonly length: number;
  readonly digits: number;
  readonly symbols: number;
  readonly symbolCharacters: string;
  readonly noUpper: boolean;
  readonly allowRepeat: boolean;
}

const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const DIGITS = '0123456789';
/** A Secret holds 1 MiB; nobody types more than this. */
const LONGEST = 4_096;

const one = (bound: number): number => randomIndexes(bound, 1)[0] ?? 0;

/** Every order equally likely (Fisher and Yates). */
function shuffled(items: readonly string[]): string[] {
  const all = [...items];
  for (let last = all.length - 1; last > 0; last--) {
    const at = one(last + 1);
    const held = all[last] ?? '';
    all[last] = all[at] ?? '';
    all[at] = held;
  }
  return all;
}

function drawn(count: number, from: string, what: string, repeat: boolean): readonly string[] {
  const characters = [...new Set(from)];
  if (count === 0) return [];
  if (characters.length === 0) throw invalid(`there are no ${what} to take ${String(count)} from`);
  if (repeat) return randomIndexes(characters.length, count).map((at) => characters[at] ?? '');
  if (count <= characters.length) return shuffled(characters).slice(0, count);
  throw invalid(`${String(count)} different ${what} are asked for, and there are ${String(characters.length)}`);
}

const invalid = (why: string): ProviderProblem =>
  new ProviderProblem('invalid', `password: ${why}: change length, digits or symbols, or set allowRepeat`);

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

/** Throws `ProviderProblem` for a rule that no password meets. */
export function newPassword({ length, digits, symbols, symbolCharacters, noUpper, allowRepeat }: PasswordRule): string {
  if (![length, digits, symbols].every(isCount) || length === 0) throw invalid('length, digits and symbols are counts');
  if (length > LONGEST) throw invalid(`the length is more than ${String(LONGEST)}`);
  const letters = length - digits - symbols;
  if (letters < 0) throw invalid(`${String(digits)} digits and ${String(symbols)} symbols do not fit`);
  const alphabet = noUpper ? LOWER : LOWER + LOWER.toUpperCase();
  return shuffled([
    ...drawn(letters, alphabet, 'letters', allowRepeat),
    ...drawn(digits, DIGITS, 'digits', allowRepeat),
    ...drawn(symbols, symbolCharacters, 'symbols', allowRepeat),
  ]).join('');
}
