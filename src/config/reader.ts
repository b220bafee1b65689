/** Reads documents by a schema. Collects every problem before it fails, so that one start shows them all. */
import { fail } from '../errors.ts';
import { blocksOf, formatPosition, HclError, labelled, type Block, type Body, type Position } from '../lib/hcl/ast.ts';
import type { Value } from '../lib/hcl/ast.ts';
import { freeValue } from '../lib/hcl/free.ts';
import { didYouMean } from '../lib/suggest.ts';
import {
  Mismatch,
  type Check,
  type Key,
  type Keys,
  type Named,
  type Read,
  type Section,
  type Typed,
  type Variants,
} from './schema.ts';

/** A value from the environment or the command line, and what errors call that place. */
export interface Given {
  readonly raw: Value;
  readonly place: string;
}
export type Overlay = (name: string, key: Key<unknown>) => Given | undefined;

type Loose = Record<string, unknown>;
const nothing: Overlay = () => undefined;

export class Reader {
  readonly problems: string[] = [];
  readonly warnings: string[] = [];

  /** The values of `bodies` together: a later one wins, and repeated blocks are appended. */
  read<S extends Keys>(bodies: readonly Body[], keys: S, overlay: Overlay = nothing): Read<S> {
    for (const body of bodies) this.#judgeNames(body, keys);
    const values: Loose = {};
    for (const [name, member] of Object.entries(keys)) {
      const names = [name, ...aliasesOf(name, keys)];
      switch (member.role) {
        case 'key':
          values[name] = this.#key(bodies, names, member, overlay(name, member));
          break;
        case 'section':
          values[name] = this.#section(bodies, names, member, overlay);
          break;
        case 'typed':
          values[name] = this.#typed(bodies, names, member);
          break;
        case 'named':
          values[name] = this.#named(bodies, names, member);
          break;
        case 'map':
          values[name] = this.#map(bodies, names);
          break;
        case 'free':
          values[name] = freeValue(bodies.at(-1), names);
          break;
        default:
      }
    }
    return values as Read<S>;
  }

  problem(place: Position | string, text: string): void {
    this.problems.push(`${placeOf(place)}: ${text}`);
  }

  warn(place: Position | string, text: string): void {
    this.warnings.push(`${placeOf(place)}: ${text}`);
  }

  /** Throws `invalidConfig` with every problem, a line each, if there was one. */
  finish(): void {
    if (this.problems.length > 0) throw this.failure();
  }

  /** For callers that cannot go on: `invalidConfig` with every problem so far. */
  failure(): Error {
    return fail('invalidConfig', this.problems.join('\n'));
  }

