/** `spec.target.template`: what a Secret is made of besides, or in place of, the values themselves. */
import { ProviderProblem } from '../../providers/contract.ts';
import type { Template } from './definition.ts';
import { render, renderMap } from './render.ts';
import type { TemplateSource } from './template-sources.ts';
import { decoded, type Values } from './values.ts';

export interface Rendered {
  readonly values: Values;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly finalizers: readonly string[];
  readonly type: string | undefined;
}

const TARGETS = ['data', 'labels', 'annotations'] as const;

type Place = (typeof TARGETS)[number];

function placeOf(target: string): Place {
  const place = TARGETS.find((each) => each === target.toLowerCase());
  if (place !== undefined) return place;
  throw new ProviderProblem('invalid', `templateFrom.target "${target}" is none of Data, Annotations and Labels`);
}

const textOf = (value: Uint8Array): string => Buffer.from(value).toString('utf8');

function rendering(texts: Readonly<Record<string, string>> = {}, values: Values): Values {
  return new Map(Object.entries(texts).map(([name, template]) => [name, render(name, template, values)]));
}

type Made = Record<Place, Map<string, Uint8Array>>;

const put = (place: Map<string, Uint8Array>, values: Values): void => {
  for (const [key, value] of values) place.set(key, value);
};

function renderSource({ name, text, as, decoding }: TemplateSource, values: Values): Values {
  const found = as === 'KeysAndValues' ? renderMap(name, text, values) : rendering({ [name]: text }, values);
  return new Map([...found].map(([key, value]) => [key, decoded(value, decoding)]));
}

function renderAll({ data, metadata = {} }: Template, values: Values, sources: readonly TemplateSource[]): Made {
  const made: Made = { data: new Map(), labels: new Map(), annotations: new Map() };
  for (const source of sources) put(made[placeOf(source.target)], renderSource(source, values));
  put(made.data, rendering(data, values));
  put(made.labels, rendering(metadata.labels, values));
  put(made.annotations, rendering(metadata.annotations, values));
  return made;
}

/** Later sources over earlier ones, and what stands in the ExternalSecret itself over all of them. Throws `ProviderProblem`. */
export function applyTemplate(template: Template, values: Values, sources: readonly TemplateSource[]): Rendered {
  const { data = {}, mergePolicy, metadata, type = '' } = template;
  const keeps = mergePolicy === 'Merge' || (Object.keys(data).length === 0 && sources.length === 0);
  const made = renderAll(template, values, sources);
  return {
    values: keeps ? new Map([...values, ...made.data]) : made.data,
    ...{ labels: texts(made.labels), annotations: texts(made.annotations) },
    finalizers: metadata?.finalizers ?? [],
    type: type === '' ? undefined : type,
  };
}

const texts = (values: Values): Record<string, string> =>
  Object.fromEntries([...values].map(([key, value]) => [key, textOf(value)]));
