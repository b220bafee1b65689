/** What is to be done about the Secret of an ExternalSecret: pure, from what there is and what the store gave. */
import type { KubernetesObject } from '../../kube/objects.ts';
import type { SecretTypes } from '../secret-types.ts';
import type { ExternalSecret, Target } from './definition.ts';
import { dataHash } from './hash.ts';
import { fieldManagerOf, MANAGED, managedKeys, metadataOf, without } from './ownership.ts';
import { failed, secretWords, type Outcome } from './status.ts';
import { isUnwatched, planTarget, same, type Plan } from './target-plan.ts';
import type { TemplateSource } from './template-sources.ts';
import { applyTemplate, type Rendered } from './template.ts';
import type { Values } from './values.ts';

export interface Secret extends KubernetesObject {
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
  readonly type?: string;
  readonly immutable?: boolean;
}

const DATA_HASH = 'reconcile.external-secrets.io/data-hash';

/** Whether it is as it was left: there, marked, and its data of the hash that stands at it. */
export function isIntact(secret: Secret | undefined, es: ExternalSecret): boolean {
  if (isUnwatched(es)) return true;
  if (secret === undefined) return false;
  const { labels = {}, annotations = {} } = secret.metadata;
  return labels[MANAGED] === 'true' && annotations[DATA_HASH] === dataHash(secret.data ?? {});
}

/** One that is there is looked at too: whoever made it, nothing is put into it. */
function wrongType(template: Target['template'], secret: Secret | undefined, types: SecretTypes): Outcome | undefined {
  const wrong = types.refusal(template?.type ?? secret?.type) ?? types.refusal(secret?.type);
  return wrong === undefined ? undefined : failed(secretWords, wrong);
}

/** Of one without a template: everything, and its own labels and annotations. */
function plain({ metadata }: ExternalSecret, values: Values): Rendered {
  const { labels = {}, annotations = {} } = metadata;
  return { values, labels, annotations, finalizers: [], type: undefined };
}

function desired(es: ExternalSecret, before: Secret | undefined, rendered: Rendered): Secret {
  const manager = fieldManagerOf(es.metadata.name);
  const others = without(before?.data, managedKeys(before?.metadata.managedFields, manager, ['f:data']));
  const own = [...rendered.values].map(([key, value]) => [key, Buffer.from(value).toString('base64')] as const);
  const data = { ...others, ...Object.fromEntries(own) };
  const type = rendered.type ?? before?.type;
  const immutable = es.spec.target?.immutable === true ? true : before?.immutable;
  const annotations = { ...rendered.annotations, [DATA_HASH]: dataHash(data) };
  return {
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: metadataOf(es, before, { ...rendered, annotations }), data },
    ...(type === undefined ? {} : { type }),
    ...(immutable === undefined ? {} : { immutable }),
  };
}

const differs = (before: Secret, after: Secret): boolean =>
  !same(before.data ?? {}, after.data) || before.type !== after.type || before.immutable !== after.immutable;

/** All that the object is made of, and what a Secret may be. */
export interface Material {
  readonly values: Values;
  readonly sources: readonly TemplateSource[];
  readonly types: SecretTypes;
}

/** Throws `ProviderProblem` where the template cannot be rendered, or makes what no Secret can hold. */
export function planSecret(es: ExternalSecret, secret: Secret | undefined, material: Material): Plan<Secret> {
  const { values, sources, types } = material;
  const { template } = es.spec.target ?? {};
  return planTarget(es, secret, {
    words: secretWords,
    empty: values.size === 0,
    refusal: (before) => wrongType(template, before, types),
    desired: (before) => {
      const rendered = template === undefined ? plain(es, values) : applyTemplate(template, values, sources);
      return desired(es, before, rendered);
    },
    differs,
    isImmutable: ({ immutable }) => immutable === true,
  });
}