  #judgeNames(body: Body, keys: Keys): void {
    const named = new Map<string, Position>();
    for (const [name, { position }] of body.attributes) named.set(name, position);
    for (const { type, position } of body.blocks) named.set(type, named.get(type) ?? position);
    for (const [name, position] of named) {
      const member = Object.hasOwn(keys, name) ? keys[name] : undefined;
      if (member === undefined) this.problem(position, `unknown key \`${name}\`${didYouMean(name, Object.keys(keys))}`);
      else if (member.role === 'ignored') this.warn(position, `\`${name}\` is ignored: ${member.why}`);
      else if (member.role === 'refused') this.problem(position, `\`${name}\` is not offered: ${member.why}`);
      else if (member.role === 'alias' && named.has(member.of)) {
        this.problem(position, `\`${name}\` and \`${member.of}\` are the same: give one of them`);
      }
    }
  }

  #key(bodies: readonly Body[], names: readonly string[], key: Key<unknown>, given: Given | undefined): unknown {
    const [name = ''] = names;
    const block = bodies.flatMap(({ blocks }) => blocks).find(({ type }) => names.includes(type));
    if (block !== undefined) this.problem(block.position, `\`${block.type}\` must be ${key.type}, not a block`);
    const attribute = bodies.flatMap((body) => names.flatMap((known) => body.attributes.get(known) ?? [])).at(-1);
    if (given !== undefined) return this.#parse(given.place, name, key, given.raw);
    if (attribute !== undefined) return this.#parse(attribute.position, name, key, attribute.value);
    if (key.required && block === undefined)
      this.problem(bodies.at(-1)?.position ?? 'configuration', `\`${name}\` is missing: ${key.help}`);
    return key.fallback;
  }

  #parse(place: Position | string, name: string, key: Key<unknown>, raw: Value): unknown {
    const warning = key.warn?.(raw);
    if (warning !== undefined) this.warn(place, `\`${name}\` is ${warning}`);
    try {
      return key.parse(raw);
    } catch (error) {
      if (!(error instanceof Mismatch)) throw error;
      this.problem(place, `\`${name}\` must be ${error.message}`);
      return key.fallback;
    }
  }

  #section(
    bodies: readonly Body[],
    names: readonly string[],
    member: Section<Keys, boolean>,
    overlay: Overlay,
  ): unknown {
    const block = this.#last(bodies.map((body) => this.#blocks(body, names, 0)));
    if (block !== undefined) return this.#checked(block, member, () => this.read([block.body], member.keys, overlay));
    return member.always ? this.read([], member.keys, overlay) : undefined;
  }

  /** Judges the values of a block together, unless one of them is wrong already. */
  #checked<T>(block: Block, { check }: { readonly check?: Check<never> }, read: () => T): T {
    const before = this.problems.length;
    const value = read();
    // The schema's makers tie a check to the values of its own keys.
    const judge = check as Check<T> | undefined;
    const problem = this.problems.length === before ? judge?.(value) : undefined;
    if (problem !== undefined) this.problem(block.position, `${shownBlock(block)}: ${problem}`);
    return value;
  }

  #typed(bodies: readonly Body[], names: readonly string[], member: Typed<Variants, boolean>): unknown {
    const { variants, many } = member;
    const found = bodies.map((body) => this.#blocks(body, names, 1));
    const chosen = many ? found.flat() : [this.#last(found)].flatMap((block) => block ?? []);
    const values = chosen.flatMap((block) => {
      const [label = ''] = block.labels;
      const type = label.toLowerCase();
      const keys = Object.hasOwn(variants, type) ? variants[type] : undefined;
      if (keys === undefined) {
        const known = Object.keys(variants);
        const text = `unknown ${block.type} \`${label}\`${didYouMean(label, known)} (known: ${known.join(', ')})`;
        this.problem(block.position, text);
        return [];
      }
      return this.#checked(block, member, () => ({ type, ...this.read([block.body], keys) }));
    });
    return many ? values : values[0];
  }

  #named(bodies: readonly Body[], names: readonly string[], member: Named<string, Keys, boolean>): unknown {
    const found = bodies.map((body) => this.#blocks(body, names, member.labels.length));
    const chosen = member.many ? found.flat() : [this.#last(found)].flatMap((block) => block ?? []);
    const seen = new Map<string, Position>();
    const values = chosen.map((block) => {
      const identity = JSON.stringify(block.labels);
      const first = seen.get(identity);
      // Blocks without labels have no names that could be the same.
      if (first !== undefined && block.labels.length > 0) {
        this.problem(block.position, `${shownBlock(block)} is given twice (first at ${formatPosition(first)})`);
      }
      seen.set(identity, block.position);
      const labels: Loose = {};
      for (const [index, label] of member.labels.entries()) labels[label] = block.labels[index];
      return this.#checked(block, member, () => ({ ...labels, ...this.read([block.body], member.keys) }));
    });
    return member.many ? values : values[0];
  }

  #map(bodies: readonly Body[], names: readonly string[]): Readonly<Record<string, string>> {
    const block = this.#last(bodies.map((body) => this.#blocks(body, names, 0)));
    const entries: [string, string][] = [];
    for (const [name, { value, position }] of block?.body.attributes ?? []) {
      if (typeof value === 'object') this.problem(position, `\`${name}\` must be a string, a number, true or false`);
      else entries.push([name, String(value)]);
    }
    for (const { type, position } of block?.body.blocks ?? []) {
      this.problem(position, `\`${type}\` must be a string, a number, true or false`);
    }
    return Object.fromEntries(entries);
  }

  /** Blocks with `labels` labels; the single label of a typed block can also stand inside, as `type = "…"`. */
  #blocks(body: Body, names: readonly string[], labels: number): readonly Block[] {
    try {
      for (const name of names) if (body.attributes.has(name)) return blocksOf(body, name, labels);
      return body.blocks
        .filter(({ type }) => names.includes(type))
        .flatMap((block) => (labels === 1 && block.labels.length === 0 ? [withTypeAsLabel(block)] : [block]))
        .flatMap((block) => labelled(block, labels));
    } catch (error) {
      if (!(error instanceof HclError)) throw error;
      this.problems.push(error.message);
      return [];
    }
  }

  /** Of blocks that may occur once in each file, the last file's. */
  #last(found: readonly (readonly Block[])[]): Block | undefined {
    for (const [first, second] of found) {
      if (first !== undefined && second !== undefined) {
        this.problem(second.position, `\`${second.type}\` is given twice (first at ${formatPosition(first.position)})`);
      }
    }
    return found.flat().at(-1);
  }
}

function aliasesOf(name: string, keys: Keys): readonly string[] {
  return Object.entries(keys).flatMap(([other, member]) =>
    member.role === 'alias' && member.of === name ? [other] : [],
  );
}

function withTypeAsLabel(block: Block): Block {
  const type = block.body.attributes.get('type')?.value;
  if (typeof type !== 'string') return block;
  const attributes = new Map(block.body.attributes);
  attributes.delete('type');
  return { ...block, labels: [type], body: { ...block.body, attributes } };
}

function shownBlock(block: Block): string {
  return [block.type, ...block.labels.map((label) => JSON.stringify(label))].join(' ');
}

function placeOf(place: Position | string): string {
  return typeof place === 'string' ? place : formatPosition(place);
}
