/**
 * Who can do something: policies, groups, entities and the logins that lead there, found by walking them. Each entity and
 * each login is decided by its own policies, as a request would be.
 */
import type { LoginTerms } from '../framework/plugin.ts';
import { nextTurn } from '../lib/next-turn.ts';
import { identityKeys } from './identity/identity-keys.ts';
import type { Identity } from './identity/identity-store.ts';
import { isWithin, type Namespace } from './namespaces/namespace.ts';
import type { Acl } from './policy/index.ts';
import type { Wanted } from './policy/explain.ts';
import { couldHelp, grantingRules, grants } from './policy/granting.ts';
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

/** Names of policies of one namespace. */
interface Judged {
  /** With a rule that grants it. */
  readonly granting: ReadonlySet<string>;
  /** Without which nobody is allowed it. */
  readonly helping: ReadonlySet<string>;
  /** With a rule that grants it to some, by its template. */
  readonly templated: ReadonlySet<string>;
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
  /**
   * What a login by an auth method gives. `conditional`: to those whose values fill a template of a policy so, or whom a
   * program, or a claim in their names, gives such a policy. `by_program`: that is how they are given; which ones is not known.
   */
  readonly logins: readonly (Named & {
    readonly mount: string;
    readonly policies: readonly string[];
    readonly conditional: boolean;
    readonly by_program: boolean;
  })[];
  /** Kinds of which there are more than were asked for. */
  readonly truncated: readonly string[];
}

type Given = Pick<WhoCan['logins'][number], 'policies' | 'conditional' | 'by_program'>;

/** There are policies that help: whether a program or a claim gives one of them, only a login tells. */
const DECIDED_LATER: Given = { policies: [], conditional: true, by_program: true };

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
    const judged = await this.#visitPolicies(namespace);
    if (judged.helping.size === 0) return;
    this.#visitGroups(namespace, judged.granting);
    await this.#visitEntities(namespace, judged.helping);
    await this.#visitLogins(namespace, judged);
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

  async #visitPolicies({ id, path: namespace }: Namespace): Promise<Judged> {
    const { policies } = this.#services;
    const granting = new Set<string>();
    const helping = new Set<string>();
    const templated = new Set<string>();
    for (const name of policies.list(id)) {
      await this.#pause();
      const policy = policies.parsed(id, name);
      const rules = policy === undefined ? [] : grantingRules(policy, this.#question.wanted, this.#path);
      if (rules.length > 0) granting.add(name);
      if (rules.some((rule) => rule.templated)) templated.add(name);
      if (rules.length > 0 || (policy !== undefined && couldHelp(policy, this.#question.wanted, this.#path))) {
        helping.add(name);
      }
      for (const { line, path } of rules) this.#add('policies', this.#policies, { namespace, name, line, path });
    }
    return { granting, helping, templated };
  }

  #visitGroups({ id, path: namespace }: Namespace, granting: ReadonlySet<string>): void {
    for (const { name, policies } of this.#services.identities.known.groups(id).all()) {
      const own = policies.filter((each) => granting.has(each));
      if (own.length > 0) this.#add('groups', this.#groups, { namespace, name, policies: own });
    }
  }

  async #visitEntities({ id, path: namespace }: Namespace, helping: ReadonlySet<string>): Promise<void> {
    const holder = { namespace: id, policies: [], entityNamespace: id };
    for await (const entity of this.#entityIds(id)) {
      const identity = this.#services.identities.known.identity(id, entity);
      const own = identity?.policies.filter((each) => helping.has(each)) ?? [];
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

  async #visitLogins(namespace: Namespace, judged: Judged): Promise<void> {
    for await (const { mount, terms } of this.#loginsOf(namespace)) {
      const given = terms.byProgram === true ? DECIDED_LATER : await this.#givenBy(terms, { namespace, judged });
      if (given === undefined) continue;
      const login = { namespace: namespace.path, name: terms.name, mount, ...given };
      if (!this.#add('logins', this.#logins, login)) return;
    }
  }

  /** What a login gives whoever it is; undefined where that does not help. */
  async #givenBy(
    terms: LoginTerms,
    { namespace, judged: { helping, templated } }: { readonly namespace: Namespace; readonly judged: Judged },
  ): Promise<Given | undefined> {
    const policies = terms.noDefaultPolicy ? terms.policies : [...terms.policies, 'default'];
    const own = policies.filter((policy) => helping.has(policy));
    if (own.length === 0) return undefined;
    await this.#pause();
    const conditional = !this.#allows(this.#aclOf(namespace, policies));
    if (conditional && !own.some((policy) => templated.has(policy))) return undefined;
    return { policies: own, conditional, by_program: false };
  }

  /** In pages, by the mounts that can tell. */
  async *#loginsOf({ id }: Namespace): AsyncIterable<{ readonly mount: string; readonly terms: LoginTerms }> {
    for (const { plugin, instance, path: mount } of this.#services.mounts.all(id)) {
      const { logins } = plugin;
      if (logins === undefined) continue;
      for (let after: string | undefined; ;) {
        const page = logins(instance, { limit: AT_ONCE, ...(after === undefined ? {} : { after }) });
        yield* page.map((terms) => ({ mount, terms }));
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
    return acl.root || grants(acl.deciding(this.#path)?.capabilities ?? 0, this.#question.wanted);
  }
}
