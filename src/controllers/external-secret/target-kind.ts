/** What an ExternalSecret makes: Secrets, or objects of a kind that its `target.manifest` names. */
import type { KubernetesObject } from '../../kube/objects.ts';
import type { ExternalSecret } from './definition.ts';
import type { Material } from './plan.ts';
import type { Words } from './status.ts';
import type { Plan } from './target-plan.ts';

/** Calls reject with `KubernetesProblem`, whose message repeats nothing of what was to be written. */
export interface TargetKind<T extends KubernetesObject = KubernetesObject> {
  readonly words: Words;
  /** Throws `ProviderProblem` where it is not made, whatever the stores give. */
  mustOffer(es: ExternalSecret): void;
  /** Whether nobody changed it since it was found in order, by what the watch has told. */
  isAsLeft(es: ExternalSecret): boolean;
  /** Whether it may be made without a look. One that is there all the same makes its creation fail with status 409. */
  seemsAbsent(es: ExternalSecret): boolean;
  /** May reject with `ProviderProblem` too. */
  get(es: ExternalSecret): Promise<T | undefined>;
  /** It is in order as it is; undefined: there is none. */
  leave(es: ExternalSecret, object: T | undefined): void;
  /** Whether what we made of it is as we left it. */
  isIntact(es: ExternalSecret, object: T | undefined): boolean;
  /** Whether it can never change any more. */
  isFrozen(es: ExternalSecret, object: T | undefined): boolean;
  /** Throws `ProviderProblem`. */
  plan(es: ExternalSecret, object: T | undefined, made: Material): Plan<T>;
  /** Whether `after` has not all that `before` has. */
  loses(before: T | undefined, after: T): boolean;
  create(es: ExternalSecret, object: T): Promise<T>;
  /** `before`, under its `resourceVersion`. */
  replace(es: ExternalSecret, object: T, before: T): Promise<T>;
  /** Only while it is the very object of that `uid`, unchanged since its `resourceVersion`. */
  remove(es: ExternalSecret, object: T): Promise<void>;
  /** By the key of the ExternalSecret. */
  forget(key: string): void;
}
