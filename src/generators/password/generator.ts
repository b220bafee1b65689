import { ProviderProblem } from '../../providers/contract.ts';
import type { Generator } from '../contract.ts';
import { encodings, type Encoding } from './encoding.ts';
import { newPassword } from './password.ts';

export interface PasswordConfig {
  readonly length?: number;
  /** Default a quarter of the length, as of the symbols. */
  readonly digits?: number;
  readonly symbols?: number;
  readonly symbolCharacters?: string;
  readonly noUpper?: boolean;
  readonly allowRepeat?: boolean;
  readonly encoding?: Encoding;
  /** Each gets a password of its own; default `password`. */
  readonly secretKeys?: readonly string[];
}

const LENGTH = 24;
const SYMBOLS = '~!@#$%^&*()_+`-={}|[]\\:"<>?,./';
const MOST_KEYS = 256;

function keysOf({ secretKeys = [] }: PasswordConfig): readonly string[] {
  if (secretKeys.length === 0) return ['password'];
  if (secretKeys.includes('') || new Set(secretKeys).size !== secretKeys.length)
    throw new ProviderProblem('invalid', 'secretKeys: each is a name, and none stands twice');
  if (secretKeys.length > MOST_KEYS)
    throw new ProviderProblem('invalid', `secretKeys: more than ${String(MOST_KEYS)} of them`);
  return secretKeys;
}

function make(config: PasswordConfig): Uint8Array {
  const length = (config.length ?? 0) > 0 ? (config.length ?? LENGTH) : LENGTH;
  const quarter = Math.floor(length / 4);
  const password = newPassword({
    length,
    digits: config.digits ?? quarter,
    symbols: config.symbols ?? quarter,
    symbolCharacters: config.symbolCharacters ?? SYMBOLS,
    noUpper: config.noUpper === true,
    allowRepeat: config.allowRepeat === true,
  });
  return Buffer.from(encodings[config.encoding ?? 'raw'](Buffer.from(password, 'utf8')), 'utf8');
}

export const password: Generator<PasswordConfig> = {
  kind: 'Password',
  generate: async (config) => ({ values: new Map(keysOf(config).map((key) => [key, make(config)])) }),
};
