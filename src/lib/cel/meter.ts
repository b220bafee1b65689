/** What an evaluation may do, in units: counted, not timed, so that the same program with the same values ends alike. */
import { library } from './library.ts';
import type { CelValue } from '@bufbuild/cel';
import type { ReflectMessage } from '@bufbuild/protobuf/reflect';

/** Characters and bytes are read some sixteen in the time of one step of another kind. */
const CHARACTERS = 16;

/** Functions recurse through values. Values nest deeper than a source by way of variables. */
const DEEPEST = 256;

export class OverBudget extends Error {
  constructor() {
    super('the program does more than its budget allows');
  }
}

export class Meter {
  #budget = 0;
  #spent = 0;
  #over = false;

  start(budget: number): void {
    this.#budget = budget;
    this.#spent = 0;
    this.#over = false;
  }

  get spent(): number {
    return Math.ceil(this.#spent);
  }

  /** Stays: what catches the error, as `||` does, does not go on with the program. */
  get over(): boolean {
    return this.#over;
  }

  /** Throws `OverBudget`, each time once there is nothing left. */
  spend(units: number): void {
    if (this.#over || this.#spent + units > this.#budget) {
      this.#over = true;
      throw new OverBudget();
    }
    this.#spent += units;
  }

  /** Texts and bytes by their length, lists and maps by the number of their elements. */
  spendFlat(value: CelValue): void {
    const { cel } = library();
    if (typeof value === 'string' || value instanceof Uint8Array) this.spend(1 + value.length / CHARACTERS);
    else if (cel.isCelList(value) || cel.isCelMap(value)) this.spend(1 + value.size);
    else this.spend(1);
  }

  /** All that is in it, as often as it is met: a list of twenty levels with one list twice on each has a million elements. */
  spendDeep(value: CelValue, depth = 0): void {
    const { cel, reflection } = library();
    if (depth > DEEPEST) throw new RangeError('a value nests too deep');
    this.spendFlat(value);
    if (typeof value !== 'object' || value === null) return;
    if (cel.isCelList(value)) {
      for (const each of value) this.spendDeep(each, depth + 1);
    } else if (cel.isCelMap(value)) {
      for (const [key, each] of value.entries()) {
        this.spendFlat(key);
        this.spendDeep(each, depth + 1);
      }
    } else if (reflection.isReflectMessage(value)) {
      this.#spendFields(value, depth + 1);
    }
  }

  #spendFields(message: ReflectMessage, depth: number): void {
    const { cel } = library();
    for (const field of message.desc.fields) {
      if (!message.isSet(field)) this.spend(1);
      else if (field.fieldKind === 'list') this.spendDeep(cel.celList(message.get(field)), depth);
      else if (field.fieldKind === 'map') this.spendDeep(cel.celMap(message.get(field)), depth);
      else if (field.fieldKind === 'message') this.spendDeep(message.get(field), depth);
      else if (field.fieldKind === 'scalar') this.spendFlat(cel.celFromScalar(field.scalar, message.get(field)));
    }
  }

  /** What all of it comes to, which is spent as well. */
  measure(value: CelValue): number {
    const before = this.#spent;
    this.spendDeep(value);
    return this.#spent - before;
  }
}
