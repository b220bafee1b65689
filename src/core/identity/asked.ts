/** What the paths of `identity/` work on, and what a request means by an accessor. */
import { fail } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import type { MountRecord } from '../mounts/mount.ts';
import type { RequestServices } from '../services.ts';
import type { AliasPlace } from './alias-changes.ts';
import { factorOf } from './factors.ts';
import type { Showing } from './shown.ts';

export interface IdentityMount {
  readonly services: RequestServices;
}

export const showing = ({ services }: IdentityMount, { namespace }: Call): Showing => ({
  mounts: services.mounts,
  namespace: namespace.id,
});

/** An auth mount of the namespace that is asked. Throws `badRequest`. */
export function mountOfAccessor({ services }: IdentityMount, { namespace }: Call, accessor: string): MountRecord {
  const found = services.mounts
    .all(namespace.id)
    .find(({ record }) => record.accessor === accessor && record.table === 'auth');
  if (found === undefined) throw fail('badRequest', `invalid mount accessor "${accessor.slice(0, 64)}"`);
  return found.record;
}

export function placeOf(
  mount: IdentityMount,
  call: Call,
  { name, accessor, of }: { readonly name: string; readonly accessor: string; readonly of: 'entity' | 'group' },
): AliasPlace {
  const record = mountOfAccessor(mount, call, accessor);
  const { region } = mount.services.identities;
  return { mount: record, name, factor: factorOf(record, name, { namespace: call.namespace.id, region, of }).text };
}
