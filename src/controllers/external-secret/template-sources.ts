/** `spec.target.template.templateFrom`: templates that lie in ConfigMaps and Secrets beside the ExternalSecret. */
import { ProviderProblem } from '../../providers/contract.ts';
import type { Cluster } from '../cluster.ts';
import type { RemoteRef, Template } from './definition.ts';

export interface TemplateSource {
  /** The key of the Secret, where the rendering is one value. */
  readonly name: string;
  readonly text: string;
  readonly as: 'Values' | 'KeysAndValues';
  readonly target: string;
  readonly decoding: RemoteRef['decodingStrategy'];
}

/** As a template that stands in the object itself is called where it is wrong. */
export const LITERAL = 'literal';

type From = NonNullable<Template['templateFrom']>[number];
type Ref = NonNullable<From['configMap']>;
type Texts = Readonly<Record<string, string>>;

/** In the order in which they stand. Rejects with `ProviderProblem` that names what is not there. */
export async function templateSources(
  cluster: Pick<Cluster, 'configMaps' | 'secrets'>,
  namespace: string,
  template: Template | undefined,
): Promise<readonly TemplateSource[]> {
  const sources: TemplateSource[] = [];
  for (const { configMap, secret, literal, target = 'Data', valuesDecodingStrategy } of template?.templateFrom ?? []) {
    const common = { target: target === '' ? 'Data' : target, decoding: valuesDecodingStrategy };
    if (configMap !== undefined) {
      const found = await cluster.configMaps.get({ namespace, name: configMap.name });
      sources.push(
        ...itemsOf('ConfigMap', configMap, found?.data, (text) => text).map((each) => ({ ...each, ...common })),
      );
    }
    if (secret !== undefined) {
      const found = await cluster.secrets.get({ namespace, name: secret.name });
      const read = (value: string): string => Buffer.from(value, 'base64').toString('utf8');
      const data = found === undefined ? undefined : (found.data ?? {});
      sources.push(...itemsOf('Secret', secret, data, read).map((each) => ({ ...each, ...common })));
    }
    if (literal !== undefined) sources.push({ name: LITERAL, text: literal, as: 'KeysAndValues', ...common });
  }
  return sources;
}

function itemsOf(kind: string, { name, items }: Ref, data: Texts | undefined, read: (value: string) => string) {
  if (data === undefined) throw new ProviderProblem('unsuitable', `templateFrom: there is no ${kind} "${name}" here`);
  return items.map(({ key, templateAs = 'Values' }) => {
    const value = Object.hasOwn(data, key) ? data[key] : undefined;
    if (value === undefined) {
      throw new ProviderProblem('unsuitable', `templateFrom: ${kind} "${name}" has no key "${key}"`);
    }
    return { name: key, text: read(value), as: templateAs };
  });
}
