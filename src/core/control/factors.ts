/**
 * Whether those who approved a request are enough. Decided over who they are now: an approval is a fact, what it is worth
 * follows from the groups of this moment. Pure.
 */
import { folded } from '../identity/records.ts';

/** One entity, after all merges. */
export interface Person {
  readonly namespace: string;
  readonly entity: string;
}

/** Somebody who approves, with all groups that the entity is in, directly or through others. */
export interface Approver extends Person {
  readonly groups: readonly { readonly id: string; readonly name: string }[];
}

/** As in a policy, with the id of the namespace that its groups belong to. */
export interface Factor {
  readonly name: string;
  readonly namespace: string;
  readonly groupNames: readonly string[];
  readonly groupIds: readonly string[];
  readonly approvals: number;
  readonly selfAllowed: boolean;
}

export const samePerson = (one: Person, other: Person): boolean =>
  one.entity === other.entity && one.namespace === other.namespace;

/** Whether the entity is one of those who may: a group of the same name in another namespace is another group. */
export function isMember({ namespace, groupNames, groupIds }: Factor, approver: Approver): boolean {
  if (approver.namespace !== namespace) return false;
  const names = new Set(groupNames.map(folded));
  return approver.groups.some(({ id, name }) => groupIds.includes(id) || names.has(folded(name)));
}

/**
 * Whether an approval counts for a factor. `requester`: undefined where who asks is no entity: that could be anybody, who
 * approves too.
 */
export function counts(factor: Factor, approver: Approver, requester: Person | undefined): boolean {
  const own = requester === undefined || samePerson(approver, requester);
  return isMember(factor, approver) && (factor.selfAllowed || !own);
}

/** Each entity once, however often and through whichever groups it approved. */
export function isMet(factor: Factor, approvers: readonly Approver[], requester: Person | undefined): boolean {
  const counting = approvers.filter((approver) => counts(factor, approver, requester));
  const people = new Set(counting.map(({ namespace, entity }) => JSON.stringify([namespace, entity])));
  // Nothing is met by nobody, whatever a record says.
  return people.size >= Math.max(1, factor.approvals);
}

/** All of them; without any there is nothing that could be approved. */
export function areMet(
  factors: readonly Factor[],
  approvers: readonly Approver[],
  requester: Person | undefined,
): boolean {
  return factors.length > 0 && factors.every((factor) => isMet(factor, approvers, requester));
}
