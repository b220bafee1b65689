/** Constants in templates: Go keeps each in every type that can hold it. */
import { fitsInt, fitsUint, parseFloat64, parseInteger } from './number.ts';
import { quote, unquoteRune } from './quote.ts';
import type { NumberNode } from './tree.ts';

type Parsed = Omit<NumberNode, 'kind' | 'at'>;

/** A character in quotes, or the error's text. */
export function characterConstant(text: string): Parsed | string {
  const code = unquoteRune(text);
  if (code === undefined)
    return /^'.'?$|^''$|\\/s.test(text) ? 'invalid syntax' : `malformed character constant: ${text}`;
  return { text, int: BigInt(code), uint: BigInt(code), float: code };
}

export function numberConstant(text: string): Parsed | string {
  if (text.endsWith('i')) return imaginary(text);
  const integer = parseInteger(text);
  const signed = integer !== undefined && fitsInt(integer);
  const unsigned = integer !== undefined && fitsUint(integer) && (!/^[+-]/.test(text) || integer === 0n);
  if (signed || unsigned) {
    return {
      text,
      float: Number(integer),
      ...(signed ? { int: integer } : {}),
      ...(unsigned ? { uint: integer } : {}),
    };
  }
  const float = parseFloat64(text);
  if (float === undefined) return `illegal number syntax: ${quote(text)}`;
  return /[.eEpP]/.test(text) ? { text, float, ...integers(float) } : `integer overflow: ${quote(text)}`;
}

function integers(float: number): Pick<Parsed, 'int' | 'uint'> {
  if (!Number.isInteger(float)) return {};
  const whole = BigInt(float);
  return { ...(fitsInt(whole) ? { int: whole } : {}), ...(fitsUint(whole) ? { uint: whole } : {}) };
}

function imaginary(text: string): Parsed | string {
  const float = parseFloat64(text.slice(0, -1));
  if (float === undefined) return `illegal number syntax: ${quote(text)}`;
  return { text, complex: true, ...(float === 0 ? { float: 0, int: 0n, uint: 0n } : {}) };
}

/** `1+2i`, whose halves the lexer has told apart from other texts. */
export function complexConstant(text: string): Parsed | string {
  return { text, complex: true };
}
