/** Who logs in: the entity of an alias, made at its first login. */
import { fail } from '../../errors.ts';
import type { Snapshot, Store } from '../../storage/store.ts';
import type { MountRecord } from '../mounts/mount.ts';
import { assertThere } from '../namespaces/namespace-changes.ts';
import { newEntity } from './entity-changes.ts';
import { EntityReads, EntityWrites } from './entity-records.ts';
import { factorOf, type Factor } from './factors.ts';
import { entityByFactor, type Identity, type IdentityStore } from './identity-store.ts';
import { saidBy, sayGroups } from './said-groups.ts';
import { checkAliasName, sameMetadata, type AliasRecord, type EntityRecord, type Metadata } from './records.ts';

/** What the auth method says of who logs in. */
export interface LoginAlias {
  readonly name: string;
  readonly metadata?: Metadata;
  /** All that it says of groups; absent: nothing. */
  readonly groups?: readonly string[];
}

export interface Foreseen {
  readonly identity: Identity;
  /** It would be the first login. */
  readonly isNew: boolean;
}

interface Login {
  readonly namespace: string;
  readonly mount: MountRecord;
  readonly alias: LoginAlias;
  readonly factor: Factor;
}

/** Ids that an entity had before and may not have again; no honest history has so many. */
const MOST_FORMER = 1_000;

export interface LoginsOptions {
  readonly store: Store;
  readonly identities: IdentityStore;
  /** This node's region; undefined at the hub. */
  readonly region: string | undefined;
  readonly now: () => number;
}

const said = (alias: LoginAlias): Metadata | null => alias.metadata ?? null;

export class Logins {
  readonly #options: LoginsOptions;

  constructor(options: LoginsOptions) {
    this.#options = options;
  }

  /** This node's; undefined at the hub. */
  get region(): string | undefined {
    return this.#options.region;
  }

  /**
   * The id of the entity. Of one that is known nothing is written, unless the method says something new of it at the hub. At
   * a region a new one is kept there, under the id that the hub would give. Throws `permissionDenied` when it is disabled.
   */
  async entityOf(namespace: string, mount: MountRecord, alias: LoginAlias): Promise<string> {
    const { store, region } = this.#options;
    const { login, known } = this.#found(namespace, mount, alias);
    const entity = known === undefined || this.#hasNews(known, login) ? await this.#written(login) : known;
    if (entity.disabled) throw fail('permissionDenied');
    const { groups } = alias;
    if (groups !== undefined) await sayGroups(store, entity, { namespace, region: region ?? 'hub', mount, groups });
    return entity.id;
  }

  /** Who `entityOf` would find or make, with what the groups give that are said: nothing is written. Throws as it does. */
  foreseen(namespace: string, mount: MountRecord, alias: LoginAlias): Foreseen {
    const { store, identities, region = 'hub' } = this.#options;
    const { login, known } = this.#found(namespace, mount, alias);
    using snapshot = store.snapshot();
    const record = known === undefined ? this.#new(snapshot, login) : this.#told(known, login);
    if (record.disabled) throw fail('permissionDenied');
    const { groups } = alias;
    const said = groups === undefined ? undefined : saidBy({ namespace, region, mount, groups });
    return { identity: identities.foreseen(namespace, record, said), isNew: known === undefined };
  }

  #found(namespace: string, mount: MountRecord, alias: LoginAlias) {
    const { identities, region = 'hub' } = this.#options;
    checkAliasName(alias.name);
    const factor = factorOf(mount, alias.name, { namespace, region, of: 'entity' });
    const login: Login = { namespace, mount, alias, factor };
    return { login, known: identities.entityByFactor(namespace, factor.text) };
  }

  /**
   * At a renewal: which groups the method says now. Of somebody else than the token's entity nothing is written: they log in
   * first.
   */
  async renewed(namespace: string, mount: MountRecord, alias: LoginAlias, entity: string): Promise<void> {
    const { store, identities, region = 'hub' } = this.#options;
    const { groups } = alias;
    const known = identities.entityByFactor(
      namespace,
      factorOf(mount, alias.name, { namespace, region, of: 'entity' }).text,
    );
    if (groups === undefined || known?.id !== entity) return;
    await sayGroups(store, known, { namespace, region, mount, groups });
  }

  #hasNews(known: EntityRecord, { factor, alias, mount }: Login): boolean {
    if (this.#options.region !== undefined) return false;
    const own = known.aliases.find((each) => each.factor === factor.text);
    // The mount has another id where it moved away and came back.
    return own !== undefined && (own.mount !== mount.uuid || !sameMetadata(own.metadata, said(alias)));
  }

  async #written(login: Login): Promise<EntityRecord> {
    const { store, region } = this.#options;
    const cls = region === undefined ? 's' : 'l';
    const { value } = await store.transact((tx) => {
      assertThere(tx, { id: login.namespace });
      const known = entityByFactor(tx, login.namespace, login.factor.text);
      const record = known === undefined ? this.#new(tx, login) : this.#told(known, login);
      if (record !== known) new EntityWrites(tx, login.namespace, cls).put(known, record);
      return record;
    });
    return value;
  }

  /** Of the first login: an id that nobody has or had. */
  #new(from: Pick<Snapshot, 'get' | 'has'>, { namespace, mount, alias, factor }: Login): EntityRecord {
    const now = this.#options.now();
    const shared = new EntityReads(from, namespace);
    const own = new EntityReads(from, namespace, this.#options.region === undefined ? 's' : 'l');
    const attempt = firstFree((n) => shared.isTaken(factor.id(n)) || own.isTaken(factor.id(n)));
    const aliasId = factor.aliasId(
      firstFree((n) => shared.isAliasTaken(factor.aliasId(n)) || own.isAliasTaken(factor.aliasId(n))),
    );
    const id = factor.id(attempt);
    const first: AliasRecord = {
      ...{ id: aliasId, name: alias.name, mount: mount.uuid, accessor: mount.accessor, factor: factor.text },
      ...{ metadata: said(alias), customMetadata: null, createdAt: now, updatedAt: now, mergedFrom: [] },
    };
    return { ...newEntity(id, own.freeName(id), now), aliases: [first] };
  }

  /** The same record where the method says nothing new of it. */
  #told(known: EntityRecord, login: Login): EntityRecord {
    if (!this.#hasNews(known, login)) return known;
    const { alias, factor, mount } = login;
    const now = this.#options.now();
    const aliases = known.aliases.map((each) =>
      each.factor === factor.text ? { ...each, mount: mount.uuid, metadata: said(alias), updatedAt: now } : each,
    );
    return { ...known, aliases };
  }
}

function firstFree(isTaken: (attempt: number) => boolean): number {
  for (let attempt = 0; attempt < MOST_FORMER; attempt += 1) if (!isTaken(attempt)) return attempt;
  throw fail('conflict', 'this login has had too many entities: give it one with identity/entity-alias');
}
