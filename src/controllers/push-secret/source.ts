/** What a PushSecret pushes: the values of Secrets, or of a generator, as its template makes them. */
import { selectorText, selects } from '../../kube/label-selector.ts';
import { ProviderProblem } from '../../providers/contract.ts';
import type { Cluster } from '../cluster.ts';
import type { Secret } from '../external-secret/plan.ts';
import { templateSources } from '../external-secret/template-sources.ts';
import { applyTemplate } from '../external-secret/template.ts';
import type { Values } from '../external-secret/values.ts';
import type { Generation } from '../generator/generation.ts';
import type { Given, PushSecret } from './plan.ts';
import { isPeriodic } from './refresh.ts';

export type Source = Pick<Cluster, 'secrets' | 'configMaps'>;

/** One for each Secret, or the one of the generator; none: there is no such Secret. Rejects with `ProviderProblem`. */
export async function sourceOf(
  cluster: Source,
  push: PushSecret,
  { generate }: Pick<Generation, 'generate'>,
  signal: AbortSignal,
): Promise<readonly Given[]> {
  const { secret, generatorRef } = push.spec.selector;
  if (generatorRef !== undefined && secret !== undefined)
    throw new ProviderProblem('invalid', 'selector: give either secret or generatorRef');
  const given =
    generatorRef === undefined
      ? (await secretsOf(cluster, push)).map(givenBy)
      : [{ values: await generate(generatorRef, signal), from: { labels: {}, annotations: {} } }];
  const { template } = push.spec;
  if (template === undefined) return given;
  const sources = await templateSources(cluster, push.metadata.namespace ?? '', template);
  return given.map(({ values, from }) => {
    const { values: made, labels, annotations, type = from.type } = applyTemplate(template, values, sources);
    const marks = { labels: { ...from.labels, ...labels }, annotations: { ...from.annotations, ...annotations } };
    return { values: made, from: { ...marks, type } };
  });
}

/** Labels by which controllers know their own Secrets are not handed on, nor where `kubectl apply` keeps what it was given: values. */
const OWN = /^(?:reconcile\.external-secrets\.io|lockstep)\/|^kubectl\.kubernetes\.io\/last-applied-configuration$/;

const handedOn = (texts: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(texts).filter(([name]) => !OWN.test(name)));

const givenBy = (secret: Secret): Given => {
  const { labels, annotations } = secret.metadata;
  const from = { labels: handedOn(labels), annotations: handedOn(annotations), type: secret.type };
  return { values: valuesOf(secret), from };
};

const valuesOf = ({ data = {} }: Secret): Values =>
  new Map(Object.entries(data).map(([name, value]) => [name, Buffer.from(value, 'base64')]));

async function secretsOf({ secrets }: Source, { metadata, spec }: PushSecret): Promise<readonly Secret[]> {
  const { namespace = '' } = metadata;
  const { name = '', selector } = spec.selector.secret ?? {};
  if (name === '' && selector === undefined)
    throw new ProviderProblem('invalid', 'selector.secret: give a name or a selector');
  if (name === '') return secrets.list({ namespace, labelSelector: selectorText(selector ?? {}) });
  const found = await secrets.get({ namespace, name });
  return found === undefined ? [] : [found];
}

/** Whether a change of a Secret, by its labels before or after, concerns it. */
export function readsSecret(
  { metadata, spec }: PushSecret,
  changed: {
    readonly namespace: string;
    readonly name: string;
    readonly labels: readonly Secret['metadata']['labels'][];
  },
): boolean {
  const { secret } = spec.selector;
  if (secret === undefined || metadata.namespace !== changed.namespace || !isPeriodic({ metadata, spec })) return false;
  const { name = '', selector = {} } = secret;
  if (name !== '') return name === changed.name;
  try {
    return changed.labels.some((labels) => selects(selector, labels ?? {}));
  } catch {
    // A selector that is not valid: the look at it says so.
    return false;
  }
}
