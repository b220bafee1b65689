/** `spec.target.template`: what a Secret is made of besides, or in place of, the values themselves. */
import { ProviderProblem } from '../../providers/contract.ts';
import type { Template } from './definition.ts';
import type { Values } from './values.ts';

/** Throws an Error that says what is wrong with the template, without a value. */
export type Render = (template: string, values: Values) => string;

export interface Rendered {
  readonly values: Values;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly finalizers: readonly string[];
  readonly type: string | undefined;
}

/** Text without any action is itself. */
export const renderPlain: Render = (template) => {
  if (!template.includes('{{')) return template;
  throw new ProviderProblem('unsuitable', 'templates with actions ({{ … }}) are not offered yet');
};

const rendering = (texts: Readonly<Record<string, string>> = {}, values: Values, render: Render) =>
  Object.fromEntries(Object.entries(texts).map(([name, template]) => [name, render(template, values)]));

export function applyTemplate(template: Template, values: Values, render: Render): Rendered {
  const { data = {}, templateFrom = [], mergePolicy = 'Replace', metadata = {}, type } = template;
  if (templateFrom.length > 0) throw new ProviderProblem('unsuitable', 'template.templateFrom is not offered yet');
  const own = Object.entries(rendering(data, values, render)).map(
    ([key, text]) => [key, Buffer.from(text, 'utf8')] as const,
  );
  const keeps = mergePolicy === 'Merge' || Object.keys(data).length === 0;
  return {
    values: new Map([...(keeps ? values : []), ...own]),
    labels: rendering(metadata.labels, values, render),
    annotations: rendering(metadata.annotations, values, render),
    finalizers: metadata.finalizers ?? [],
    type: type === undefined || type === '' ? undefined : type,
  };
}
