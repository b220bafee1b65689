import { isLockstepError } from '../errors.ts';
import { durationSeconds } from '../lib/duration.ts';
import { didYouMean } from '../lib/suggest.ts';

/** The command line is not one that the command takes: exit code 1. */
export class UsageError extends Error {}

/** One flag: what it takes, how it is read, and all that help, completion and docs say of it. */
export interface Flag<T> {
  readonly help: string;
  /** What stands for the value in help (`<string>`); absent for a switch, which takes none unless by `=`. */
  readonly value?: string;
  readonly aliases: readonly string[];
  /** The values it takes, where they are few: checked, and offered by completion. */
  readonly choices?: readonly string[];
  /** `texts` holds one item for each time the flag was given. Throws UsageError. */
  readonly parse: (texts: readonly string[], name: string) => T;
}
export type Flags = Readonly<Record<string, Flag<unknown>>>;
export type ValuesOf<F extends Flags> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

interface Options {
  readonly aliases?: readonly string[];
  readonly choices?: readonly string[];
  readonly value?: string;
}

/** A flag that counts once: the last one given wins. */
function single<T>(help: string, value: string, read: (text: string, name: string) => T) {
  return (options: Options = {}): Flag<T | undefined> => ({
    help,
    value: options.value ?? value,
    aliases: options.aliases ?? [],
    ...(options.choices === undefined ? {} : { choices: options.choices }),
    parse: (texts, name) => {
      const text = texts.at(-1);
      return text === undefined ? undefined : read(chosen(text, name, options.choices), name);
    },
  });
}

function chosen(text: string, name: string, choices: readonly string[] | undefined): string {
  if (choices === undefined || choices.includes(text)) return text;
  throw new UsageError(`invalid value "${text}" for flag -${name}: it is one of ${choices.join(', ')}`);
}

export const flag = {
  text: (help: string, options?: Options) => single(help, 'string', (text) => text)(options),
  path: (help: string, options?: Options) => single(help, 'path', (text) => text)(options),
  /** Whole numbers, negative ones too. */
  integer: (help: string, options?: Options) => single(help, 'int', toInteger)(options),
  /** In seconds. */
  duration: (help: string, options?: Options) => single(help, 'duration', toSeconds)(options),
  boolean: (help: string, { aliases = [] }: Options = {}): Flag<boolean | undefined> => ({
    help,
    aliases,
    parse: (texts, name) => (texts.length === 0 ? undefined : toBoolean(texts.at(-1) ?? '', name)),
  }),
  /** May be given several times; commas separate too. */
  list: (help: string, { aliases = [], value = 'string' }: Options = {}): Flag<readonly string[]> => ({
    help: `${help} May be given several times.`,
    value,
    aliases,
    parse: (texts) => texts.flatMap((text) => text.split(',')).filter((text) => text !== ''),
  }),
  /** May be given several times; an item keeps its commas. */
  items: (help: string, { aliases = [], value = 'string' }: Options = {}): Flag<readonly string[]> => ({
    help: `${help} May be given several times.`,
    value,
    aliases,
    parse: (texts) => texts,
  }),
  map: (help: string, { aliases = [], value = 'key=value' }: Options = {}): Flag<Readonly<Record<string, string>>> => ({
    help: `${help} May be given several times.`,
    value,
    aliases,
    parse: (texts, name) => Object.fromEntries(texts.map((text) => toPair(text, name))),
  }),
};

function toInteger(text: string, name: string): number {
  const number = /^[+-]?[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw new UsageError(`invalid value for flag -${name}: not a whole number`);
  return number;
}

function toSeconds(text: string, name: string): number {
  try {
    return durationSeconds(text, `the value of flag -${name}`, { negative: true });
  } catch (error) {
    if (isLockstepError(error)) throw new UsageError(error.message);
    throw error;
  }
}

function toBoolean(text: string, name: string): boolean {
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw new UsageError(`invalid value for flag -${name}: it is true or false`);
}

function toPair(text: string, name: string): [string, string] {
  const at = text.indexOf('=');
  if (at <= 0) throw new UsageError(`invalid value for flag -${name}: it is key=value`);
  return [text.slice(0, at), text.slice(at + 1)];
}

export interface Parsed {
  readonly values: Readonly<Record<string, unknown>>;
  readonly args: readonly string[];
  /** `-h`, `-help`: nothing else counts then. */
  readonly help: boolean;
}

/**
 * Reads flags (`-flag`, `--flag`, `-flag=value`, `-flag value`) before, between and after the arguments. `-` alone is an
 * argument; `--` ends the flags. Throws UsageError, which names an unknown flag and what was probably meant.
 */
export function parseArguments(argv: readonly string[], flags: Flags): Parsed {
  const texts = new Map<string, string[]>();
  const args: string[] = [];
  let help = false;
  for (const { flag: name, text } of wordsOf(argv, flags)) {
    if (name === undefined) args.push(text);
    else if (name === 'help') help = true;
    else texts.set(name, [...(texts.get(name) ?? []), text]);
  }
  const values: Record<string, unknown> = {};
  for (const [name, it] of Object.entries(help ? {} : flags)) values[name] = it.parse(texts.get(name) ?? [], name);
  return { values, args, help };
}

interface Word {
  /** The flag that `text` is for; absent for an argument. */
  readonly flag?: string;
  readonly text: string;
}

function* wordsOf(argv: readonly string[], flags: Flags): Generator<Word> {
  const names = flagNames(flags);
  const rest = argv[Symbol.iterator]();
  for (const word of rest) {
    if (word === '--') break;
    const said = readFlag(word);
    if (said === undefined) {
      yield { text: word };
      continue;
    }
    const flag = names.get(said.name);
    if (flag === undefined) throw new UsageError(unknownFlag(said.name, names));
    const text = said.text ?? (flags[flag]?.value === undefined ? 'true' : rest.next().value);
    if (text === undefined) throw new UsageError(`flag needs an argument: -${said.name}`);
    yield { flag, text };
  }
  for (const text of rest) yield { text };
}

/** `-name`, `--name`, each with `=text` or without; undefined for an argument, as `-` is one. */
function readFlag(word: string): { readonly name: string; readonly text: string | undefined } | undefined {
  const match = /^--?([^-=][^=]*)(?:=([\s\S]*))?$/.exec(word);
  return match === null ? undefined : { name: match[1] ?? '', text: match[2] };
}

/** Every spelling of every flag, aliases included, and the flag that it means. */
export function flagNames(flags: Flags): ReadonlyMap<string, string> {
  const names = new Map([
    ['h', 'help'],
    ['help', 'help'],
  ]);
  for (const [name, { aliases }] of Object.entries(flags)) for (const one of [name, ...aliases]) names.set(one, name);
  return names;
}

function unknownFlag(given: string, names: ReadonlyMap<string, string>): string {
  const meant = didYouMean(given, names.keys()).replace(/`([^`]*)`/, '-$1');
  return `flag provided but not defined: -${given}${meant}`;
}
