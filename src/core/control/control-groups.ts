/**
 * Requests that wait for approval (control groups). Such a request is kept as it was sent, in the cubbyhole of a new token
 * that stands for it; others approve by its accessor; who unwraps the token has it done, once, with the rights that the
 * requester has then (`release.ts`). All of it is this node's own, like wrapped responses.
 */
import { fail } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import type { JsonObject } from '../../framework/field.ts';
import { recordAt } from '../../lib/record.ts';
import type { ControlGroup } from '../policy/index.ts';
import { CONTROL_POLICY } from '../policy/wrapping-policy.ts';
import type { Access } from '../requests/access.ts';
import type { RequestServices } from '../services.ts';
import type { Token } from '../tokens/token.ts';
import { BAD_WRAPPING_TOKEN, type WrappedInfo } from '../wrapping/wrapping.ts';
import { cannotWait } from './cannot-wait.ts';
import { areMet, counts, isMember, samePerson, type Approver, type Factor, type Person } from './factors.ts';
import { encodeWaiting, kept, waitingKey, type Approval, type Waiting } from './waiting.ts';

/** Seconds, where neither the policy nor `sys/config/control-group` says; Vault's. */
export const USUAL_TTL = 24 * 3_600;

/** Of one request. Who may approve is in a group that a policy names: no honest request needs so many. */
const MOST_APPROVALS = 1_000;

/** A request that waits, and the token that stands for it. */
export interface Found {
  readonly token: Token;
  readonly waiting: Waiting;
}

const isControl = ({ record: { policies } }: Token): boolean => policies.length === 1 && policies[0] === CONTROL_POLICY;

type Asking = Pick<Call, 'token' | 'namespace'>;

export class ControlGroups {
  readonly #services: RequestServices;
  /** Storage keys of tokens whose requests are being done right now. */
  readonly #running = new Set<string>();

  constructor(services: RequestServices) {
    this.#services = services;
  }

  /** Keeps a request until it is approved: the `wrap_info` that is answered in its place. Throws where it cannot wait. */
  async defer(access: Access, control: ControlGroup): Promise<JsonObject> {
    const { tokens, now } = this.#services;
    const { request, call, token, operation } = access;
    const refusal = cannotWait(this.#services, access);
    if (refusal !== undefined) throw refusal;
    if (token === undefined) throw fail('internal');
    const ttl = this.#ttlOf(control);
    const { id: namespace } = call.namespace;
    const requester = this.#requesterOf(token);
    const waiting: Waiting = {
      request: kept(request, namespace),
      ...{ operation, tokenKey: token.key, factors: this.factorsOf(control), approvals: [], ttl },
      ...(requester === undefined ? {} : { requester }),
      created: new Date(now()).toISOString(),
    };
    const bytes = encodeWaiting(waiting);
    const made = await tokens.create(
      {
        ...{ path: request.path, namespace, ttl, explicitMaxTtl: ttl, maxTtl: 0, period: 0, numUses: 0 },
        ...{ renewable: false, noDefaultPolicy: true, policies: [CONTROL_POLICY], meta: null, displayName: '' },
        // It ends with the token that asked.
        ...{ boundCidrs: [], role: '', parent: token },
      },
      (tx, key) => {
        tx.put(waitingKey(key), bytes);
      },
    );
    return {
      ...{ token: made.id, accessor: made.token.record.accessor, ttl },
      ...{ creation_time: waiting.created, creation_path: request.path },
    };
  }

  #ttlOf({ ttl = USUAL_TTL }: ControlGroup): number {
    const { max_ttl: most = 0 } = this.#services.config.controlGroup ?? {};
    return most > 0 ? Math.min(ttl, most) : ttl;
  }

  /** Factors of policies, with the ids of namespaces, which never mean another one. */
  factorsOf({ factors }: ControlGroup): readonly Factor[] {
    return factors.map(({ name, groupNames, groupIds, approvals, selfAllowed, namespace }) => ({
      ...{ name, groupNames, groupIds, approvals, selfAllowed },
      // Nobody is in a namespace that is gone: nobody approves then.
      namespace: this.#services.namespaces.byPath(namespace)?.id ?? '',
    }));
  }

