/** What a configuration may say: keys and blocks with their types, defaults and help. Values are typed by inference. */
import type { Json } from '../lib/hcl/free.ts';
import type { Value } from '../lib/hcl/index.ts';

/** One value. `T` holds undefined where the key may be absent without a default. */
export interface Key<T> {
  readonly role: 'key';
  /** What is expected, as an error and the reference say it: `a duration`. */
  readonly type: string;
  readonly help: string;
  readonly required: boolean;
  readonly fallback: T | undefined;
  /** The default as the reference shows it. */
  readonly shown: string | undefined;
  /** Throws Mismatch. Text from the environment and from flags comes as a string. */
  readonly parse: (raw: Value) => T;
  /** What to warn of, though the value is taken. */
  readonly warn: ((raw: Value) => string | undefined) | undefined;
  /** Read from `LOCKSTEP_<variable>` or else `VAULT_<variable>`, which win over files. */
  readonly variable: string | undefined;
  /** Can be given on the command line, which wins over everything. */
  readonly flag: boolean;
}

/** Known, without meaning here: accepted, with a warning that says why. */
export interface Ignored {
  readonly role: 'ignored';
  readonly why: string;
}

/** Known, but to leave it out silently would be wrong or unsafe: an error that says why. */
export interface Refused {
  readonly role: 'refused';
  readonly why: string;
}

/** What is wrong with the values of one block together, if anything. */
export type Check<T> = (value: T) => string | undefined;

/** A block without labels, at most once. `always`: absent is as if it were empty. */
export interface Section<S extends Keys, A extends boolean> {
  readonly role: 'section';
  readonly help: string;
  readonly keys: S;
  readonly always: A;
  readonly check?: Check<never>;
}

/** A block whose label names its type, and so its keys: `listener "tcp" { … }`, or `{ type = "tcp" … }`. */
export interface Typed<V extends Variants, M extends boolean> {
  readonly role: 'typed';
  readonly help: string;
  readonly variants: V;
  readonly many: M;
  readonly check?: Check<never>;
}

/** A block whose labels are free names: `audit "file" "main" { … }`. */
export interface Named<L extends string, S extends Keys, M extends boolean> {
  readonly role: 'named';
  readonly help: string;
  readonly labels: readonly L[];
  readonly keys: S;
  readonly many: M;
  readonly check?: Check<never>;
}

/** A block of free keys with scalar values, read as text. */
export interface TextMap {
  readonly role: 'map';
  readonly help: string;
}

/** What the program hands on as it is: a value, or a block of free keys, as JSON would have it. */
export interface Free {
  readonly role: 'free';
  readonly type: string;
  readonly help: string;
}

/** Another name for a member beside it. */
export interface Alias {
  readonly role: 'alias';
  readonly of: string;
}

export type Member =
  | Key<unknown>
  | Ignored
  | Refused
  | Alias
  | Section<Keys, boolean>
  | Typed<Variants, boolean>
  | Named<string, Keys, boolean>
  | TextMap
  | Free;
export type Keys = { readonly [name: string]: Member };
export type Variants = { readonly [type: string]: Keys };

type Several<M extends boolean, T> = M extends true ? readonly T[] : T | undefined;
export type OneOf<V extends Variants> = { [T in keyof V & string]: { readonly type: T } & Read<V[T]> }[keyof V &
  string];
type Got<M> =
  M extends Key<infer T>
    ? T
    : M extends Section<infer S, infer A>
      ? A extends true
        ? Read<S>
        : Read<S> | undefined
      : M extends Typed<infer V, infer N>
        ? Several<N, OneOf<V>>
        : M extends Named<infer L, infer S, infer N>
          ? Several<N, { readonly [K in L]: string } & Read<S>>
          : M extends TextMap
            ? Readonly<Record<string, string>>
            : M extends Free
              ? Json | undefined
              : never;

/** The values that a schema gives. */
export type Read<S extends Keys> = {
  readonly [K in keyof S as S[K] extends Ignored | Refused | Alias ? never : K]: Got<S[K]>;
};

/** A value is not what its key takes; the message completes "`key` must be …". */
export class Mismatch extends Error {
  constructor(expected: string) {
    super(expected);
    this.name = 'Mismatch';
  }
}

export const ignored = (why: string): Ignored => ({ role: 'ignored', why });
export const refused = (why: string): Refused => ({ role: 'refused', why });
export const alias = (of: string): Alias => ({ role: 'alias', of });
export const free = (type: string, help: string): Free => ({ role: 'free', type, help });
export const textMap = (help: string): TextMap => ({ role: 'map', help });

const withCheck = (check: Check<never> | undefined): { check?: Check<never> } => (check === undefined ? {} : { check });

/** Absent gives undefined. */
export function section<S extends Keys>(help: string, keys: S, check?: Check<Read<S>>): Section<S, false> {
  return { role: 'section', help, keys, always: false, ...withCheck(check) };
}

/** Absent gives the defaults of its keys. */
export function settings<S extends Keys>(help: string, keys: S, check?: Check<Read<S>>): Section<S, true> {
  return { role: 'section', help, keys, always: true, ...withCheck(check) };
}

export function one<V extends Variants>(help: string, variants: V, check?: Check<OneOf<V>>): Typed<V, false> {
  return { role: 'typed', help, variants, many: false, ...withCheck(check) };
}

export function many<V extends Variants>(help: string, variants: V, check?: Check<OneOf<V>>): Typed<V, true> {
  return { role: 'typed', help, variants, many: true, ...withCheck(check) };
}

/** `many` false: at most one such block. */
export function named<L extends string, S extends Keys, M extends boolean>(
  help: string,
  shape: {
    readonly labels: readonly L[];
    readonly keys: S;
    readonly many: M;
    readonly check?: Check<{ readonly [K in L]: string } & Read<S>>;
  },
): Named<L, S, M> {
  const { labels, keys, check } = shape;
  return { role: 'named', help, labels, keys, many: shape.many, ...withCheck(check) };
}

/** Several ignored keys with one reason. */
export function ignoredAll<N extends string>(why: string, names: readonly N[]): { readonly [K in N]: Ignored } {
  return each(names, ignored(why));
}

/** Several refused keys with one reason. */
export function refusedAll<N extends string>(why: string, names: readonly N[]): { readonly [K in N]: Refused } {
  return each(names, refused(why));
}

function each<N extends string, T>(names: readonly N[], member: T): { readonly [K in N]: T } {
  return Object.fromEntries(names.map((name) => [name, member])) as { readonly [K in N]: T };
}
