import { HclError, isBody, type Attribute, type Block, type Body, type Position, type Value } from './ast.ts';

/** Collects what stands between braces; both syntaxes use it, so that both give the same tree. */
export class BodyBuilder {
  readonly #attributes = new Map<string, Attribute>();
  readonly #blocks: Block[] = [];
  readonly #position: Position;

  constructor(position: Position) {
    this.#position = position;
  }

  /** `name = value`. An object, and a list of nothing but objects, become blocks. Throws HclError for a second value. */
  assign(name: string, value: Value, position: Position): void {
    const bodies = bodiesIn(value);
    if (bodies !== undefined) {
      const listed = Array.isArray(value) ? { listed: true as const } : {};
      for (const body of bodies) this.#blocks.push({ type: name, labels: [], body, position, ...listed });
      return;
    }
    const first = this.#attributes.get(name);
    if (first !== undefined) {
      throw new HclError(position, `${name} is set twice (first on line ${first.position.line})`);
    }
    this.#attributes.set(name, { value, position });
  }

  block(block: Block): void {
    this.#blocks.push(block);
  }

  build(): Body {
    return { attributes: this.#attributes, blocks: this.#blocks, position: this.#position };
  }
}

function bodiesIn(value: Value): readonly Body[] | undefined {
  if (typeof value !== 'object') return undefined;
  if (isBody(value)) return [value];
  return value.length > 0 && value.every(isBody) ? value : undefined;
}
