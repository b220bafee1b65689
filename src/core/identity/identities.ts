/** All of the identity store, for requests: what is known, and what changes it. */
import type { Store } from '../../storage/store.ts';
import { AliasChanges } from './alias-changes.ts';
import { EntityChanges } from './entity-changes.ts';
import { GroupChanges } from './group-changes.ts';
import { IdentityStore } from './identity-store.ts';
import { Logins } from './logins.ts';

export interface IdentitiesOptions {
  readonly store: Store;
  /** This node's region; undefined at the hub. */
  readonly region: string | undefined;
  readonly now: () => number;
}

export class Identities implements Disposable {
  readonly known: IdentityStore;
  readonly entities: EntityChanges;
  readonly aliases: AliasChanges;
  readonly groups: GroupChanges;
  readonly logins: Logins;
  /** As factors name it. */
  readonly region: string;

  constructor({ store, region, now }: IdentitiesOptions) {
    this.known = new IdentityStore(store);
    const options = { store, identities: this.known, now };
    this.entities = new EntityChanges(options);
    this.aliases = new AliasChanges(this.entities, now);
    this.groups = new GroupChanges(options);
    this.logins = new Logins({ ...options, region });
    this.region = region ?? 'hub';
  }

  [Symbol.dispose](): void {
    this.known[Symbol.dispose]();
  }
}
