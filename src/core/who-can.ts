/**
 * Who can do something: policies, groups, entities and the logins that lead there, found by walking them. Each entity and
 * each login is decided by its own policies, as a request would be.
 */
import { nextTurn } from '../lib/next-turn.ts';
import { identityKeys } from './identity/identity-keys.ts';
import type { Identity } from './identity/identity-store.ts';
import { isWithin, type Namespace } from './namespaces/namespace.ts';
import type { Acl } from './policy/index.ts';
import { has } from './policy/capability.ts';
import type { Wanted } from './policy/explain.ts';
import { grantingRules } from './policy/granting.ts';
import type { Services } from './services.ts';

/** Keys of entities and logins that are read at once. */
const AT_ONCE = 200;

/** What is judged in one turn of the event loop: policies that are parsed, sets of them that are compiled. */
const JUDGED_AT_ONCE = 25;

type WhoCanServices = Pick<Services, 'store' | 'namespaces' | 'policies' | 'identities' | 'mounts'>;

export interface WhoCanQuestion {
  /** Where it is asked; holders of the namespaces above are not told. */
  readonly namespace: Namespace;
  /** Below that namespace. */
  readonly path: string;
  readonly wanted: Wanted;
  /** Of each kind at most so many. */
  readonly limit: number;
}

interface Named {
  /** The path of its namespace; empty for the root one. */
  readonly namespace: string;
  readonly name: string;
}

export interface WhoCan {
  /** Rules that grant it, if no other goes first. */
  readonly policies: readonly (Named & { readonly line: number; readonly path: string })[];
  /** Groups with such a policy of their own. */
  readonly groups: readonly (Named & { readonly policies: readonly string[] })[];
  /** Entities that can by what is theirs and their groups'. `logins`: mounts and names that they log in by. */
  readonly entities: readonly (Named & {
    readonly id: string;
    readonly policies: readonly string[];
    readonly logins: readonly string[];
  })[];
  /** What a login by an auth method gives, whoever logs in. */
  readonly logins: readonly (Named & { readonly mount: string; readonly policies: readonly string[] })[];
  /** Kinds of which there are more than were asked for. */
  readonly truncated: readonly string[];
}

export async function whoCan(services: WhoCanServices, question: WhoCanQuestion): Promise<WhoCan> {
  const walk = new Walk(services, question);
  const { namespace, path } = question;
  const target = services.namespaces.place(namespace.path.slice(0, -1), path).namespace;
  const between = services.namespaces.below(namespace, true).filter((each) => isWithin(target, each));
  for (const each of [namespace, ...between]) await walk.visit(each);
  return walk.found();
}

class Walk {
  readonly #services: WhoCanServices;
  readonly #question: WhoCanQuestion;
  /** From the root namespace on. */
  readonly #path: string;
  readonly #policies: WhoCan['policies'][number][] = [];
  readonly #groups: WhoCan['groups'][number][] = [];
  readonly #entities: WhoCan['entities'][number][] = [];
  readonly #logins: WhoCan['logins'][number][] = [];
  readonly #truncated = new Set<string>();
  #judged = 0;

  constructor(services: WhoCanServices, question: WhoCanQuestion) {
    this.#services = services;
    this.#question = question;
    this.#path = question.namespace.path + question.path;
  }

  found(): WhoCan {
    return {
      policies: this.#policies,
      groups: this.#groups,
      entities: this.#entities,
      logins: this.#logins,
      truncated: [...this.#truncated],
    };
  }

  /** Called before each policy and each set of them: both can be long. */
  async #pause(): Promise<void> {
    this.#judged += 1;
    if (this.#judged % JUDGED_AT_ONCE === 0) await nextTurn();
  }

  async visit(namespace: Namespace): Promise<void> {
    const granting = await this.#visitPolicies(namespace);
    if (granting.size === 0) return;
    this.#visitGroups(namespace, granting);
    await this.#visitEntities(namespace, granting);
    await this.#visitLogins(namespace, granting);
  }

  /** False, and told, when there is no room for one more. */
  #add<T>(kind: string, list: T[], item: T): boolean {
    if (list.length >= this.#question.limit) {
      this.#truncated.add(kind);
      return false;
    }
    list.push(item);
    return true;
  }

