import { isBody, type Body, type Value } from './ast.ts';

export type Plain = string | number | boolean | Plain[] | { [key: string]: Plain };

/** The tree as plain data for comparisons: each block type is a list of its bodies, each label one level more. */
export function plain(body: Body): { [key: string]: Plain } {
  const result: { [key: string]: Plain } = {};
  for (const [name, { value }] of body.attributes) result[name] = plainValue(value);
  for (const block of body.blocks) {
    const inner = block.labels.reduceRight<Plain>((nested, label) => ({ [label]: [nested] }), plain(block.body));
    const same = result[block.type];
    if (Array.isArray(same)) same.push(inner);
    else result[block.type] = [inner];
  }
  return result;
}

function plainValue(value: Value): Plain {
  if (typeof value !== 'object') return value;
  return isBody(value) ? plain(value) : value.map(plainValue);
}
