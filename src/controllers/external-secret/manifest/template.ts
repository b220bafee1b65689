/** `spec.target.template` for an object of any kind: what of it is made of a store's values. */
import { isObject } from '../../../client/json.ts';
import { utf8Text } from '../../../lib/utf8.ts';
import { ProviderProblem } from '../../../providers/contract.ts';
import type { ExternalSecret, Template } from '../definition.ts';
import type { Marks } from '../ownership.ts';
import { render, renderMap, renderYaml, structureIn } from '../render.ts';
import type { TemplateSource } from '../template-sources.ts';
import { decoded, type Values } from '../values.ts';
import { pathOf, putAt, type Json } from './paths.ts';

export interface RenderedResource extends Marks {
  /** Besides its metadata. */
  readonly content: Json;
}

function textOf(key: string, value: Uint8Array): string {
  const text = utf8Text(value);
  if (text !== undefined) return text;
  throw new ProviderProblem('unsuitable', `the value of "${key}" is no text: encode it by a template (b64enc)`);
}

const textsOf = (values: Values): Readonly<Record<string, string>> =>
  Object.fromEntries([...values].map(([key, value]) => [key, textOf(key, value)]));

/** Members whose values are texts, by the name of where they stand. */
const hasTexts = (path: readonly string[]): boolean => path[0] === 'metadata' || path.join('.') === 'data';

/** Null takes a field away for an API server: it is as good as not there. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  const left = Object.entries(value).filter(([, each]) => each !== null && each !== undefined);
  return Object.fromEntries(left.map(([name, each]) => [name, withoutNulls(each)]));
}

/** What a source puts where it stands: texts by their names, or (a path of the object) any YAML. */
function renderSource({ name, text, as, decoding }: TemplateSource, path: readonly string[], values: Values): unknown {
  if (as === 'KeysAndValues') {
    if (!hasTexts(path)) return renderYaml(name, text, values);
    const found = renderMap(name, text, values);
    return textsOf(new Map([...found].map(([key, value]) => [key, decoded(value, decoding)])));
  }
  const value = decoded(render(name, text, values), decoding);
  if (hasTexts(path) || path.join('.') === 'spec') return { [name]: textOf(name, value) };
  return structureIn(textOf(name, value));
}

function mustFit({ immutable, template }: NonNullable<ExternalSecret['spec']['target']>, kind: string): void {
  const refused = (field: string, of: string): ProviderProblem =>
    new ProviderProblem('invalid', `spec.target.${field} is of ${of} alone: leave it out beside spec.target.manifest`);
  if ((template?.type ?? '') !== '') throw refused('template.type', 'Secrets');
  if (immutable === true && kind !== 'ConfigMap') throw refused('immutable', 'Secrets and ConfigMaps');
}

function contentOf(kind: string, template: Template, sources: readonly TemplateSource[], values: Values): Json {
  const { data = {}, mergePolicy } = template;
  const keeps = mergePolicy === 'Merge' || (Object.keys(data).length === 0 && sources.length === 0);
  // Where External Secrets Operator puts them.
  const plain = kind === 'ConfigMap' ? ['data'] : ['spec', 'data'];
  let content: Json = keeps && values.size > 0 ? putAt({}, plain, textsOf(values)) : {};
  for (const source of sources) {
    const path = pathOf(source.target);
    const value = withoutNulls(renderSource(source, path, values));
    if (value !== null) content = putAt(content, path, value);
  }
  const own = new Map(Object.entries(data).map(([key, text]) => [key, render(key, text, values)] as const));
  return own.size === 0 ? content : putAt(content, ['data'], textsOf(own));
}

const recordOf = (value: unknown): Readonly<Record<string, string>> =>
  isObject(value) ? (value as Readonly<Record<string, string>>) : {};

function renderAll(texts: Readonly<Record<string, string>> = {}, values: Values): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, textOf(key, render(key, text, values))]));
}

/** Throws `ProviderProblem`. */
export function renderResource(
  { metadata, spec: { target = {} } }: ExternalSecret,
  kind: string,
  values: Values,
  sources: readonly TemplateSource[],
): RenderedResource {
  mustFit(target, kind);
  const { template } = target;
  const { metadata: marks, ...content } = contentOf(kind, template ?? {}, sources, values);
  const from = isObject(marks) ? marks : {};
  const { labels, annotations, finalizers = [] } = template?.metadata ?? {};
  const marksOf = (field: 'labels' | 'annotations', texts: Readonly<Record<string, string>> | undefined) =>
    // Without a template its own labels and annotations are handed on.
    template === undefined ? (metadata[field] ?? {}) : { ...recordOf(from[field]), ...renderAll(texts, values) };
  return {
    content: { ...content, ...(target.immutable === true ? { immutable: true } : {}) },
    labels: marksOf('labels', labels),
    annotations: marksOf('annotations', annotations),
    finalizers,
  };
}
