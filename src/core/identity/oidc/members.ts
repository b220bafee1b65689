import type { Identity } from '../identity-store.ts';
import type { OidcRecords } from './oidc-store.ts';
import { ALLOW_ALL } from './records.ts';

/** Whether an entity may log in by one of the assignments, as it is now. */
export function isAssigned(records: OidcRecords, who: Identity, assignments: readonly string[]): boolean {
  if (who.record.disabled) return false;
  if (assignments.includes(ALLOW_ALL)) return true;
  return assignments.some((name) => {
    const found = records.get('assignment', name);
    if (found === undefined) return false;
    return found.entityIds.includes(who.record.id) || who.groups.some(({ id }) => found.groupIds.includes(id));
  });
}
