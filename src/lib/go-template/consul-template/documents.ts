/** JSON, YAML and TOML, read and written. */
import { parse } from 'yaml';
import { toBytes, toText } from '../bytes.ts';
import { fn, type FunctionMap, type GoFunction } from '../function.ts';
import { trimSpace } from '../print.ts';
import { jsonFunctions, jsonText } from '../sprig/json.ts';
import { FunctionError } from '../template-error.ts';
import { GoList, GoMap, type Value } from '../value.ts';
import { yamlText } from '../yaml.ts';
import { toToml } from './toml.ts';

function json(name: string, style: { readonly html: boolean; readonly indent: string }): GoFunction {
  return fn(['any'], ([value], meter) => {
    try {
      return jsonText(value, style, meter);
    } catch (error) {
      throw error instanceof FunctionError ? new FunctionError(`${name}: ${error.message}`) : error;
    }
  });
}

function fromYaml(data: unknown): Value {
  if (typeof data === 'string') return toBytes(data);
  if (typeof data === 'number' || typeof data === 'boolean' || typeof data === 'bigint') return data;
  if (data === null || typeof data !== 'object') return null;
  if (Array.isArray(data)) return new GoList(data.map(fromYaml));
  return new GoMap(Object.entries(data).map(([key, item]) => [toBytes(key), fromYaml(item)] as const));
}

function parsedYaml(text: string): Value {
  try {
    return fromYaml(parse(toText(text), { version: '1.1', maxAliasCount: 100, intAsBigInt: true }));
  } catch (error) {
    if (error instanceof RangeError) throw error;
    // What the parser says repeats the line.
    throw new FunctionError('yaml: the text is not valid');
  }
}

const reader = (read: (text: string, meter: Parameters<GoFunction['call']>[1]) => Value): GoFunction =>
  fn(['string'], ([text], meter) => {
    meter.make(16 * text.length);
    return text === '' ? new GoMap() : read(text, meter);
  });

export const documentFunctions: FunctionMap = {
  parseJSON: reader((text, meter) => jsonFunctions['mustFromJson']?.call([text], meter) ?? null),
  parseYAML: reader(parsedYaml),
  toJSON: json('toJSON', { html: true, indent: '' }),
  toJSONPretty: json('toJSONPretty', { html: true, indent: '  ' }),
  toUnescapedJSON: json('toUnescapedJSON', { html: false, indent: '' }),
  toUnescapedJSONPretty: json('toUnescapedJSONPretty', { html: false, indent: '  ' }),
  toTOML: fn(['any'], ([value], meter) => toToml(value, meter)),
  toYAML: fn(['any'], ([value], meter) => trimSpace(yamlText(value, meter))),
};
