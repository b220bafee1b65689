import type * as Yaml from 'yaml';
import type { DocumentOptions, ParseOptions, Scalar, SchemaOptions, ToJSOptions } from 'yaml';
import { onDemand } from './on-demand.ts';

const yaml = onDemand<typeof Yaml>(import.meta, 'yaml');

export type YamlOptions = Omit<ParseOptions & DocumentOptions & SchemaOptions & ToJSOptions, 'uniqueKeys' | 'logLevel'>;

/**
 * A document of YAML as JavaScript has it, where the text is a stranger's. Throws for what is none, and for a map that has a
 * key twice: `parse` compares each key with all before it, which takes minutes for a text of a megabyte. The library is loaded for the first one.
 */
export function parseYaml(text: string, options: YamlOptions = {}): unknown {
  const { isScalar, parseDocument, visit } = yaml();
  const document = parseDocument(text, { ...options, uniqueKeys: false, logLevel: 'error' });
  const [problem] = document.errors;
  if (problem !== undefined) throw problem;
  visit(document, {
    Map: (_place, { items }) => {
      const keys = items.map(({ key }) => key).filter((key): key is Scalar => isScalar(key));
      if (new Set(keys.map(({ value }) => value)).size < keys.length) throw new Error('a map has a key twice');
    },
  });
  return document.toJS(options);
}
