import { encodeRune, isDigit, isLetter, isPrint, runeAt } from './bytes.ts';
import { quote } from './quote.ts';

export type TokenType =
  | ('error' | 'bool' | 'char' | 'charConstant' | 'complex' | 'assign' | 'declare' | 'eof' | 'field' | 'identifier')
  | ('leftDelim' | 'leftParen' | 'number' | 'pipe' | 'rawString' | 'rightDelim' | 'rightParen' | 'space' | 'string')
  | ('text' | 'variable' | Keyword);

export type Keyword = (typeof keywords)[number];

const keywords = [
  ...(['dot', 'block', 'break', 'continue', 'define', 'else', 'end', 'if', 'range', 'nil'] as const),
  ...(['template', 'with'] as const),
] as const;

export interface Token {
  readonly type: TokenType;
  readonly at: number;
  readonly text: string;
  readonly line: number;
}

/** What an argument begins with. */
export const OPERANDS: ReadonlySet<TokenType> = new Set<TokenType>([
  ...(['bool', 'charConstant', 'complex', 'dot', 'field', 'identifier'] as const),
  ...(['number', 'nil', 'rawString', 'string', 'variable', 'leftParen'] as const),
]);

/** A token as errors name it. */
export function shown({ type, text }: Token): string {
  if (type === 'eof') return 'EOF';
  if (type === 'error') return text;
  if (isKeyword(type)) return `<${text}>`;
  if (text.length <= 10) return quote(text);
  let end = 0;
  for (let runes = 0; runes < 10 && end < text.length; runes++) end += runeAt(text, end).width;
  return `${quote(text.slice(0, end))}...`;
}

function isKeyword(type: string): type is Keyword {
  return keywords.some((keyword) => keyword === type);
}

const EOF = -1;
const SPACES = ' \t\r\n';

export interface Delimiters {
  readonly left: string;
  readonly right: string;
}

interface LexerOptions extends Delimiters {
  /** `break` and `continue` are functions where the host registers such. */
  readonly functions: ReadonlySet<string>;
}

/** Go's `text/template/parse` lexer: positions are bytes, lines count from 1. */
export class Lexer {
  readonly #left: string;
  readonly #right: string;
  readonly #functions: ReadonlySet<string>;
  #input: string;
  #at = 0;
  #start = 0;
  #line = 1;
  #startLine = 1;
  #parens = 0;
  #inside = false;

  constructor(input: string, options: LexerOptions) {
    this.#input = input;
    this.#left = options.left;
    this.#right = options.right;
    this.#functions = options.functions;
  }

  next(): Token {
    return this.#inside ? this.#insideAction() : this.#text();
  }

