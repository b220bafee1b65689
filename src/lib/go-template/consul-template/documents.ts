/** JSON, YAML and TOML, read and written. */
import { parseYaml } from '../../yaml-text.ts';
import { toText } from '../bytes.ts';
import { fn, type FunctionMap, type GoFunction } from '../function.ts';
import { trimSpace } from '../print.ts';
import { jsonFunctions, jsonText, valueOf } from '../sprig/json.ts';
import type { Meter } from '../meter.ts';
import { BoundError, FunctionError } from '../template-error.ts';
import { GoMap, type Value } from '../value.ts';
import { READING, yamlText } from '../yaml.ts';
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

function parsedYaml(text: string, meter: Meter): Value {
  meter.make(16 * text.length);
  meter.step(READING * text.length);
  try {
    return valueOf(parseYaml(toText(text), { version: '1.1', maxAliasCount: 100, intAsBigInt: true }), meter);
  } catch (error) {
    if (error instanceof RangeError || error instanceof BoundError) throw error;
    // What the parser says repeats the line.
    throw new FunctionError('yaml: the text is not valid');
  }
}

const reader = (read: (text: string, meter: Meter) => Value): GoFunction =>
  fn(['string'], ([text], meter) => (text === '' ? new GoMap() : read(text, meter)));

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
