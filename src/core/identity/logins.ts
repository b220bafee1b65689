/** Who logs in: the entity of an alias, made at its first login. */
import { fail } from '../../errors.ts';
import type { Store, Transaction } from '../../storage/store.ts';
import type { MountRecord } from '../mounts/mount.ts';
import { assertThere } from '../namespaces/namespace-changes.ts';
import { newEntity } from './entity-changes.ts';
import { EntityWrites } from './entity-records.ts';
import { factorOf, type Factor } from './factors.ts';
import { entityByFactor, type IdentityStore } from './identity-store.ts';
import { sayGroups } from './said-groups.ts';
import { checkAliasName, sameMetadata, type AliasRecord, type EntityRecord, type Metadata } from './records.ts';

/** What the auth method says of who logs in. */
export interface LoginAlias {
  readonly name: string;
  readonly metadata?: Metadata;
  /** All that it says of groups; absent: nothing. */
  readonly groups?: readonly string[];
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

  /**
   * The id of the entity. Of one that is known nothing is written, unless the method says something new of it at the hub. At
   * a region a new one is kept there, under the id that the hub would give. Throws `permissionDenied` when it is disabled.
   */
  async entityOf(namespace: string, mount: MountRecord, alias: LoginAlias): Promise<string> {
    const { store, region } = this.#options;
    checkAliasName(alias.name);
    const factor = factorOf(mount, alias.name, { namespace, region: region ?? 'hub', of: 'entity' });
    const login = { namespace, mount, alias, factor };
    const known = entityByFactor(store, namespace, factor.text);
    const entity = known === undefined || this.#hasNews(known, login) ? await this.#written(login) : known;
    if (entity.disabled) throw fail('permissionDenied');
    const { groups } = alias;
    if (groups !== undefined) await sayGroups(store, entity, { namespace, region: region ?? 'hub', mount, groups });
    return entity.id;
  }

  #hasNews(known: EntityRecord, { factor, alias }: Login): boolean {
    if (this.#options.region !== undefined) return false;
    const own = known.aliases.find((each) => each.factor === factor.text);
    return own !== undefined && !sameMetadata(own.metadata, said(alias));
  }

  async #written(login: Login): Promise<EntityRecord> {
    const { store, region } = this.#options;
    const cls = region === undefined ? 's' : 'l';
    const { value } = await store.transact((tx) => {
      assertThere(tx, { id: login.namespace });
      const known = entityByFactor(tx, login.namespace, login.factor.text);
      const writes = new EntityWrites(tx, login.namespace, cls);
      if (known === undefined) return this.#made(tx, writes, login);
      return this.#hasNews(known, login) ? this.#told(writes, known, login) : known;
    });
    return value;
  }

  #made(tx: Transaction, writes: EntityWrites, { namespace, mount, alias, factor }: Login): EntityRecord {
    const now = this.#options.now();
    const shared = new EntityWrites(tx, namespace);
    const attempt = firstFree((n) => shared.isTaken(factor.id(n)) || writes.isTaken(factor.id(n)));
    const aliasId = factor.aliasId(
      firstFree((n) => shared.isAliasTaken(factor.aliasId(n)) || writes.isAliasTaken(factor.aliasId(n))),
    );
    const id = factor.id(attempt);
    const own: AliasRecord = {
      ...{ id: aliasId, name: alias.name, mount: mount.uuid, accessor: mount.accessor, factor: factor.text },
      ...{ metadata: said(alias), customMetadata: null, createdAt: now, updatedAt: now, mergedFrom: [] },
    };
    const record = { ...newEntity(id, writes.freeName(id), now), aliases: [own] };
    writes.put(undefined, record);
    return record;
  }

  #told(writes: EntityWrites, known: EntityRecord, { alias, factor }: Login): EntityRecord {
    const now = this.#options.now();
    const aliases = known.aliases.map((each) =>
      each.factor === factor.text ? { ...each, metadata: said(alias), updatedAt: now } : each,
    );
    const record = { ...known, aliases };
    writes.put(known, record);
    return record;
  }
}

function firstFree(isTaken: (attempt: number) => boolean): number {
  for (let attempt = 0; attempt < MOST_FORMER; attempt += 1) if (!isTaken(attempt)) return attempt;
  throw fail('conflict', 'this login has had too many entities: give it one with identity/entity-alias');
}
