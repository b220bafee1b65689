/** What is to be done about the object of an ExternalSecret, whatever its kind: pure, from what there is and what the store gave. */
import { canonicalJson } from '../../lib/canonical-json.ts';
import type { KubernetesObject } from '../../kube/objects.ts';
import type { ExternalSecret } from './definition.ts';
import { owns, refusal } from './ownership.ts';
import { done, failed, type Outcome, type Words } from './status.ts';

export type Plan<T extends KubernetesObject = KubernetesObject> =
  | { readonly do: 'nothing'; readonly outcome: Outcome }
  | { readonly do: 'create' | 'replace' | 'delete'; readonly object: T; readonly outcome: Outcome };

/** How objects of one kind are made and compared. */
export interface Making<T extends KubernetesObject> {
  readonly words: Words;
  /** The store gave nothing at all. */
  readonly empty: boolean;
  /** Why nothing is put into it, besides that it is somebody else's. */
  readonly refusal: (before: T | undefined) => Outcome | undefined;
  /** Throws `ProviderProblem` where a template cannot be rendered. */
  readonly desired: (before: T | undefined) => T;
  /** Of all but its metadata. */
  readonly differs: (before: T, after: T) => boolean;
  readonly isImmutable: (before: T) => boolean;
}

const nothing = (outcome: Outcome): Plan<never> => ({ do: 'nothing', outcome });

export const same = (one: unknown, other: unknown): boolean => canonicalJson(one) === canonicalJson(other);

/** Nothing came from the store. */
function withoutData<T extends KubernetesObject>(
  es: ExternalSecret,
  before: T | undefined,
  words: Words,
): Plan<T> | undefined {
  const { deletionPolicy = 'Retain', creationPolicy = 'Owner' } = es.spec.target ?? {};
  if (deletionPolicy === 'Merge') return undefined;
  if (deletionPolicy === 'Retain') return nothing(done(words.reasons.synced, words.retained));
  if (creationPolicy !== 'Owner') {
    return nothing(failed(words, `${words.notDeleted}: creationPolicy=${creationPolicy} is not Owner`));
  }
  const gone = done(words.reasons.deleted, words.deleted);
  if (before === undefined) return nothing(gone);
  if (!owns(es, before)) return nothing(failed(words, `${words.notDeleted}: "${before.metadata.name}" is not its own`));
  return { do: 'delete', object: before, outcome: gone };
}

function metadataDiffers(before: KubernetesObject, { metadata }: KubernetesObject): boolean {
  const partsOf = ({ labels = {}, annotations = {}, ownerReferences = [], finalizers = [] }: typeof metadata) => ({
    ...{ labels, annotations, ownerReferences, finalizers },
  });
  return !same(partsOf(before.metadata), partsOf(metadata));
}

/** What it should be, and what that takes. */
function towards<T extends KubernetesObject>(before: T | undefined, making: Making<T>): Plan<T> {
  const { words } = making;
  const wanted = making.desired(before);
  const outcome = done(words.reasons.synced, words.synced, words.binds ? wanted.metadata.name : undefined);
  if (before === undefined) return { do: 'create', object: wanted, outcome };
  const differs = making.differs(before, wanted);
  if (!differs && !metadataDiffers(before, wanted)) return nothing(outcome);
  if (differs && making.isImmutable(before)) return nothing(failed(words, words.immutable));
  return { do: 'replace', object: wanted, outcome };
}

export function planTarget<T extends KubernetesObject>(
  es: ExternalSecret,
  before: T | undefined,
  making: Making<T>,
): Plan<T> {
  const { words } = making;
  const empty = making.empty ? withoutData(es, before, words) : undefined;
  if (empty !== undefined) return empty;
  const { creationPolicy } = es.spec.target ?? {};
  if (creationPolicy === 'None') return nothing(done(words.reasons.synced, words.synced));
  if (creationPolicy === 'Merge' && before === undefined) {
    return nothing(done(words.reasons.missing, words.missing));
  }
  const refused = (before === undefined ? undefined : refusal(es, before, words)) ?? making.refusal(before);
  return refused === undefined ? towards(before, making) : nothing(refused);
}

/** Whether it is left to others between two refreshes: as in External Secrets Operator, what is not owned is looked at when it is due. */
export const isUnwatched = ({ spec: { target = {} } }: ExternalSecret): boolean =>
  target.creationPolicy === 'Orphan' || target.creationPolicy === 'None';
