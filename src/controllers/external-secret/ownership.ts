/** Whose an object is that an ExternalSecret makes or merges into, and what marks it: the same for Secrets and for all else. */
import {
  apiVersionOf,
  type KubernetesObject,
  type ManagedFields,
  type ObjectMeta,
  type OwnerReference,
} from '../../kube/objects.ts';
import { externalSecret, targetName, type ExternalSecret } from './definition.ts';
import { ownerHash } from './hash.ts';
import { failed, messages, type Outcome, type Words } from './status.ts';

export const MANAGED = 'reconcile.external-secrets.io/managed';
const CREATED_BY = 'reconcile.external-secrets.io/created-by';

export const fieldManagerOf = (name: string): string => `externalsecrets.external-secrets.io/${name}`;

export const isOwner = ({ spec }: ExternalSecret): boolean => (spec.target?.creationPolicy ?? 'Owner') === 'Owner';

const controllerOf = ({ ownerReferences = [] }: ObjectMeta): OwnerReference | undefined =>
  ownerReferences.find(({ controller }) => controller === true);

const isOurKind = ({ apiVersion, kind }: OwnerReference): boolean =>
  apiVersion.split('/')[0] === externalSecret.group && kind === externalSecret.kind;

/** Whether an object was made for it: it is its controller, or its mark is left where an import lost the reference. */
export function owns({ metadata }: ExternalSecret, object: KubernetesObject): boolean {
  const controller = controllerOf(object.metadata);
  if (controller !== undefined) return isOurKind(controller) && controller.name === metadata.name;
  return object.metadata.labels?.[CREATED_BY] === ownerHash(metadata);
}

/** Why the object that is there must be left alone; undefined: it need not. */
export function refusal(es: ExternalSecret, object: KubernetesObject, words: Words): Outcome | undefined {
  const controller = controllerOf(object.metadata);
  if (controller !== undefined && isOurKind(controller) && controller.name !== es.metadata.name) {
    return failed(words, `${messages.otherOwner}: ${controller.name}`);
  }
  if (!isOwner(es) || owns(es, object)) return undefined;
  if (controller !== undefined)
    return failed(words, `${words.notOwner}: ${controller.kind} ${controller.name} controls it`);
  const remedy = 'delete it, or let creationPolicy be Merge or Orphan';
  return failed(
    words,
    `${words.notOwner}: "${object.metadata.name}" was there before, and is not overwritten: ${remedy}`,
  );
}

/** Names below `f:data`, `f:metadata.f:labels` … that were written for this ExternalSecret before. */
export function managedKeys(
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

export function without<V>(entries: Readonly<Record<string, V>> = {}, keys: readonly string[]): Record<string, V> {
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

/** What stood there before and was not written for it. */
function kept(
  es: ExternalSecret,
  before: KubernetesObject | undefined,
  field: 'labels' | 'annotations',
): Record<string, string> {
  const { managedFields, [field]: entries } = before?.metadata ?? { name: '' };
  return without(entries, managedKeys(managedFields, fieldManagerOf(es.metadata.name), ['f:metadata', `f:${field}`]));
}

export interface Marks {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly finalizers: readonly string[];
}

/** The metadata that it should have, with our marks: those are nobody else's to set. */
export function metadataOf(es: ExternalSecret, before: KubernetesObject | undefined, marks: Marks): ObjectMeta {
  const was: ObjectMeta = before?.metadata ?? { name: targetName(es), namespace: es.metadata.namespace ?? '' };
  const owners = ownersOf(es, was.ownerReferences);
  const finalizers = [...new Set([...(was.finalizers ?? []), ...marks.finalizers])];
  const annotations = { ...kept(es, before, 'annotations'), ...marks.annotations };
  return {
    ...was,
    labels: {
      ...without({ ...kept(es, before, 'labels'), ...marks.labels }, [CREATED_BY]),
      ...(isOwner(es) ? { [CREATED_BY]: ownerHash(es.metadata) } : {}),
      [MANAGED]: 'true',
    },
    annotations,
    ...(owners.length === 0 && was.ownerReferences === undefined ? {} : { ownerReferences: owners }),
    ...(finalizers.length === 0 ? {} : { finalizers }),
  };
}
