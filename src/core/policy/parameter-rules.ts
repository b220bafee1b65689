/** `allowed_parameters` and `denied_parameters` of a policy document. */
import { blocksOf, HclError, isBody, type Body, type Position, type Value } from '../../lib/hcl/index.ts';
import type { ParameterRules, ParameterValue } from './rule.ts';

/** Undefined when the document does not say. Throws HclError for a name set twice and for what is not a list. */
export function parameterRules(body: Body, key: string): ParameterRules | undefined {
  const [map, second] = blocksOf(body, key);
  if (map === undefined) return undefined;
  if (second !== undefined) throw new HclError(second.position, `${key} is set twice`);
  const rules = new Map<string, ParameterValue[]>();
  const add = (written: string, position: Position): ParameterValue[] => {
    const name = written.toLowerCase();
    if (rules.has(name)) throw new HclError(position, `${key}: a parameter is set twice (names have no case)`);
    const values: ParameterValue[] = [];
    rules.set(name, values);
    return values;
  };
  for (const [name, { value, position }] of map.body.attributes) {
    if (!Array.isArray(value)) throw new HclError(position, `${key}: a parameter needs a list of values`);
    add(name, position).push(...value.map(plain));
  }
  // A list of nothing but objects is parsed to one block an object.
  for (const [type, blocks] of Map.groupBy(map.body.blocks, (block) => block.type)) {
    const [first] = blocks;
    if (first !== undefined) add(type, first.position).push(...blocks.map((block) => plain(block.body)));
  }
  return rules;
}

function plain(value: Value): ParameterValue {
  if (typeof value !== 'object') return value;
  if (!isBody(value)) return value.map(plain);
  const entries: [string, ParameterValue][] = [...value.attributes].map(([name, attribute]) => [
    name,
    plain(attribute.value),
  ]);
  // One block is an object; several of a name were a list of objects.
  for (const [type, blocks] of Map.groupBy(value.blocks, (block) => block.type)) {
    const objects = blocks.map((block) => plain(block.body));
    entries.push([type, objects.length === 1 ? (objects[0] ?? null) : objects]);
  }
  return Object.fromEntries(entries);
}
