/** All of the identity store, for requests: what is known, and what changes it. */
import type { Store } from '../../storage/store.ts';
import { Enforcements } from '../mfa/enforcements.ts';
import { Methods } from '../mfa/methods.ts';
import { TotpSecrets } from '../mfa/totp-secrets.ts';
import type { NamespaceTable } from '../namespaces/namespace-table.ts';
import { AliasChanges } from './alias-changes.ts';
import { EntityChanges } from './entity-changes.ts';
import { GroupChanges } from './group-changes.ts';
import { IdentityStore } from './identity-store.ts';
import { Logins } from './logins.ts';
import { Oidc } from './oidc/oidc.ts';

export interface IdentitiesOptions {
  readonly store: Store;
  readonly namespaces: NamespaceTable;
  /** This node's region; undefined at the hub. */
  readonly region: string | undefined;
  /** Where clients reach this node. */
  readonly address: string;
  readonly now: () => number;
}

export class Identities implements Disposable {
  readonly known: IdentityStore;
  readonly entities: EntityChanges;
  readonly aliases: AliasChanges;
  readonly groups: GroupChanges;
  readonly logins: Logins;
  readonly oidc: Oidc;
  /** Of login MFA. */
  readonly methods: Methods;
  readonly enforcements: Enforcements;
  readonly totp: TotpSecrets;
  /** As factors name it. */
  readonly region: string;

  constructor({ store, namespaces, region, now, address }: IdentitiesOptions) {
    this.known = new IdentityStore(store);
    const options = { store, identities: this.known, now };
    this.entities = new EntityChanges(options);
    this.aliases = new AliasChanges(this.entities, now);
    this.groups = new GroupChanges(options);
    this.logins = new Logins({ ...options, region });
    this.oidc = new Oidc(store, address);
    this.methods = new Methods(store, namespaces);
    this.enforcements = new Enforcements(store, namespaces);
    this.totp = new TotpSecrets(store, now);
    this.region = region ?? 'hub';
  }

  [Symbol.dispose](): void {
    this.known[Symbol.dispose]();
    this.oidc[Symbol.dispose]();
    this.enforcements[Symbol.dispose]();
  }
}