  #requesterOf({ namespace, record: { entity, entityNamespace = namespace } }: Token): Person | undefined {
    return entity === '' ? undefined : { entity, namespace: entityNamespace };
  }

  /** Who an entity is now, if it is still there and may do anything. */
  #approver({ namespace, entity }: Person): Approver | undefined {
    const found = this.#services.identities.known.identity(namespace, entity);
    if (found === undefined || found.record.disabled) return undefined;
    return { namespace, entity: found.record.id, groups: found.groups };
  }

  /** The token works: it is there, and so is the mount that it logged in by. */
  tokenOf(key: string): Token | undefined {
    return this.#services.tokens.byKey(key);
  }

  /** Those whose approval holds now. It ends with the token that gave it, and with the entity's right to give it. */
  approversOf({ approvals, factors, requester }: Waiting): readonly Approver[] {
    const self = this.personNow(requester);
    const now = approvals.flatMap((approval) => {
      const approver = this.tokenOf(approval.tokenKey) === undefined ? undefined : this.#approver(approval);
      return approver === undefined ? [] : [approver];
    });
    return now
      .filter((approver) => factors.some((factor) => counts(factor, approver, self)))
      .filter((approver, at, all) => all.findIndex((each) => samePerson(each, approver)) === at);
  }

  /** After all merges. One that is gone stays who it was. */
  personNow(person: Person | undefined): Person | undefined {
    if (person === undefined) return undefined;
    const found = this.#services.identities.known.identity(person.namespace, person.entity);
    return { namespace: person.namespace, entity: found?.record.id ?? person.entity };
  }

  /** `factors`: what the policies of today ask for beside those of then. */
  isApproved(waiting: Waiting, factors: readonly Factor[] = []): boolean {
    const approvers = this.approversOf(waiting);
    const requester = this.personNow(waiting.requester);
    return areMet([...waiting.factors, ...factors], approvers, requester);
  }

  /** The entity's name, or its id where it has none any more. */
  nameOf({ namespace, entity }: Person): string {
    return this.#services.identities.known.identity(namespace, entity)?.record.name ?? '';
  }

  /** By the accessor that the requester was told, in the namespace of the request. Throws `badRequest`. */
  byAccessor(namespace: string, accessor: string): Found {
    const found = this.#found(this.#services.tokens.byAccessor(namespace, accessor));
    if (found === undefined) throw fail('badRequest', 'invalid accessor: no request waits for approval under it');
    return found;
  }

  /** By the token itself; undefined when it is none that stands for a request, or one of another namespace. */
  byToken(id: string, { token: own, namespace }: Asking): Found | undefined {
    const found = this.#found(this.#services.tokens.find(id));
    return found !== undefined && (id === own || found.token.namespace === namespace.id) ? found : undefined;
  }

  #found(token: Token | undefined): Found | undefined {
    if (token === undefined || !isControl(token)) return undefined;
    const waiting = recordAt<Waiting>(this.#services.store, waitingKey(token.key));
    return waiting === undefined ? undefined : { token, waiting };
  }

  /** As of a wrapped response. */
  lookup({ waiting: { created, ttl, request } }: Found): WrappedInfo {
    return { creation_time: created, creation_path: request.path, creation_ttl: ttl };
  }

  /**
   * Writes down that `client` approves. A second time changes nothing, but that the approval now ends with this token. Throws
   * `permissionDenied` for who may not, and `badRequest` for a token that an approval could not be checked by later.
   */
  async authorize({ token, waiting }: Found, { client }: Call): Promise<Waiting> {
    const approver = this.#mayApprove(waiting, client);
    const given: Approval = {
      ...{ namespace: approver.namespace, entity: approver.entity },
      ...{ tokenKey: client.tokenKey, at: this.#services.now() },
    };
    const { value } = await this.#services.store.transact((tx) => {
      const found = recordAt<Waiting>(tx, waitingKey(token.key));
      if (found === undefined || found.released !== undefined) {
        throw fail('badRequest', 'invalid accessor: the request waits no more');
      }
      const others = found.approvals.filter((each) => !samePerson(each, given));
      if (others.length >= MOST_APPROVALS) throw fail('badRequest', 'the request has too many approvals');
      const after: Waiting = { ...found, approvals: [...others, given] };
      tx.put(waitingKey(token.key), encodeWaiting(after));
      return after;
    });
    return value;
  }

  #mayApprove({ factors, requester }: Waiting, client: Call['client']): Approver {
    const { tokenKey, entity, entityNamespace: namespace } = client;
    if (tokenKey === '') throw fail('badRequest', 'a batch token approves nothing: use a service token');
    if (this.tokenOf(tokenKey)?.record.numUses === -1) {
      throw fail('badRequest', 'the token had one use left, and the approval would end with it: use another token');
    }
    const approver = entity === '' ? undefined : this.#approver({ namespace, entity });
    if (approver === undefined) {
      throw fail('permissionDenied', 'a token without an entity approves nothing: log in by an auth method');
    }
    const self = this.personNow(requester);
    if (factors.some((factor) => counts(factor, approver, self))) return approver;
    throw fail(
      'permissionDenied',
      factors.some((factor) => isMember(factor, approver))
        ? 'who asks does not approve: the policy asks for the approval of others'
        : 'this entity is in none of the groups that may approve the request',
    );
  }

  /**
   * Takes the request to be done: one of many gets it, and nobody after. What it said is gone from the storage then; that it was
   * taken stays until it is done. Throws `badRequest`.
   */
  async take({ token, waiting: known }: Found): Promise<void> {
    const { store, now } = this.#services;
    const { key } = token;
    if (this.#running.has(key)) throw fail('badRequest', BAD_WRAPPING_TOKEN);
    this.#running.add(key);
    try {
      await store.transact((tx) => {
        const found = recordAt<Waiting>(tx, waitingKey(key));
        if (found === undefined) throw fail('badRequest', BAD_WRAPPING_TOKEN);
        if (found.released !== undefined) throw interrupted(found.released);
        const { body: _body, ...bare } = known.request;
        const taken: Waiting = { ...found, request: { ...bare, query: {} }, released: now() };
        tx.put(waitingKey(key), encodeWaiting(taken));
      });
    } catch (error) {
      this.#running.delete(key);
      throw error;
    }
  }

  /** It was done, or has failed: nothing of it is left. */
  async finish({ token }: Found): Promise<void> {
    try {
      await this.#services.revocation.revoke(token.key);
    } finally {
      this.#running.delete(token.key);
    }
  }

  /** Throws where it was taken before: right now by another, or before this node was stopped. */
  assertWaits({ token, waiting: { released } }: Found): void {
    if (this.#running.has(token.key)) throw fail('badRequest', BAD_WRAPPING_TOKEN);
    if (released !== undefined) throw interrupted(released);
  }
}

/** It is not done a second time, since it may have been done: who asked has to look. */
function interrupted(released: number) {
  const at = new Date(released).toISOString();
  return fail(
    'badRequest',
    `the request was released at ${at} and this node stopped before it answered: whether it was done is not known, ` +
      'and it is not done again. Look, and ask anew if it was not',
  );
}
