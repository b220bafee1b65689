/** A text before it is parsed, and places in it. The parser recurses, so brackets are counted first. */
import { CelRefused, type Place } from './refusal.ts';

const LONGEST = 4_096;
/** The parser takes 250 and more; a stack that is in use already is smaller. */
const DEEPEST = 100;

export function placeAt(source: string, offset: number): Place {
  const before = source.slice(0, offset).split(/\r\n|\r|\n/);
  return { line: before.length, column: 1 + (before.at(-1)?.length ?? 0) };
}

/** A comment, a text (raw or not, of three quotes or one) or a sign that opens, closes or asks. */
const TOKEN =
  /\/\/[^\r\n]*|(?:[rR][bB]?|[bB][rR])(?:"""[^]*?"""|'''[^]*?'''|"[^"\r\n]*"|'[^'\r\n]*')|"""(?:\\[^]|[^\\])*?"""|'''(?:\\[^]|[^\\])*?'''|"(?:\\.|[^"\\\r\n])*"|'(?:\\.|[^'\\\r\n])*'|\.\?|[[{]\s*\?|[[({\])}?]/g;

/** `.?`, `[?` and `{?` of cel-go. */
const OPTIONAL = /^(?:\.|[[{]\s*)\?$/;

const OPENS = new Set(['(', '[', '{']);
const CLOSES = new Set([')', ']', '}']);

/** How many levels are open, token by token. */
class Nesting {
  /** How many questions are open within each bracket: only its end ends them. */
  readonly #questions = [0];
  #depth = 0;

  /** False once it is too deep. */
  read(token: string): boolean {
    if (CLOSES.has(token)) this.#depth -= this.#questions.length > 1 ? 1 + (this.#questions.pop() ?? 0) : 0;
    else if (OPENS.has(token)) this.#open();
    else if (token === '?') this.#ask();
    return this.#depth <= DEEPEST;
  }

  #open(): void {
    this.#questions.push(0);
    this.#depth += 1;
  }

  #ask(): void {
    this.#questions.push((this.#questions.pop() ?? 0) + 1);
    this.#depth += 1;
  }
}

/** Throws `CelRefused`. */
export function checkSource(source: string, variable?: string): void {
  const refuse = (reason: string, offset: number): never => {
    throw new CelRefused(reason, placeAt(source, offset), variable);
  };
  if (source.trim() === '') refuse('the expression is empty', 0);
  if (source.length > LONGEST) refuse(`an expression has at most ${String(LONGEST)} characters`, LONGEST);
  const nesting = new Nesting();
  for (const { 0: token, index } of source.matchAll(TOKEN)) {
    if (OPTIONAL.test(token))
      refuse('optional values are not offered: ask by has(), as in `has(claims.x) ? claims.x : ""`', index);
    if (!nesting.read(token)) refuse(`an expression nests at most ${String(DEEPEST)} deep`, index);
  }
}
