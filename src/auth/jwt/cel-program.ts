/** The program of a CEL role: compiled when it is written, and once more where it is used. */
import { fail } from '../../errors.ts';
import { CelFailed, CelRefused, compileCel, type CelEnvironment, type CelResult } from '../../lib/cel/program.ts';
import type { Claims } from '../../lib/jwt/claims.ts';
import { AUTH, honouredMessages, type ProgramAuth } from './cel-auth.ts';
import { noLogin } from './cel-name.ts';

export interface Program {
  readonly expression: string;
  /** Evaluated in this order, each seeing those before it. */
  readonly variables: readonly { readonly name: string; readonly expression: string }[];
}

export type Answer =
  | { readonly kind: 'auth'; readonly auth: ProgramAuth }
  /** A text: why nobody logs in. */
  | { readonly kind: 'refusal'; readonly text: string }
  | { readonly kind: 'false' }
  | { readonly kind: 'other'; readonly type: string };

export interface Asked {
  readonly claims: Claims;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface Runnable {
  /** `name` is that of the role. Throws `invalidCredentials` for a program that comes to no end. */
  readonly run: (name: string, asked: Asked) => Answer;
}

const ENVIRONMENT: CelEnvironment = { variables: ['claims', 'now', 'operation'], messages: honouredMessages };

/** What a login is, as upstream says it. */
const OPERATION = 'update';

function answerOf(result: CelResult): Answer {
  if (result.type === 'string') return { kind: 'refusal', text: result.value };
  if (result.type === 'bool' && !result.value) return { kind: 'false' };
  if (result.type !== 'message') return { kind: 'other', type: result.type };
  // The message was made after the declaration beside that type.
  return result.name === AUTH
    ? { kind: 'auth', auth: result.value as unknown as ProgramAuth }
    : { kind: 'other', type: result.name };
}

const OVER_BUDGET = 'is over its budget: it does too much with these claims';
const FAILED = 'could not be evaluated';

/** What `error` keeps from whoever logs in; undefined where no program failed. For who has given the claims: it can quote them. */
export function failureOf(error: unknown): string | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  if (!(cause instanceof CelFailed)) return undefined;
  return cause.kind === 'budget' ? OVER_BUDGET : `${FAILED}: ${cause.message}`;
}

function evaluated(name: string, evaluate: () => CelResult): CelResult {
  try {
    return evaluate();
  } catch (error) {
    if (!(error instanceof CelFailed)) throw error;
    // Its own words can be made of claims: they are the cause, which no client and no audit is told.
    const why = error.kind === 'budget' ? OVER_BUDGET : FAILED;
    throw noLogin(name, `${why}; ask "policy test" with claims of your own`, { cause: error });
  }
}

/** Throws `badRequest`, with the place. */
export function checkProgram(program: Program): Runnable {
  try {
    const made = compileCel(program, ENVIRONMENT);
    return {
      run: (name, { claims, now }) => {
        const values = { claims, now: new Date(now), operation: OPERATION };
        return answerOf(evaluated(name, () => made.evaluate(values)));
      },
    };
  } catch (error) {
    if (!(error instanceof CelRefused)) throw error;
    throw fail('badRequest', `cel_program: ${error.message}`);
  }
}

/** One that was taken, and is taken no more, logs nobody in; the other roles of its mount go on. */
function compiled(program: Program): Runnable {
  try {
    return checkProgram(program);
  } catch {
    return {
      run: (name) => {
        throw noLogin(name, 'has a program that is refused: write the role again');
      },
    };
  }
}

/** Characters of the programs that stay compiled on a thread, of all mounts; each takes some forty times as much memory. */
const KEPT = 512 * 1024;

/**
 * Programs by their text, those that ran last. Compiled when they are first run, not when a role is read: that takes up to
 * 140 ms, which nobody is given who has no token of the issuer.
 */
export class KeptPrograms {
  readonly #kept = new Map<string, Runnable>();
  readonly #most: number;
  #characters = 0;

  constructor(most: number = KEPT) {
    this.#most = most;
  }

  /** Of what is kept now. */
  get characters(): number {
    return this.#characters;
  }

  #compiled(program: Program): Runnable {
    const { expression, variables } = program;
    const key = JSON.stringify([expression, variables.map((each) => [each.name, each.expression])]);
    const known = this.#kept.get(key);
    const runnable = known ?? compiled(program);
    this.#kept.delete(key);
    this.#kept.set(key, runnable);
    if (known === undefined) this.#characters += key.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#characters <= this.#most || oldest === key) break;
      this.#kept.delete(oldest);
      this.#characters -= oldest.length;
    }
    return runnable;
  }

  of(program: Program): Runnable {
    return { run: (name, asked) => this.#compiled(program).run(name, asked) };
  }
}

export const programs = new KeptPrograms();
