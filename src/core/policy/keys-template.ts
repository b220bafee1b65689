/**
 * `list_scan_response_keys_filter_path`: the path that stands for a key of a list, as OpenBao writes it (a Go template of
 * `.path` and `.key`). Parsed when the policy is; what is not understood is refused, since a filter that fails shows all.
 */

export interface Listed {
  /** The path of the list, below its namespace, with its closing slash. */
  readonly path: string;
  readonly key: string;
}

export type KeysTemplate = (listed: Listed) => string;

type Step = (text: string) => string;
type Value = (listed: Listed) => string;

const ACTION = /\{\{-?\s*(.*?)\s*-?\}\}/gs;
/** A word, a field, or a text in quotes as Go has it. */
const WORD = /\s*("(?:[^"\\\n]|\\["\\nt])*"|`[^`]*`|[.\w]+|\|)/y;

/** Throws an Error that says what is wrong. */
export function parseKeysTemplate(text: string): KeysTemplate {
  const parts: Value[] = [];
  let from = 0;
  for (const { 0: action, 1: inside = '', index } of text.matchAll(ACTION)) {
    parts.push(literal(text.slice(from, index), action));
    parts.push(pipeline(wordsOf(inside)));
    from = index + action.length;
  }
  parts.push(literal(text.slice(from), ''));
  const template: KeysTemplate = (listed) => parts.map((part) => part(listed)).join('');
  const [one, other] = ['one', 'other'].map((key) => template({ path: 'a/', key }));
  if (one === other) throw new Error('it gives the same path for two different keys: it must name .key');
  return template;
}

function literal(text: string, action: string): Value {
  if (text.includes('{{') || text.includes('}}')) throw new Error('unbalanced braces');
  if (action.startsWith('{{-') || action.endsWith('-}}')) throw new Error('{{- and -}} are not offered');
  return () => text;
}

function wordsOf(text: string): readonly string[] {
  const words: string[] = [];
  WORD.lastIndex = 0;
  for (let at = 0; at < text.length; at = WORD.lastIndex) {
    const word = WORD.exec(text)?.[1];
    if (word === undefined) throw new Error(`"${text}" is no pipeline of .path, .key and functions`);
    words.push(word);
  }
  return words;
}

function pipeline(words: readonly string[]): Value {
  const [first = [], ...others] = split(words);
  if (first.length !== 1) throw new Error('a pipeline begins with .path, .key or a text');
  const start = valueOf(first[0] ?? '');
  const steps = others.map(stepOf);
  return (listed) => steps.reduce((text, step) => step(text), start(listed));
}

function split(words: readonly string[]): readonly (readonly string[])[] {
  const parts: string[][] = [[]];
  for (const word of words) {
    if (word === '|') parts.push([]);
    else parts.at(-1)?.push(word);
  }
  return parts;
}

function valueOf(word: string): Value {
  if (word === '.path') return ({ path }) => path;
  if (word === '.key') return ({ key }) => key;
  const text = quoted(word);
  if (text === undefined) throw new Error(`"${word}" is neither .path nor .key nor a text`);
  return () => text;
}

function quoted(word: string): string | undefined {
  if (word.startsWith('`')) return word.slice(1, -1);
  return word.startsWith('"') ? (JSON.parse(word) as string) : undefined;
}

/** Those of OpenBao's templates that a path can use. */
function stepOf([name = '', ...args]: readonly string[]): Step {
  const texts = args.map((arg) => quoted(arg) ?? refuse(`the arguments of ${name} are texts`));
  const [old = '', by = ''] = texts;
  if (name === 'replace' && texts.length === 2) return (text) => text.replaceAll(old, () => by);
  if (name === 'lowercase' && texts.length === 0) return (text) => text.toLowerCase();
  if (name === 'uppercase' && texts.length === 0) return (text) => text.toUpperCase();
  return refuse(
    `"${name}" with ${String(texts.length)} arguments is not offered: there are replace, lowercase, uppercase`,
  );
}

function refuse(why: string): never {
  throw new Error(why);
}
