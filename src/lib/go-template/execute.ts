import { type Context, Evaluator } from './evaluate.ts';
import { quote } from './quote.ts';
import { sprintValue } from './print.ts';
import { element, type Reflected } from './reflected.ts';
import { BoundError, type Reason } from './template-error.ts';
import type { Branch, Call, List, Node } from './tree.ts';
import { elementsOf, GoBytes, GoList, GoMap, integerOf, isTrue, SizedInt, typeOf, type Value } from './value.ts';

/** What a loop is told by its body. */
type Leaving = 'break' | 'continue' | undefined;

/** Renders one template of a text, by default the text's own; gives its output as bytes. */
export function execute(
  context: Context,
  templates: ReadonlyMap<string, List>,
  data: Value,
  name: string = context.name,
): string {
  const output: string[] = [];
  const dot = data ?? undefined;
  const walker = new Walker({ context, templates, output }, { name, depth: 0, dot });
  const root = templates.get(name);
  if (root === undefined || (root.nodes.length === 0 && root.at < 0)) {
    throw walker.error(`${quote(name)} is an incomplete or empty template`, 'template');
  }
  walker.run(dot, root);
  return output.join('');
}

interface Shared {
  readonly context: Context;
  readonly templates: ReadonlyMap<string, List>;
  readonly output: string[];
}

class Walker {
  readonly #shared: Shared;
  readonly #evaluator: Evaluator;
  readonly #depth: number;

  constructor(shared: Shared, { name, depth, dot }: { name: string; depth: number; dot: Reflected }) {
    this.#shared = shared;
    this.#depth = depth;
    this.#evaluator = new Evaluator(shared.context, name, dot);
  }

  error(text: string, reason: Reason): Error {
    return this.#evaluator.error(text, reason);
  }

  /** A bound that is reached is told with the place where it was. */
  run(dot: Reflected, list: List): void {
    try {
      this.#walk(dot, list);
    } catch (error) {
      if (error instanceof BoundError) throw this.error(error.message, 'bound');
      // The stack, or the longest of texts, lists and numbers: what of them a meter did not foresee.
      if (error instanceof RangeError) {
        const what = error.message.includes('call stack') ? 'depth' : 'size';
        throw this.error(`exceeded the ${what} that can be evaluated`, 'bound');
      }
      throw error;
    }
  }

  #write(text: string): void {
    this.#shared.context.meter.write(text.length);
    this.#shared.output.push(text);
  }

  #walk(dot: Reflected, node: Node): Leaving {
    this.#shared.context.meter.step();
    this.#evaluator.at(node);
    switch (node.kind) {
      case 'list':
        return this.#list(dot, node);
      case 'text':
        this.#write(node.text);
        return undefined;
      case 'action': {
        const value = this.#evaluator.pipeline(dot, node.pipe);
        if (node.pipe.declared.length > 0) return undefined;
        this.#evaluator.at(node);
        this.#write(value === undefined ? '<no value>' : sprintValue(value, this.#shared.context.meter));
        return undefined;
      }
      case 'if':
      case 'with':
        return this.#scoped(() => this.#ifOrWith(dot, node));
      case 'range':
        return this.#scoped(() => this.#range(dot, node));
      case 'template':
        this.#call(dot, node);
        return undefined;
      default:
        return node.kind;
    }
  }

  #list(dot: Reflected, { nodes }: List): Leaving {
    for (const node of nodes) {
      const leaving = this.#walk(dot, node);
      if (leaving !== undefined) return leaving;
    }
    return undefined;
  }

  /** Variables that are declared within end with it. */
  #scoped(walk: () => Leaving): Leaving {
    const { variables } = this.#evaluator;
    const mark = variables.length;
    const leaving = walk();
    variables.length = mark;
    return leaving;
  }

  #ifOrWith(dot: Reflected, node: Branch): Leaving {
    const value = this.#evaluator.pipeline(dot, node.pipe);
    if (value !== undefined && isTrue(value)) return this.#walk(node.kind === 'with' ? value : dot, node.list);
    return node.elseList === undefined ? undefined : this.#walk(dot, node.elseList);
  }

  #range(dot: Reflected, node: Branch): Leaving {
    const value = this.#evaluator.pipeline(dot, node.pipe);
    let rounds = 0;
    for (const [index, item] of this.#rounds(value, node)) {
      rounds++;
      this.#declare(node, index, item);
      if (this.#scoped(() => this.#walk(item, node.list)) === 'break') break;
    }
    return rounds > 0 || node.elseList === undefined ? undefined : this.#walk(dot, node.elseList);
  }

  *#rounds(value: Value | undefined, node: Branch): Generator<readonly [Reflected, Reflected]> {
    if (value === undefined) return;
    const count = integerOf(value);
    if (count !== undefined) {
      if (node.pipe.declared.length > 1) {
        throw this.error(`can't use ${count} to iterate over more than one variable`, 'type');
      }
      yield* integers(value, count);
    } else if (value instanceof GoList || value instanceof GoBytes) {
      const type = value instanceof GoList ? value.element : 'uint8';
      if (value instanceof GoBytes) this.#shared.context.meter.step(value.bytes.length);
      for (const [place, item] of (elementsOf(value) ?? []).entries()) yield [BigInt(place), element(item, type)];
    } else if (value instanceof GoMap) {
      // They are sorted, however few rounds there are.
      this.#shared.context.meter.step(value.entries.size);
      for (const [key, item] of value.sorted()) yield [key, element(item, value.element)];
    } else {
      // Go shows the value: it could be a secret.
      throw this.error(`range can't iterate over a value of type ${typeOf(value)}`, 'type');
    }
  }

  #declare({ pipe }: Branch, index: Reflected, item: Reflected): void {
    const [first, second] = pipe.declared;
    if (first === undefined) return;
    const { variables } = this.#evaluator;
    if (pipe.isAssign) {
      this.#evaluator.setVariable(first.ident[0], second === undefined ? item : index);
      if (second !== undefined) this.#evaluator.setVariable(second.ident[0], item);
      return;
    }
    const last = variables.at(-1);
    if (last !== undefined) last.value = item;
    const before = second === undefined ? undefined : variables.at(-2);
    if (before !== undefined) before.value = index;
  }

  #call(dot: Reflected, node: Call): void {
    const list = this.#shared.templates.get(node.name);
    if (list === undefined) throw this.error(`template ${quote(node.name)} not defined`, 'template');
    const { meter } = this.#shared.context;
    if (this.#depth >= meter.depth) {
      throw this.error(`exceeded maximum template depth (${meter.depth})`, 'bound');
    }
    const inner = node.pipe === undefined ? undefined : this.#evaluator.pipeline(dot, node.pipe);
    const place = { name: node.name, depth: this.#depth + 1, dot: inner };
    new Walker(this.#shared, place).run(inner, list);
  }
}

function* integers(value: Value, count: bigint): Generator<readonly [Reflected, Reflected]> {
  for (let next = 0n; next < count; next++) {
    yield [undefined, value instanceof SizedInt ? new SizedInt(value.type, next) : next];
  }
}
