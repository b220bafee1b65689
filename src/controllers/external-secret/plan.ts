/** What is to be done about the Secret of an ExternalSecret: pure, from what there is and what the store gave. */
import { canonicalJson } from '../../lib/canonical-json.ts';
import {
  apiVersionOf,
  type KubernetesObject,
  type ManagedFields,
  type ObjectMeta,
  type OwnerReference,
} from '../../kube/objects.ts';
import type { ObjectOf } from '../kind.ts';
import type { SecretTypes } from '../secret-types.ts';
import { externalSecret, type Target } from './definition.ts';
import { dataHash, ownerHash } from './hash.ts';
import { messages, type Outcome } from './status.ts';
import type { TemplateSource } from './template-sources.ts';
import { applyTemplate, type Rendered } from './template.ts';
import type { Values } from './values.ts';

export type ExternalSecret = ObjectOf<typeof externalSecret>;

export interface Secret extends KubernetesObject {
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
  readonly type?: string;
  readonly immutable?: boolean;
}

export const MANAGED = 'reconcile.external-secrets.io/managed';
const CREATED_BY = 'reconcile.external-secrets.io/created-by';
const DATA_HASH = 'reconcile.external-secrets.io/data-hash';

export const fieldManagerOf = (name: string): string => `externalsecrets.external-secrets.io/${name}`;

export const targetName = ({ metadata, spec }: ExternalSecret): string => {
  const { name = '' } = spec.target ?? {};
  return name === '' ? metadata.name : name;
};

export type Plan =
  | { readonly do: 'nothing'; readonly outcome: Outcome }
  | { readonly do: 'create' | 'replace' | 'delete'; readonly secret: Secret; readonly outcome: Outcome };

const done = (reason: Outcome['reason'], message: string, binding?: string): Outcome => ({
  ...{ ready: true, reason, message },
  ...(binding === undefined ? {} : { binding }),
});

const failed = (message: string): Outcome => ({ ready: false, reason: 'SecretSyncedError', message });

const isOwner = ({ spec }: ExternalSecret): boolean => (spec.target?.creationPolicy ?? 'Owner') === 'Owner';

const nothing = (outcome: Outcome): Plan => ({ do: 'nothing', outcome });

/** Whether it is as it was left: there, marked, and its data of the hash that stands at it. */
export function isIntact(secret: Secret | undefined, target: Target = {}): boolean {
  // As in External Secrets Operator: what is not owned is looked at when it is due.
  if (target.creationPolicy === 'Orphan' || target.creationPolicy === 'None') return true;
  if (secret === undefined) return false;
  const { labels = {}, annotations = {} } = secret.metadata;
  return labels[MANAGED] === 'true' && annotations[DATA_HASH] === dataHash(secret.data ?? {});
}

const controllerOf = ({ ownerReferences = [] }: ObjectMeta): OwnerReference | undefined =>
  ownerReferences.find(({ controller }) => controller === true);

const isOurKind = ({ apiVersion, kind }: OwnerReference): boolean =>
  apiVersion.split('/')[0] === externalSecret.group && kind === externalSecret.kind;

/** Whether a Secret was made for it: it is its controller, or its mark is left where an import lost the reference. */
export function owns({ metadata }: ExternalSecret, secret: Secret): boolean {
  const controller = controllerOf(secret.metadata);
  if (controller !== undefined) return isOurKind(controller) && controller.name === metadata.name;
  return secret.metadata.labels?.[CREATED_BY] === ownerHash(metadata);
}

/** Why the Secret that is there must be left alone; undefined: it need not. */
function refusal(es: ExternalSecret, secret: Secret): Outcome | undefined {
  const controller = controllerOf(secret.metadata);
  if (controller !== undefined && isOurKind(controller) && controller.name !== es.metadata.name) {
    return failed(`${messages.otherOwner}: ${controller.name}`);
  }
  if (!isOwner(es) || owns(es, secret)) return undefined;
  if (controller !== undefined)
    return failed(`${messages.notOwner}: ${controller.kind} ${controller.name} controls it`);
  const remedy = 'delete it, or let creationPolicy be Merge or Orphan';
  return failed(`${messages.notOwner}: "${secret.metadata.name}" was there before, and is not overwritten: ${remedy}`);
}

/** One that is there is looked at too: whoever made it, nothing is put into it. */
function wrongType(template: Target['template'], secret: Secret | undefined, types: SecretTypes): Outcome | undefined {
  const wrong = types.refusal(template?.type ?? secret?.type) ?? types.refusal(secret?.type);
  return wrong === undefined ? undefined : failed(wrong);
}

/** Nothing came from the store. */
function withoutData(es: ExternalSecret, secret: Secret | undefined): Plan | undefined {
  const { deletionPolicy = 'Retain', creationPolicy = 'Owner' } = es.spec.target ?? {};
  if (deletionPolicy === 'Merge') return undefined;
  if (deletionPolicy === 'Retain') return nothing(done('SecretSynced', messages.retained));
  if (creationPolicy !== 'Owner') {
    return nothing(failed(`${messages.notDeleted}: creationPolicy=${creationPolicy} is not Owner`));
  }
  const gone = done('SecretDeleted', messages.deleted);
  if (secret === undefined) return nothing(gone);
  if (!owns(es, secret)) return nothing(failed(`${messages.notDeleted}: "${secret.metadata.name}" is not its own`));
  return { do: 'delete', secret, outcome: gone };
}

/** Names below `f:data`, `f:metadata.f:labels` … that were written for this ExternalSecret before. */
function managedKeys(
  fields: readonly ManagedFields[] = [],
  manager: string,
  path: readonly string[],
): readonly string[] {
  return fields
    .filter((each) => each.manager === manager)
    .flatMap(({ fieldsV1 = {} }) => {
      const found = path.reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], fieldsV1);
      return Object.keys((found as object | undefined) ?? {});
    })
    .flatMap((name) => (name.startsWith('f:') ? [name.slice(2)] : []));
}

