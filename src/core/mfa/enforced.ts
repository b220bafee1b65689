/** Which logins meet an enforcement, and what their entities have for it. Reads alone, so on every thread. */
import type { Identity } from '../identity/identity-store.ts';
import type { MountRecord } from '../mounts/mount.ts';
import type { Namespace } from '../namespaces/namespace.ts';
import type { RequestServices } from '../services.ts';
import type { FoundEnforcement } from './enforcements.ts';
import type { FoundMethod } from './methods.ts';
import type { EnforcementRecord, MethodRecord } from './records.ts';

/** Who logs in, and where. */
export interface LoggedIn {
  readonly namespace: Namespace;
  readonly mount: Pick<MountRecord, 'type' | 'accessor'>;
  readonly identity: Identity | undefined;
}

export class EnforcedLogins {
  readonly #services: Pick<RequestServices, 'identities' | 'namespaces'>;

  constructor(services: Pick<RequestServices, 'identities' | 'namespaces'>) {
    this.#services = services;
  }

  over(login: LoggedIn): readonly FoundEnforcement[] {
    return this.#services.identities.enforcements.over(login.namespace).filter((each) => this.#isMeant(each, login));
  }

  #isMeant({ namespace, record }: FoundEnforcement, { mount, identity }: LoggedIn): boolean {
    if (record.accessors.includes(mount.accessor) || record.types.includes(mount.type)) return true;
    // A region that does not hold whom it names cannot tell that this is somebody else.
    if (this.#services.identities.logins.region !== undefined && !this.#holds(namespace, record)) return true;
    if (identity === undefined) return false;
    const { id, mergedIds } = identity.record;
    return (
      [id, ...mergedIds].some((each) => record.entities.includes(each)) ||
      identity.groups.some((group) => record.groups.includes(group.id))
    );
  }

  #holds(namespace: Namespace, { entities, groups }: EnforcementRecord): boolean {
    const { identities, namespaces } = this.#services;
    const places = [namespace, ...namespaces.below(namespace, true)];
    return (
      entities.every((id) => places.some((each) => identities.known.identity(each.id, id) !== undefined)) &&
      groups.every((id) => places.some((each) => identities.known.group(each.id, id) !== undefined))
    );
  }

  methods({ namespace, record }: FoundEnforcement): readonly FoundMethod[] {
    const { methods } = this.#services.identities;
    return [...new Set(record.methods)].flatMap((id) => methods.find(namespace, id) ?? []);
  }

  has(namespace: Namespace, { record }: Identity, method: MethodRecord): boolean {
    const { totp } = this.#services.identities;
    return totp.has({ namespace: namespace.id, entity: record.id, method });
  }

  /** Whether there is a factor that the enforcement takes. */
  isEnrolled(namespace: Namespace, identity: Identity, enforcement: FoundEnforcement): boolean {
    return this.methods(enforcement).some(({ record }) => this.has(namespace, identity, record));
  }
}
