/** What was asked and answered so far, by block and name, as sources see it. */
import type { ProfileBudget } from './budget.ts';

type Fields = Readonly<Record<string, unknown>>;
type Table = Record<string, Record<string, Fields | null>>;

/** Names are members like any other: without a prototype nothing is there that was not put there. */
const table = <T>(): Record<string, T> => Object.create(null) as Record<string, T>;

export class History {
  readonly #budget: ProfileBudget;
  readonly #requests: Table = table();
  readonly #responses: Table = table();
  #size = 0;

  constructor(budget: ProfileBudget) {
    this.#budget = budget;
  }

  /** How much a program that is given all of it has to read. */
  get size(): number {
    return this.#size;
  }

  get requests(): Readonly<Table> {
    return this.#requests;
  }

  get responses(): Readonly<Table> {
    return this.#responses;
  }

  asked(block: string, name: string, request: Fields): void {
    this.#keep(this.#requests, [block, name], request);
  }

  /** `null`: it was served, and there was nothing to say. */
  answered(block: string, name: string, response: Fields | null): void {
    this.#keep(this.#responses, [block, name], response);
  }

  #keep(into: Table, [block, name]: readonly [string, string], value: Fields | null): void {
    this.#size += this.#budget.keep(value);
    (into[block] ??= table())[name] = value;
  }

  /**
   * undefined where there is no such request or field: who asks knows which of its names are its own, and which were worked
   * out of values. An empty selector is all of it.
   */
  select(kind: 'request' | 'response', [block, name]: readonly [string, string], selector: Selector): unknown {
    const of = kind === 'request' ? this.#requests : this.#responses;
    let value: unknown = of[block]?.[name];
    for (const step of selector) value = stepped(value, step);
    return value;
  }
}

/** Names lead into maps, numbers into lists. */
export type Selector = readonly (string | number)[];

function stepped(value: unknown, step: string | number): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) return typeof step === 'number' ? (value as readonly unknown[])[step] : undefined;
  return typeof step === 'string' && Object.hasOwn(value, step) ? (value as Fields)[step] : undefined;
}

/** undefined for what is none. */
export function selectorOf(value: unknown): Selector | undefined {
  const steps: readonly unknown[] = Array.isArray(value) ? value : [value];
  return steps.every((each) => typeof each === 'string' || Number.isSafeInteger(each))
    ? (steps as Selector)
    : undefined;
}
