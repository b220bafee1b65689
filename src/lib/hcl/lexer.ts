import type { Position } from './ast.ts';
import { scanHeredoc } from './heredoc.ts';
import { scanNumber } from './number.ts';
import { isDigit, isWordStart, scanString, scanWord } from './word.ts';
import type { Cursor } from './cursor.ts';

export type Punctuation = '{' | '}' | '[' | ']' | '=' | ',';
export type Token =
  | { readonly kind: Punctuation | 'end'; readonly position: Position }
  | { readonly kind: 'word' | 'string' | 'heredoc'; readonly value: string; readonly position: Position }
  | { readonly kind: 'number'; readonly value: number; readonly position: Position };

const punctuation: ReadonlySet<string> = new Set<Punctuation>(['{', '}', '[', ']', '=', ',']);

/** The tokens of HCL 1, one at a time, with one token of look-ahead. */
export class Lexer {
  readonly cursor: Cursor;
  #ahead: Token | undefined;

  constructor(cursor: Cursor) {
    this.cursor = cursor;
  }

  peek(): Token {
    return (this.#ahead ??= this.#scan());
  }

  next(): Token {
    const token = this.peek();
    this.#ahead = undefined;
    return token;
  }

  #scan(): Token {
    this.#skipBlank();
    const position = this.cursor.position();
    if (this.cursor.atEnd()) return { kind: 'end', position };
    const code = this.cursor.peek();
    const character = String.fromCharCode(code);
    if (isPunctuation(character)) {
      this.cursor.advance();
      return { kind: character, position };
    }
    if (character === '"') return { kind: 'string', value: scanString(this.cursor), position };
    if (isWordStart(code)) return { kind: 'word', value: scanWord(this.cursor), position };
    if (startsNumber(this.cursor)) return { kind: 'number', value: scanNumber(this.cursor), position };
    if (character === '<') return { kind: 'heredoc', value: scanHeredoc(this.cursor), position };
    throw this.cursor.error(unexpected(character, code));
  }

  #skipBlank(): void {
    for (;;) {
      const code = this.cursor.peek();
      if (code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d) this.cursor.advance();
      else if (code === 0x23 || (code === 0x2f && this.cursor.peek(1) === 0x2f)) this.#skipLine();
      else if (code === 0x2f && this.cursor.peek(1) === 0x2a) this.#skipComment();
      else return;
    }
  }

  #skipLine(): void {
    const end = this.cursor.text.indexOf('\n', this.cursor.offset);
    this.cursor.offset = end < 0 ? this.cursor.text.length : end;
  }

  #skipComment(): void {
    const start = this.cursor.position();
    const end = this.cursor.text.indexOf('*/', this.cursor.offset + 2);
    if (end < 0) throw this.cursor.error('this comment has no end: expected */', start);
    while (this.cursor.offset < end + 2) this.cursor.advance();
  }
}

/** What a token is, in words; the content of strings and bare values stays out, since it may be a secret. */
export function describe(token: Token): string {
  switch (token.kind) {
    case 'end':
      return 'the end of the text';
    case 'word':
      return 'a bare word';
    case 'string':
      return 'a string';
    case 'heredoc':
      return 'a heredoc';
    case 'number':
      return 'a number';
    default:
      return token.kind;
  }
}

function isPunctuation(character: string): character is Punctuation {
  return punctuation.has(character);
}

function startsNumber(cursor: Cursor): boolean {
  const code = cursor.peek();
  if (isDigit(code)) return true;
  return (code === 0x2d || code === 0x2e) && isDigit(cursor.peek(1));
}

function unexpected(character: string, code: number): string {
  if (character === "'") return "unexpected ': strings are written in double quotes";
  if (character === ':') return 'unexpected :, expected =';
  const shown =
    code > 0x20 && code < 0x7f ? character : `character U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  return `unexpected ${shown}`;
}