  async #visitPolicies({ id, path: namespace }: Namespace): Promise<ReadonlySet<string>> {
    const { policies } = this.#services;
    const granting = new Set<string>();
    for (const name of policies.list(id)) {
      await this.#pause();
      const policy = policies.parsed(id, name);
      const rules = policy === undefined ? [] : grantingRules(policy, this.#question.wanted, this.#path);
      if (rules.length > 0) granting.add(name);
      for (const { line, path } of rules) this.#add('policies', this.#policies, { namespace, name, line, path });
    }
    return granting;
  }

  #visitGroups({ id, path: namespace }: Namespace, granting: ReadonlySet<string>): void {
    for (const { name, policies } of this.#services.identities.known.groups(id).all()) {
      const own = policies.filter((each) => granting.has(each));
      if (own.length > 0) this.#add('groups', this.#groups, { namespace, name, policies: own });
    }
  }

  async #visitEntities({ id, path: namespace }: Namespace, granting: ReadonlySet<string>): Promise<void> {
    const holder = { namespace: id, policies: [], entityNamespace: id };
    for await (const entity of this.#entityIds(id)) {
      const identity = this.#services.identities.known.identity(id, entity);
      const own = identity?.policies.filter((each) => granting.has(each)) ?? [];
      if (identity === undefined || own.length === 0) continue;
      await this.#pause();
      if (!this.#allows(this.#services.policies.acl({ ...holder, entity }))) continue;
      const { name } = identity.record;
      const logins = this.#aliasesOf(identity);
      if (!this.#add('entities', this.#entities, { namespace, name, id: entity, policies: own, logins })) return;
    }
  }

  /** Shared ones, and those of this node's own logins. */
  async *#entityIds(namespace: string): AsyncIterable<string> {
    const { store } = this.#services;
    for (const cls of ['s', 'l'] as const) {
      const prefix = identityKeys(namespace, cls).entities;
      const shared = identityKeys(namespace).entities;
      for (let after: string | undefined; ;) {
        using snapshot = store.snapshot();
        const page = snapshot.list(prefix, { limit: AT_ONCE, ...(after === undefined ? {} : { after }) });
        const ids = page.map((key) => key.slice(prefix.length));
        yield* cls === 's' ? ids : ids.filter((id) => !snapshot.has(shared + id));
        if (page.length < AT_ONCE) break;
        after = page.at(-1);
        await nextTurn();
      }
    }
  }

  #aliasesOf({ record }: Identity): readonly string[] {
    return record.aliases.map(({ mount, name }) => {
      const path = this.#services.mounts.byUuid(mount)?.path ?? '(a mount that is gone)/';
      return path + name;
    });
  }

  async #visitLogins(namespace: Namespace, granting: ReadonlySet<string>): Promise<void> {
    for (const { plugin, instance, path: mount } of this.#services.mounts.all(namespace.id)) {
      const { logins } = plugin;
      if (logins === undefined) continue;
      for (let after: string | undefined; ;) {
        const page = logins(instance, { limit: AT_ONCE, ...(after === undefined ? {} : { after }) });
        for (const each of page) {
          const policies = each.noDefaultPolicy ? each.policies : [...each.policies, 'default'];
          const own = policies.filter((policy) => granting.has(policy));
          if (own.length === 0) continue;
          await this.#pause();
          if (!this.#allows(this.#aclOf(namespace, policies))) continue;
          const login = { namespace: namespace.path, name: each.name, mount, policies: own };
          if (!this.#add('logins', this.#logins, login)) return;
        }
        if (page.length === 0) break;
        after = page.at(-1)?.name;
        await nextTurn();
      }
    }
  }

  #aclOf({ id }: Namespace, policies: readonly string[]): Acl {
    return this.#services.policies.acl({ namespace: id, policies });
  }

  /** Whatever parameters are bound to: who can with some, can. */
  #allows(acl: Acl): boolean {
    return acl.root || has(acl.deciding(this.#path)?.capabilities ?? 0, this.#question.wanted);
  }
}
