/**
 * Boolean expressions in the language of Vault's filters (hashicorp/go-bexpr), without its indexes and inline lists:
 * `mount_type == kv and not (operation == "read" or path matches "^sys/")`, `"x" in path`, `namespace is not empty`.
 * `not` binds before `and`, `and` before `or`.
 */
import { fail } from '../../../errors.ts';
import { compilePattern } from './pattern.ts';

/** `["request", "mount_type"]`. */
export type Selector = readonly string[];
/** The value that a selector stands for; undefined when there is none. */
export type LookUp = (selector: Selector) => unknown;
export type Expression = (lookUp: LookUp) => boolean;

/** Bounds of one expression. */
export const limits = { characters: 4_096, comparisons: 128, depth: 32 } as const;

interface Token {
  readonly kind: 'mark' | 'word' | 'number' | 'text' | 'end';
  readonly text: string;
}

const token =
  /[ \t\r\n]*(?:(==|!=|[()])|([a-zA-Z][\w/]*(?:\.[a-zA-Z0-9][\w/]*)*)|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?![\w.]))|"([^"\\]*(?:\\.[^"\\]*)*)"|`([^`]*)`|$)/y;

/** Throws `badRequest` saying what is wrong. `check` is given every selector, and throws for one that means nothing. */
export function parseExpression(text: string, check: (selector: Selector) => void): Expression {
  if (text.length > limits.characters) {
    throw fail('badRequest', `a filter has at most ${String(limits.characters)} characters`);
  }
  return new Parser(tokensOf(text), check).whole();
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  token.lastIndex = 0;
  for (;;) {
    const at = token.lastIndex;
    const found = token.exec(text);
    if (found === null) throw fail('badRequest', `a filter cannot be read from character ${String(at + 1)} on`);
    const [, mark, word, number, quotedText, raw] = found;
    if (mark !== undefined) tokens.push({ kind: 'mark', text: mark });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (quotedText !== undefined) tokens.push({ kind: 'text', text: unquoted(quotedText) });
    else if (raw !== undefined) tokens.push({ kind: 'text', text: raw });
    else return [...tokens, { kind: 'end', text: '' }];
  }
}

function unquoted(inner: string): string {
  try {
    return JSON.parse(`"${inner}"`) as string;
  } catch {
    throw fail('badRequest', 'a text in a filter is not written as JSON writes it');
  }
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #check: (selector: Selector) => void;
  #at = 0;
  #comparisons = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], check: (selector: Selector) => void) {
    this.#tokens = tokens;
    this.#check = check;
  }

  whole(): Expression {
    const made = this.#or();
    if (this.#next.kind !== 'end') throw this.#unexpected('`and`, `or` or its end');
    return made;
  }

  get #next(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '' };
  }

  /** Whether the next token is this word or mark; then it is taken. */
  #take(text: string): boolean {
    const { kind, text: found } = this.#next;
    if (found !== text || (kind !== 'word' && kind !== 'mark')) return false;
    this.#at += 1;
    return true;
  }

  #or(): Expression {
    const parts = [this.#and()];
    while (this.#take('or')) parts.push(this.#and());
    return (lookUp) => parts.some((part) => part(lookUp));
  }

  #and(): Expression {
    const parts = [this.#not()];
    while (this.#take('and')) parts.push(this.#not());
    return (lookUp) => parts.every((part) => part(lookUp));
  }

  #not(): Expression {
    return this.#deeper(() => {
      if (this.#take('not')) {
        const inner = this.#not();
        return (lookUp) => !inner(lookUp);
      }
      if (!this.#take('(')) return this.#comparison();
      const inner = this.#or();
      if (!this.#take(')')) throw this.#unexpected('`)`');
      return inner;
    });
  }

  #deeper(parse: () => Expression): Expression {
    this.#depth += 1;
    if (this.#depth > limits.depth) throw fail('badRequest', `a filter has at most ${String(limits.depth)} levels`);
    const made = parse();
    this.#depth -= 1;
    return made;
  }

  #comparison(): Expression {
    this.#comparisons += 1;
    if (this.#comparisons > limits.comparisons) {
      throw fail('badRequest', `a filter has at most ${String(limits.comparisons)} comparisons`);
    }
    const left = this.#operand('a selector, such as `mount_type`');
    if (this.#take('==')) return this.#equals(left, true);
    if (this.#take('!=')) return this.#equals(left, false);
    if (this.#take('is')) {
      const wanted = !this.#take('not');
      if (!this.#take('empty')) throw this.#unexpected('`empty`');
      const selector = this.#selector(left);
      return (lookUp) => isEmpty(lookUp(selector)) === wanted;
    }
    const wanted = !this.#take('not');
    if (this.#take('in')) return this.#contains(this.#operand('a selector'), left.text, wanted);
    if (this.#take('contains')) return this.#contains(left, this.#operand('a value').text, wanted);
    if (this.#take('matches')) return this.#matches(left, wanted);
    throw this.#unexpected('`==`, `!=`, `in`, `contains`, `matches` or `is`');
  }

  #operand(what: string): Token {
    const found = this.#next;
    if (found.kind === 'end' || found.kind === 'mark') throw this.#unexpected(what);
    this.#at += 1;
    return found;
  }

  #equals(left: Token, wanted: boolean): Expression {
    const selector = this.#selector(left);
    const { text } = this.#operand('a value');
    return (lookUp) => (asText(lookUp(selector)) === text) === wanted;
  }

  #contains(at: Token, text: string, wanted: boolean): Expression {
    const selector = this.#selector(at);
    return (lookUp) => has(lookUp(selector), text) === wanted;
  }

  #matches(left: Token, wanted: boolean): Expression {
    const selector = this.#selector(left);
    const matches = compilePattern(this.#operand('a pattern').text);
    return (lookUp) => matches(asText(lookUp(selector)) ?? '') === wanted;
  }

  /** `request.mount_type`, or the JSON pointer `"/request/mount_type"`. */
  #selector({ kind, text }: Token): Selector {
    const selector =
      kind === 'word' ? text.split('.') : kind === 'text' && text.startsWith('/') ? pointerParts(text) : undefined;
    if (selector === undefined) throw fail('badRequest', `a filter compares \`${text}\`, which is no selector`);
    this.#check(selector);
    return selector;
  }

  #unexpected(wanted: string): Error {
    const { kind, text } = this.#next;
    return fail('badRequest', `a filter has ${kind === 'end' ? 'its end' : `\`${text}\``} where ${wanted} should be`);
  }
}

/** RFC 6901, of a pointer that begins with its slash. */
export function pointerParts(pointer: string): Selector {
  return pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === undefined || value === null || value === '';
}

function has(value: unknown, text: string): boolean {
  if (typeof value === 'string') return value.includes(text);
  if (Array.isArray(value)) return value.some((item) => asText(item) === text);
  return typeof value === 'object' && value !== null && Object.hasOwn(value, text);
}
