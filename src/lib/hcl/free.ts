/** Parts of a document that the program only hands on, as JSON would have them. */
import { isBody, type Block, type Body, type Value } from './ast.ts';

/** What a document can hold: HCL has no null. */
export type Json = string | number | boolean | readonly Json[] | { readonly [name: string]: Json };

/** The attribute or the blocks of one name; undefined where there is neither. */
export function freeValue(body: Body | undefined, names: readonly string[]): Json | undefined {
  const attribute = names.flatMap((name) => body?.attributes.get(name) ?? []).at(-1);
  if (attribute !== undefined) return jsonOf(attribute.value);
  const blocks = body?.blocks.filter(({ type }) => names.includes(type)) ?? [];
  return blocks.length === 0 ? undefined : ofBlocks(blocks);
}

function jsonOf(value: Value): Json {
  if (typeof value !== 'object') return value;
  return isBody(value) ? ofBody(value) : value.map(jsonOf);
}

function ofBody({ attributes, blocks }: Body): Json {
  const types = [...new Set(blocks.map(({ type }) => type))];
  return Object.fromEntries([
    ...[...attributes].map(([name, { value }]) => [name, jsonOf(value)] as const),
    ...types.map((name) => [name, ofBlocks(blocks.filter(({ type }) => type === name))] as const),
  ]);
}

/** A block that is repeated is a list, as is one that stood in one. */
function ofBlocks(blocks: readonly Block[]): Json {
  const listed = blocks[0]?.listed === true;
  const [first, ...others] = blocks.map(({ labels, body }) =>
    labels.reduceRight<Json>((inner, label) => ({ [label]: inner }), ofBody(body)),
  );
  return others.length === 0 && !listed ? (first ?? {}) : [first ?? {}, ...others];
}
