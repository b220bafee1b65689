/** One rendering of a template: what it asked for, and what it wants to be written beside its output. */
import { Scratch } from '../../lib/go-template/consul-template/scratch.ts';
import { FunctionError } from '../../lib/go-template/template-error.ts';
import type { Placement } from '../place.ts';
import { keyOf, type Found, type Question } from '../source.ts';
import type { Lookup } from '../target.ts';
import { Mounts } from './mounts.ts';

export interface Write {
  readonly placement: Placement;
  /** As the engine has them: one byte a character. */
  readonly bytes: string;
}

export class Pass {
  readonly needs = new Map<string, Question>();
  readonly scratch = new Scratch();
  readonly #lookup: Lookup;
  readonly #mounts: Mounts;
  readonly #writes = new Map<string, Write>();
  #lacks = false;

  constructor(lookup: Lookup, namespace: string) {
    this.#lookup = lookup;
    this.#mounts = new Mounts(lookup, namespace);
  }

  /** Something that it asked for is not known, or not there: what was rendered says nothing. */
  get lacks(): boolean {
    return this.#lacks;
  }

  /** All texts that it was given: what it says of itself must not repeat them. */
  get texts(): readonly string[] {
    return [...this.needs.keys()].flatMap((key) => {
      const found = this.#lookup(key);
      return typeof found === 'object' && !key.startsWith('sys/') ? textsIn(found.data) : [];
    });
  }

  get writes(): readonly Write[] {
    return [...this.#writes.values()];
  }

  resolve(path: string, folder: 'data' | 'metadata'): string | undefined {
    const resolved = this.#mounts.resolve(path, folder, (question) => this.needs.set(keyOf(question), question));
    if (resolved === undefined) this.#lacks = true;
    return resolved;
  }

  /** Whether it lies in KV version 2, as far as `resolve` has found out. */
  isVersioned(path: string): boolean {
    return this.#mounts.isVersioned(path);
  }

  ask(question: Question): Found | 'absent' | undefined {
    const key = keyOf(question);
    this.needs.set(key, question);
    const found = this.#lookup(key);
    // A folder that is not there has no entries; a secret that is not there is waited for.
    if (found === undefined || (found === 'absent' && question.kind !== 'list')) this.#lacks = true;
    return found;
  }

  /** `append` adds to what the same rendering wrote before: so the file does not grow from one to the next. */
  write(placement: Placement, { bytes, append }: { readonly bytes: string; readonly append: boolean }): void {
    const before = this.#writes.get(placement.path);
    if (append && before === undefined) {
      throw new FunctionError(`writeToFile: nothing was written to '${placement.path}' before: leave out append`);
    }
    this.#writes.set(placement.path, { placement, bytes: (append ? (before?.bytes ?? '') : '') + bytes });
  }
}

function textsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'number') return [String(value)];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}