  #peek(): number {
    return this.#at < this.#input.length ? runeAt(this.#input, this.#at).code : EOF;
  }

  #read(): number {
    if (this.#at >= this.#input.length) return EOF;
    const { code, width } = runeAt(this.#input, this.#at);
    this.#at += width;
    if (code === 10) this.#line++;
    return code;
  }

  #emit(type: TokenType): Token {
    const text = this.#input.slice(this.#start, this.#at);
    const token = { type, at: this.#start, text, line: this.#startLine };
    this.#start = this.#at;
    this.#startLine = this.#line;
    return token;
  }

  /** Passes over what lies between the start of the token and here. */
  #ignore(): void {
    this.#countLines();
    this.#start = this.#at;
    this.#startLine = this.#line;
  }

  #countLines(): void {
    this.#line += this.#input.slice(this.#start, this.#at).split('\n').length - 1;
  }

  #error(text: string): Token {
    const token: Token = { type: 'error', at: this.#start, text, line: this.#startLine };
    this.#input = '';
    this.#start = 0;
    this.#at = 0;
    return token;
  }

  #text(): Token {
    for (;;) {
      const found = this.#input.indexOf(this.#left, this.#at);
      if (found < 0) {
        this.#at = this.#input.length;
        this.#countLines();
        return this.#emit(this.#at > this.#start ? 'text' : 'eof');
      }
      if (found > this.#at) {
        const trims = this.#trimsLeft(found + this.#left.length);
        this.#at = trims ? endOf(this.#input.slice(this.#start, found)) + this.#start : found;
        this.#countLines();
        const token = this.#emit('text');
        this.#at = found;
        this.#ignore();
        if (token.text !== '') return token;
      }
      const token = this.#leftDelim();
      if (token !== undefined) return token;
    }
  }

  #trimsLeft(at: number): boolean {
    return this.#input[at] === '-' && isSpaceAt(this.#input, at + 1);
  }

  /** Nothing is returned for a comment. */
  #leftDelim(): Token | undefined {
    this.#at += this.#left.length;
    const marker = this.#trimsLeft(this.#at) ? 2 : 0;
    if (this.#input.startsWith('/*', this.#at + marker)) {
      this.#at += marker;
      this.#ignore();
      return this.#comment();
    }
    const token = this.#emit('leftDelim');
    this.#inside = true;
    this.#at += marker;
    this.#ignore();
    this.#parens = 0;
    return token;
  }

  #comment(): Token | undefined {
    const end = this.#input.indexOf('*/', this.#at + 2);
    if (end < 0) return this.#error('unclosed comment');
    this.#at = end + 2;
    const delimiter = this.#atRight();
    if (delimiter === undefined) return this.#error('comment ends before closing delimiter');
    this.#at += delimiter.length;
    if (delimiter.trims) this.#skipSpaces();
    this.#ignore();
    return undefined;
  }

  #atRight(): { readonly length: number; readonly trims: boolean } | undefined {
    const at = this.#at;
    if (isSpaceAt(this.#input, at) && this.#input[at + 1] === '-' && this.#input.startsWith(this.#right, at + 2)) {
      return { length: 2 + this.#right.length, trims: true };
    }
    return this.#input.startsWith(this.#right, at) ? { length: this.#right.length, trims: false } : undefined;
  }

  #skipSpaces(): void {
    while (isSpaceAt(this.#input, this.#at)) this.#at++;
  }

  #rightDelim(): Token {
    const delimiter = this.#atRight();
    if (delimiter?.trims === true) {
      this.#at += 2;
      this.#ignore();
    }
    this.#at += this.#right.length;
    const token = this.#emit('rightDelim');
    if (delimiter?.trims === true) {
      this.#skipSpaces();
      this.#ignore();
    }
    this.#inside = false;
    return token;
  }

  #insideAction(): Token {
    if (this.#atRight() !== undefined) {
      return this.#parens === 0 ? this.#rightDelim() : this.#error('unclosed left paren');
    }
    const code = this.#peek();
    if (code === EOF) return this.#error('unclosed action');
    const char = String.fromCodePoint(code);
    if (SPACES.includes(char)) return this.#space();
    if (/[+\-0-9]/.test(char)) return this.#number();
    if (char === '.' && /^\d?$/.test(this.#input[this.#at + 1] ?? '')) return this.#number();
    if (isAlphaNumeric(code)) return this.#identifier();
    this.#read();
    return this.#punctuation(char, code);
  }

  #punctuation(char: string, code: number): Token {
    switch (char) {
      case '=':
        return this.#emit('assign');
      case ':':
        return this.#read() === 0x3d ? this.#emit('declare') : this.#error('expected :=');
      case '|':
        return this.#emit('pipe');
      case '"':
        return this.#quoted('"', 'string', 'unterminated quoted string');
      case "'":
        return this.#quoted("'", 'charConstant', 'unterminated character constant');
      case '`':
        return this.#rawQuoted();
      case '$':
        return this.#fieldOrVariable('variable');
      case '.':
        return this.#fieldOrVariable('field');
      case '(':
        this.#parens++;
        return this.#emit('leftParen');
      case ')':
        return --this.#parens < 0 ? this.#error('unexpected right paren') : this.#emit('rightParen');
      default:
        if (code < 0x80 && isPrint(code)) return this.#emit('char');
        return this.#error(`unrecognized character in action: ${unicode(code)}`);
    }
  }

  #space(): Token {
    let count = 0;
    while (isSpaceAt(this.#input, this.#at)) {
      this.#read();
      count++;
    }
    const last = this.#at - 1;
    if (this.#input[this.#at] === '-' && this.#input.startsWith(this.#right, this.#at + 1)) {
      // The last space belongs to the trim marker.
      if (this.#input[last] === '\n') this.#line--;
      this.#at = last;
      if (count === 1) return this.#rightDelim();
    }
    return this.#emit('space');
  }

  #identifier(): Token {
    while (isAlphaNumeric(this.#peek())) this.#read();
    const word = this.#input.slice(this.#start, this.#at);
    if (!this.#atTerminator()) return this.#error(`bad character ${unicode(this.#peek())}`);
    if (isKeyword(word) && word !== 'dot') {
      const own = (word === 'break' || word === 'continue') && this.#functions.has(word);
      return this.#emit(own ? 'identifier' : word);
    }
    return this.#emit(word === 'true' || word === 'false' ? 'bool' : 'identifier');
  }

  #fieldOrVariable(type: 'field' | 'variable'): Token {
    if (this.#atTerminator()) return this.#emit(type === 'variable' ? 'variable' : 'dot');
    while (isAlphaNumeric(this.#peek())) this.#read();
    return this.#atTerminator() ? this.#emit(type) : this.#error(`bad character ${unicode(this.#peek())}`);
  }

  #atTerminator(): boolean {
    const next = this.#peek();
    if (next === EOF || `${SPACES}.,|:)(`.includes(String.fromCodePoint(next))) return true;
    return this.#input.startsWith(this.#right, this.#at);
  }

  #quoted(end: string, type: TokenType, unterminated: string): Token {
    for (;;) {
      let code = this.#read();
      const escaped = code === 0x5c;
      if (escaped) code = this.#read();
      if (code === EOF || code === 10) return this.#error(unterminated);
      if (!escaped && code === end.charCodeAt(0)) return this.#emit(type);
    }
  }

  #rawQuoted(): Token {
    for (;;) {
      const code = this.#read();
      if (code === EOF) return this.#error('unterminated raw quoted string');
      if (code === 0x60) return this.#emit('rawString');
    }
  }

  #number(): Token {
    const bad = (): Token => this.#error(`bad number syntax: ${quote(this.#input.slice(this.#start, this.#at))}`);
    if (!this.#scanNumber()) return bad();
    if (!/[+-]/.test(this.#input[this.#at] ?? '')) return this.#emit('number');
    if (!this.#scanNumber() || this.#input[this.#at - 1] !== 'i') return bad();
    return this.#emit('complex');
  }

  #scanNumber(): boolean {
    const number =
      /[+-]?(?:0[xX][\da-fA-F_]*(?:\.[\da-fA-F_]*)?(?:[pP][+-]?[\d_]*)?|0[oO][0-7_]*(?:\.[0-7_]*)?|0[bB][01_]*(?:\.[01_]*)?|[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?[\d_]*)?)i?/y;
    number.lastIndex = this.#at;
    this.#at += number.exec(this.#input)?.[0].length ?? 0;
    if (!isAlphaNumeric(this.#peek())) return true;
    this.#read();
    return false;
  }
}

function isSpaceAt(text: string, at: number): boolean {
  return at >= 0 && at < text.length && SPACES.includes(text.charAt(at));
}

/** The length without spaces at the end. */
function endOf(text: string): number {
  let end = text.length;
  while (isSpaceAt(text, end - 1)) end--;
  return end;
}

function isAlphaNumeric(code: number): boolean {
  return code !== EOF && (code === 0x5f || isLetter(code) || isDigit(code));
}

/** `%#U`. */
function unicode(code: number): string {
  const hex = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  return isPrint(code) ? `${hex} '${encodeRune(code)}'` : hex;
}