function without<V>(entries: Readonly<Record<string, V>> = {}, keys: readonly string[]): Record<string, V> {
  return Object.fromEntries(Object.entries(entries).filter(([key]) => !keys.includes(key)));
}

function ownersOf(es: ExternalSecret, before: readonly OwnerReference[] = []): readonly OwnerReference[] {
  const { name, uid = '' } = es.metadata;
  const others = before.filter((each) => !(isOurKind(each) && each.name === name));
  if (!isOwner(es)) return others;
  const { kind } = externalSecret;
  return [
    ...others,
    { apiVersion: apiVersionOf(externalSecret), kind, name, uid, controller: true, blockOwnerDeletion: true },
  ];
}

/** Of one without a template: everything, and its own labels and annotations. */
function plain({ metadata }: ExternalSecret, values: Values): Rendered {
  const { labels = {}, annotations = {} } = metadata;
  return { values, labels, annotations, finalizers: [], type: undefined };
}

/** What stood there before and was not written for it. */
function kept(es: ExternalSecret, before: Secret | undefined, field: 'labels' | 'annotations'): Record<string, string> {
  const { managedFields, [field]: entries } = before?.metadata ?? { name: '' };
  return without(entries, managedKeys(managedFields, fieldManagerOf(es.metadata.name), ['f:metadata', `f:${field}`]));
}

function metadataOf(es: ExternalSecret, before: Secret | undefined, rendered: Rendered, hash: string): ObjectMeta {
  const was: ObjectMeta = before?.metadata ?? { name: targetName(es), namespace: es.metadata.namespace ?? '' };
  const owners = ownersOf(es, was.ownerReferences);
  const finalizers = [...new Set([...(was.finalizers ?? []), ...rendered.finalizers])];
  return {
    ...was,
    labels: {
      ...without({ ...kept(es, before, 'labels'), ...rendered.labels }, [CREATED_BY]),
      ...(isOwner(es) ? { [CREATED_BY]: ownerHash(es.metadata) } : {}),
      [MANAGED]: 'true',
    },
    annotations: { ...kept(es, before, 'annotations'), ...rendered.annotations, [DATA_HASH]: hash },
    ...(owners.length === 0 && was.ownerReferences === undefined ? {} : { ownerReferences: owners }),
    ...(finalizers.length === 0 ? {} : { finalizers }),
  };
}

function desired(es: ExternalSecret, before: Secret | undefined, rendered: Rendered): Secret {
  const manager = fieldManagerOf(es.metadata.name);
  const others = without(before?.data, managedKeys(before?.metadata.managedFields, manager, ['f:data']));
  const own = [...rendered.values].map(([key, value]) => [key, Buffer.from(value).toString('base64')] as const);
  const data = { ...others, ...Object.fromEntries(own) };
  const type = rendered.type ?? before?.type;
  const immutable = es.spec.target?.immutable === true ? true : before?.immutable;
  return {
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: metadataOf(es, before, rendered, dataHash(data)), data },
    ...(type === undefined ? {} : { type }),
    ...(immutable === undefined ? {} : { immutable }),
  };
}

const same = (one: unknown, other: unknown): boolean => canonicalJson(one) === canonicalJson(other);

function differs(before: Secret, after: Secret): boolean {
  const { labels = {}, annotations = {}, ownerReferences = [], finalizers = [] } = before.metadata;
  const meta = { labels, annotations, ownerReferences, finalizers };
  const { metadata } = after;
  const { ownerReferences: owners = [], finalizers: ends = [] } = metadata;
  const next = {
    labels: metadata.labels,
    annotations: metadata.annotations,
    ownerReferences: owners,
    finalizers: ends,
  };
  return !same(meta, next) || contentDiffers(before, after);
}

const contentDiffers = (before: Secret, after: Secret): boolean =>
  !same(before.data ?? {}, after.data) || before.type !== after.type || before.immutable !== after.immutable;

/** What it should be, and what that takes. */
function towards(wanted: Secret, secret: Secret | undefined): Plan {
  const outcome = done('SecretSynced', messages.synced, wanted.metadata.name);
  if (secret === undefined) return { do: 'create', secret: wanted, outcome };
  if (!differs(secret, wanted)) return nothing(outcome);
  if (secret.immutable === true && contentDiffers(secret, wanted)) return nothing(failed(messages.immutable));
  return { do: 'replace', secret: wanted, outcome };
}

/** All that the Secret is made of, and what it may be. */
export interface Material {
  readonly values: Values;
  readonly sources: readonly TemplateSource[];
  readonly types: SecretTypes;
}

/** Throws `ProviderProblem` where the template cannot be rendered, or makes what no Secret can hold. */
export function planSecret(es: ExternalSecret, secret: Secret | undefined, material: Material): Plan {
  const { values, sources, types } = material;
  const empty = values.size === 0 ? withoutData(es, secret) : undefined;
  if (empty !== undefined) return empty;
  const { creationPolicy, template } = es.spec.target ?? {};
  if (creationPolicy === 'None') return nothing(done('SecretSynced', messages.synced));
  if (creationPolicy === 'Merge' && secret === undefined) return nothing(done('SecretMissing', messages.missing));
  const refused = (secret === undefined ? undefined : refusal(es, secret)) ?? wrongType(template, secret, types);
  if (refused !== undefined) return nothing(refused);
  const rendered = template === undefined ? plain(es, values) : applyTemplate(template, values, sources);
  return towards(desired(es, secret, rendered), secret);
}
