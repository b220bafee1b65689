import type { Body, Position, Value } from './ast.ts';
import { BodyBuilder } from './body.ts';
import { Cursor, limits } from './cursor.ts';
import { parseJsonDocument } from './json.ts';
import { describe, Lexer, type Token } from './lexer.ts';

/**
 * Parses HCL (version 1, as Vault's configuration and policies use it), or JSON if the text begins with `{`. `name` is
 * what errors call the text. Takes linear time. Throws HclError, also for an attribute that is set twice and beyond the
 * bounds of `limits`. JSON's `null` is as if the key were absent.
 */
export function parseHcl(text: string, name = 'input'): Body {
  const cursor = new Cursor(text, name);
  if (/^\s*\{/.test(text.slice(cursor.offset))) return parseJsonDocument(cursor);
  const lexer = new Lexer(cursor);
  return parseBody(lexer, 'end', cursor.position());
}

/** Items up to `closing`, which is consumed. Commas between items are allowed, as in HCL 1. */
function parseBody(lexer: Lexer, closing: '}' | 'end', position: Position): Body {
  const body = new BodyBuilder(position);
  for (;;) {
    const token = lexer.next();
    if (token.kind === closing) return body.build();
    if (token.kind !== 'word' && token.kind !== 'string') throw unexpected(lexer, token, bodyExpectation(closing));
    parseItem(lexer, body, token);
    if (closing === '}' && lexer.peek().kind === ',') lexer.next();
  }
}

function bodyExpectation(closing: '}' | 'end'): string {
  return closing === '}' ? 'a key or }' : 'a key';
}

function parseItem(lexer: Lexer, body: BodyBuilder, key: Token & { readonly value: string | number }): void {
  const name = String(key.value);
  const labels: string[] = [];
  for (;;) {
    lexer.cursor.counted();
    const token = lexer.next();
    if (token.kind === '=' && labels.length === 0) {
      body.assign(name, parseValue(lexer, lexer.next()), key.position);
      return;
    }
    if (token.kind === '{') {
      const inner = lexer.cursor.nested(() => parseBody(lexer, '}', token.position));
      body.block({ type: name, labels, body: inner, position: key.position });
      return;
    }
    if (token.kind !== 'word' && token.kind !== 'string') {
      throw unexpected(lexer, token, labels.length === 0 ? '=, { or a label' : '{ or a label');
    }
    labels.push(token.value);
    if (labels.length > limits.labels) throw lexer.cursor.error(`more than ${limits.labels} labels`, token.position);
  }
}

function parseValue(lexer: Lexer, token: Token): Value {
  switch (token.kind) {
    case 'string':
    case 'heredoc':
    case 'number':
      return token.value;
    case 'word':
      if (token.value === 'true' || token.value === 'false') return token.value === 'true';
      throw unexpected(lexer, token, 'a value; text is written in double quotes');
    case '[':
      return lexer.cursor.nested(() => parseList(lexer));
    case '{':
      return lexer.cursor.nested(() => parseBody(lexer, '}', token.position));
    default:
      throw unexpected(lexer, token, 'a value');
  }
}

function parseList(lexer: Lexer): readonly Value[] {
  const values: Value[] = [];
  for (;;) {
    const token = lexer.next();
    if (token.kind === ']') return values;
    lexer.cursor.counted();
    values.push(parseValue(lexer, token));
    const separator = lexer.next();
    if (separator.kind === ']') return values;
    if (separator.kind !== ',') throw unexpected(lexer, separator, ', or ]');
  }
}

function unexpected(lexer: Lexer, token: Token, expected: string): Error {
  return lexer.cursor.error(`found ${describe(token)}, expected ${expected}`, token.position);
}
