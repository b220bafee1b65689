import type { Context } from './context.ts';
import type { Flags, ValuesOf } from './flags.ts';

export interface Example {
  readonly note: string;
  /** What follows `lockstep `. */
  readonly line: string;
}

export interface Arguments {
  /** As help shows them: `PATH [K=V...]`. */
  readonly usage: string;
  readonly least: number;
  readonly most: number;
}

interface Declaration<F extends Flags, V> {
  readonly summary: string;
  /** What the summary does not say; absent when it says all. */
  readonly description?: string;
  readonly args?: Arguments;
  readonly flags?: F;
  /** Which of the output flags it takes: none, `-format`, or `-format` and `-field`. Default none. */
  readonly output?: 'none' | 'format' | 'field';
  /** Whether `-format=raw` prints the reply as it came. Default no. */
  readonly raw?: boolean;
  /** It talks to no server, so it takes no connection flags. */
  readonly local?: boolean;
  readonly examples?: readonly Example[];
  /** The exit code for a wrong command line; default 1. */
  readonly usageCode?: number;
  /** Resolves with the exit code; nothing means 0. */
  readonly run: (context: Context, given: { readonly values: V; readonly args: readonly string[] }) => Outcome;
}
export type Outcome = Promise<number | void>;

/** One declaration a command gives parsing, help, completion and docs. The types of its flags are erased here. */
export interface Command extends Declaration<Flags, never> {
  readonly kind: 'command';
}

export interface Group {
  readonly kind: 'group';
  readonly summary: string;
  readonly description?: string;
  readonly examples?: readonly Example[];
  readonly commands: Readonly<Record<string, Node>>;
}

export type Node = Command | Group;

/** A command whose `run` receives its flags typed. */
export function command<const F extends Flags>(declaration: Declaration<F, ValuesOf<F>>): Command {
  return { kind: 'command', ...declaration };
}

export function group(declaration: Omit<Group, 'kind'>): Group {
  return { kind: 'group', ...declaration };
}

/** The number of arguments, as Vault says it: `1`, `1-2`, `at least 1`. */
export function countOf({ least, most }: Arguments): string {
  if (least === most) return String(least);
  return most === Number.POSITIVE_INFINITY ? `at least ${least}` : `${least}-${most}`;
}
