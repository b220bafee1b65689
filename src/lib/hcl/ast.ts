/** The tree of an HCL or JSON document, and what is asked of it. Nothing here knows any key. */

export interface Position {
  /** What the text was called: a file's path, or what the caller said. */
  readonly name: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
}

/** A body occurs as a value only inside a list that holds other things too; elsewhere an object is a block. */
export type Value = string | number | boolean | readonly Value[] | Body;

export interface Attribute {
  readonly value: Value;
  /** Where its name stands. */
  readonly position: Position;
}

/** `listener "tcp" { … }` has type `listener` and labels `["tcp"]`. */
export interface Block {
  readonly type: string;
  readonly labels: readonly string[];
  readonly body: Body;
  readonly position: Position;
  /** It stood in a list: `a = [{ … }]`. Matters where a document is handed on, since `a = { … }` is the same block. */
  readonly listed?: true;
}

/**
 * What stands between braces, or a whole document. As in HCL 1, `a { … }`, `a = { … }`, a list of objects and their
 * JSON forms mean the same and are all blocks. JSON has no labels: read blocks by `blocksOf`, which evens that out.
 */
export interface Body {
  readonly attributes: ReadonlyMap<string, Attribute>;
  /** In the order of the text; a type may be repeated. */
  readonly blocks: readonly Block[];
  readonly position: Position;
}

/** Text that is no HCL. The message begins with `name:line:column` and never repeats a value of the text. */
export class HclError extends Error {
  readonly position: Position;

  constructor(position: Position, problem: string) {
    super(`${formatPosition(position)}: ${problem}`);
    this.name = 'HclError';
    this.position = position;
  }
}

/** `config.hcl:3:7` */
export function formatPosition(position: Position): string {
  return `${position.name}:${position.line}:${position.column}`;
}

export function isBody(value: Value): value is Body {
  return typeof value === 'object' && 'attributes' in value;
}

/**
 * The blocks of one type, each with exactly `labels` labels, in order. `path "a" { … }`, `path { a { … } }`,
 * `{"path":{"a":{…}}}` and `{"path":[{"a":{…}}]}` all give one block with the label `a`. An empty list gives none.
 * Throws HclError where a label is missing, and where the name was given a plain value.
 */
export function blocksOf(body: Body, type: string, labels = 0): readonly Block[] {
  const attribute = body.attributes.get(type);
  if (attribute !== undefined && !(Array.isArray(attribute.value) && attribute.value.length === 0)) {
    throw new HclError(attribute.position, `${type} must be a block, ${type} { … }, not a plain value`);
  }
  return body.blocks.filter((block) => block.type === type).flatMap((block) => labelled(block, labels));
}

/** One block with exactly `wanted` labels, or the several that it stands for; see `blocksOf`. */
export function labelled(block: Block, wanted: number): readonly Block[] {
  if (block.labels.length === wanted) return [block];
  if (block.labels.length > wanted) {
    const [type, ...labels] = block.labels.slice(wanted);
    const inner: Block = { type: type ?? '', labels, body: block.body, position: block.position };
    const body: Body = { attributes: new Map(), blocks: [inner], position: block.position };
    return [{ ...block, labels: block.labels.slice(0, wanted), body }];
  }
  for (const { position } of block.body.attributes.values()) {
    const shape = `${[block.type, ...block.labels.map(() => '"…"'), '"label"'].join(' ')} { … }`;
    throw new HclError(position, `${block.type} needs a label: ${shape}`);
  }
  return block.body.blocks.flatMap((child) =>
    labelled(
      {
        type: block.type,
        labels: [...block.labels, child.type, ...child.labels],
        body: child.body,
        position: child.position,
      },
      wanted,
    ),
  );
}
