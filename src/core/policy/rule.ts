/** What a policy document says, parsed: the input of `compile`. */
import type { CapabilitySet } from './capability.ts';
import type { KeysTemplate } from './keys-template.ts';
import type { ControlGroup } from './control-group.ts';
import type { Subject, TemplateOptions } from './template.ts';

/** A scalar, list or object of a policy document; lists and objects are compared whole. */
export type ParameterValue = string | number | boolean | null | readonly ParameterValue[] | ParameterObject;
export interface ParameterObject {
  readonly [name: string]: ParameterValue;
}

/** Lower-case parameter name, or `*` for all of them, to the values meant; an empty list means every value. */
export type ParameterRules = ReadonlyMap<string, readonly ParameterValue[]>;

/** What a request must keep to beside its path and operation. Absent means unrestricted. */
export interface Constraints {
  readonly allowedParameters?: ParameterRules;
  readonly deniedParameters?: ParameterRules;
  /** Lower-case names. */
  readonly requiredParameters?: readonly string[];
  /** Seconds. A request that is not wrapped is refused. */
  readonly minWrappingTtl?: number;
  /** Seconds. A request that is not wrapped is refused. */
  readonly maxWrappingTtl?: number;
  /** The longest page that LIST and SCAN may return. */
  readonly paginationLimit?: number;
  /** Of a LIST or SCAN only the keys are shown that the caller reaches by the path that stands for each. */
  readonly keysFilter?: KeysTemplate;
  /** Event types that `subscribe` covers, where `*` may stand at either end; absent means all. */
  readonly subscribeEventTypes?: readonly string[];
  /** Whose approval it needs. */
  readonly controlGroup?: ControlGroup;
}

/** How a rule's path is matched. `exact`: whole; `prefix`: ends in `*`; `segments`: has `+`, and may end in `*` too. */
export type PathKind = 'exact' | 'prefix' | 'segments';

export interface Rule {
  /** As written, without a leading slash. */
  readonly path: string;
  /** Of the document, from 1. */
  readonly line: number;
  readonly kind: PathKind;
  /** The path has a `{{…}}` or `${…}` template: it is filled when the rule is compiled. */
  readonly templated: boolean;
  readonly capabilities: CapabilitySet;
  readonly constraints: Constraints;
  /** Milliseconds since the epoch from which on the rule is as if it were not written. */
  readonly expiration?: number;
  readonly comment?: string;
}

/** `root`, in the root namespace, allows everything. */
export interface Policy {
  readonly name: string;
  /** The path of its namespace with its closing slash; empty for the root one. Rules apply below it. */
  readonly namespace: string;
  readonly rules: readonly Rule[];
  /** Milliseconds since the epoch from which on another document, or none, has its name. Absent: none is known. */
  readonly expiration?: number | undefined;
  /** What values of templates may hold. Absent: nothing that has a meaning in paths. */
  readonly templates?: TemplateOptions | undefined;
  /** Whom templates are filled for. Absent: for nobody. */
  readonly subject?: Subject | undefined;
}
