/**
 * The second factor of a login, asked for in the one place where what an auth method grants becomes a token. On the thread
 * that writes, and at the hub: nobody else knows which codes were used.
 */
import { fail } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import type { JsonObject } from '../../framework/field.ts';
import type { Identity } from '../identity/identity-store.ts';
import { namespacesReread } from '../keys.ts';
import type { MountRecord } from '../mounts/mount.ts';
import type { Namespace } from '../namespaces/namespace.ts';
import type { RequestServices } from '../services.ts';
import type { NewToken, TokenSpec } from '../tokens/new-tokens.ts';
import { passcodeOf, type Credentials } from './credentials.ts';
import { EnforcedLogins } from './enforced.ts';
import type { FoundEnforcement } from './enforcements.ts';
import type { FoundMethod } from './methods.ts';
import { PendingLogins, type PendingLogin } from './pending-logins.ts';
import type { MethodRecord } from './records.ts';
import { newSecret, shownSecret, type Verdict } from './totp-secrets.ts';

/** A login whose first factor was right. */
export interface FirstFactor {
  readonly namespace: Namespace;
  readonly mount: Pick<MountRecord, 'uuid' | 'type' | 'accessor'>;
  readonly spec: TokenSpec;
  /** What came in the header of the login itself. */
  readonly credentials: () => Credentials | undefined;
  /** Nobody can come back with a code later. */
  readonly atOnce: boolean;
}

interface Asked {
  readonly namespace: Namespace;
  readonly identity: Identity;
  readonly enforced: readonly FoundEnforcement[];
  readonly offered: PendingLogin['offered'];
}

/** Why a login that needs a second factor cannot have one. */
export const HUB_ALONE = 'this login needs a second factor, which the hub alone can check: log in there';
export const NO_ENTITY = 'this login needs a second factor, and has no entity that could have one';
const NO_REQUEST =
  'invalid request ID: it is not one of a login that waits here, it was used, or five minutes are over';
const NOT_RIGHT = 'MFA credentials not supplied or incorrect';
const CHANGED = 'what this login needs has changed while the code was checked: send the factors that are asked for now';

/** Whether something is enforced now that was not looked at then, or by other methods. */
function asksMore(now: readonly FoundEnforcement[], then: readonly FoundEnforcement[]): boolean {
  const methodsOf = ({ record }: FoundEnforcement): string => JSON.stringify([record.id, record.methods]);
  const known = new Set(then.map(methodsOf));
  return now.some((each) => !known.has(methodsOf(each)));
}

/** Why a factor does not count, for who has shown the first one. */
function reasonOf(verdict: Verdict, { name, id, totp }: MethodRecord): string {
  const called = `"${name === '' ? id : name}"`;
  if (verdict.is === 'absent') return `MFA secret for method ${called} not present in entity`;
  if (verdict.is !== 'tooMany') return NOT_RIGHT;
  const seconds = String(Math.ceil(verdict.wait / 1_000));
  return `more than the ${String(totp.maxAttempts)} allowed TOTP validation attempts: try again in ${seconds} seconds`;
}

export class LoginMfa implements Disposable {
  readonly #services: RequestServices;
  readonly #enforcements: EnforcedLogins;
  readonly #pending: PendingLogins;
  readonly #observation: Disposable;

  constructor(services: RequestServices) {
    this.#services = services;
    this.#enforcements = new EnforcedLogins(services);
    this.#pending = new PendingLogins(services.now);
    this.#observation = services.store.observe((batch) => {
      this.#pending.drop(namespacesReread(batch));
    });
  }

  [Symbol.dispose](): void {
    this.#observation[Symbol.dispose]();
  }

  /**
   * undefined: the token may be made. Else what is still to be shown, and the login waits. Throws `permissionDenied`, and
   * `elsewhere` at a region.
   */
  async required(login: FirstFactor): Promise<JsonObject | undefined> {
    const { namespace, mount, spec } = login;
    const { entity = '' } = spec;
    const identity = entity === '' ? undefined : this.#services.identities.known.identity(namespace.id, entity);
    const enforced = this.#enforced(namespace, mount, identity);
    if (enforced.length === 0) return undefined;
    if (this.#services.identities.logins.region !== undefined) throw fail('elsewhere', HUB_ALONE);
    if (identity === undefined) throw fail('permissionDenied', NO_ENTITY);
    const credentials = login.credentials();
    if (credentials !== undefined) {
      const refused = await this.#refusal({ namespace, identity, enforced, offered: new Map() }, credentials);
      // As in Vault, who logs in at once is not told what was wrong; the audit is.
      if (refused !== undefined) throw fail('permissionDenied', undefined, { detail: refused });
      this.#assertStill({ namespace, mount, entity: identity.record.id, enforced });
      return undefined;
    }
    if (login.atOnce) {
      throw fail('permissionDenied', 'this login needs a second factor: send it with the request, in X-Vault-MFA');
    }
    const waiting = this.#pending.add({ namespace: namespace.id, mount: mount.uuid, entity: identity.record.id, spec });
    return this.#requirement(waiting.id, { namespace, identity, enforced, offered: waiting.offered });
  }

  /** Finishes a login that waits. What is asked for is what holds now. */
  async validate({ namespace }: Pick<Call, 'namespace'>, id: string, credentials: Credentials): Promise<NewToken> {
    const { services, login, asked } = this.#waiting(namespace, id);
    const { spec } = login;
    // First: a code that was taken counts no more, and for a token that a quota refuses none is.
    using _held = services.leaseQuotas.reserve(namespace, spec.counted);
    const refused = await this.#refusal(asked, credentials);
    if (refused !== undefined) throw fail('permissionDenied', refused);
    // Looked at once more: the code was being written down meanwhile.
    const { asked: now } = this.#waiting(namespace, id);
    if (asksMore(now.enforced, asked.enforced)) throw fail('permissionDenied', CHANGED);
    if (!this.#pending.remove(id)) throw fail('badRequest', NO_REQUEST);
    return services.tokens.create({ ...spec, entity: now.identity.record.id });
  }

  /** A secret for who has no factor that does, where the method lets them: it is stored once its first code was right. */
  async offer({ namespace }: Pick<Call, 'namespace'>, id: string, methodId: string): Promise<JsonObject> {
    const { login, asked } = this.#waiting(namespace, id);
    const method = this.#methodsOf(asked).find(({ record }) => record.id === methodId)?.record;
    if (method === undefined) throw fail('badRequest', 'the login does not ask for a method with this mfa_method_id');
    if (!method.totp.selfEnrollment) throw fail('badRequest', 'self-enrollment is not enabled for this MFA method');
    if (this.#has(asked, method)) throw fail('badRequest', 'the entity already has a secret for this MFA method');
    const asking = asked.enforced.filter((each) => this.#methods(each).some(({ record }) => record.id === methodId));
    // Else whoever has a password could do without the factor of its owner.
    if (asking.every((each) => this.#isEnrolled(asked, each))) {
      throw fail(
        'badRequest',
        'the entity already has a secret for another MFA method that will do: log in by that one',
      );
    }
    const secret = newSecret(method.totp);
    login.offered.set(method.id, secret);
    return shownSecret(secret, method.totp, login.entity);
  }

  /** Throws `badRequest` for what is not waiting there, `permissionDenied` for whom there is no entity any more. */
  #waiting(namespace: Namespace, id: string) {
    const { identities, mounts } = this.#services;
    const login = this.#pending.get(id);
    if (login?.namespace !== namespace.id) throw fail('badRequest', NO_REQUEST);
    const identity = identities.known.identity(namespace.id, login.entity);
    const mounted = mounts.byUuid(login.mount);
    // One that moved ended what logins at its old path gave.
    const isThere = mounted?.namespace === namespace.id && login.spec.path.startsWith(mounted.path);
    if (identity?.record.disabled !== false || !isThere) {
      this.#pending.remove(id);
      throw fail('permissionDenied');
    }
    const enforced = this.#enforced(namespace, mounted.record, identity);
    return { services: this.#services, login, asked: { namespace, identity, enforced, offered: login.offered } };
  }

  /** While a code was written down, its entity or mount can have gone, and more can have come to be asked for. */
  #assertStill({
    namespace,
    mount,
    entity,
    enforced,
  }: Pick<FirstFactor, 'namespace' | 'mount'> & {
    readonly entity: string;
    readonly enforced: readonly FoundEnforcement[];
  }): void {
    const { identities, mounts } = this.#services;
    const identity = identities.known.identity(namespace.id, entity);
    const isThere = identity?.record.disabled === false && mounts.byUuid(mount.uuid)?.namespace === namespace.id;
    if (!isThere || asksMore(this.#enforced(namespace, mount, identity), enforced)) {
      throw fail('permissionDenied', undefined, { detail: CHANGED });
    }
  }

  #enforced(namespace: Namespace, mount: FirstFactor['mount'], identity: Identity | undefined) {
    return this.#enforcements.over({ namespace, mount, identity });
  }

  #has({ namespace, identity }: Asked, method: MethodRecord): boolean {
    return this.#enforcements.has(namespace, identity, method);
  }

  #methods(enforcement: FoundEnforcement): readonly FoundMethod[] {
    return this.#enforcements.methods(enforcement);
  }

  #methodsOf({ enforced }: Asked): readonly FoundMethod[] {
    return enforced.flatMap((each) => this.#methods(each));
  }

  #requirement(id: string, asked: Asked): JsonObject {
    const names = asked.enforced.map(({ record }) => record.name);
    const constraints = asked.enforced.map((each) => {
      const { namespace, record } = each;
      // Two namespaces may both have one of the name, and both are asked for.
      const isOnly = names.indexOf(record.name) === names.lastIndexOf(record.name);
      const isEnrolled = this.#isEnrolled(asked, each);
      const any = this.#methods(each).map(({ record: method }) => ({
        ...{ type: method.type, id: method.id, uses_passcode: true, name: method.name },
        ...(method.totp.selfEnrollment && !isEnrolled ? { self_enrollment_enabled: true } : {}),
      }));
      return [isOnly ? record.name : `${namespace.path}${record.name}`, { any }] as const;
    });
    return { mfa_request_id: id, mfa_constraints: Object.fromEntries(constraints) };
  }

  #isEnrolled({ namespace, identity }: Asked, enforcement: FoundEnforcement): boolean {
    return this.#enforcements.isEnrolled(namespace, identity, enforcement);
  }

  /** Why the factors do not do; undefined when they do. A code that was right is used up either way. */
  async #refusal(asked: Asked, credentials: Credentials): Promise<string | undefined> {
    // Several enforcements may ask for one method, whose code counts once.
    const verdicts = new Map<string, Verdict>();
    const isEnrolled = (each: FoundEnforcement): boolean => this.#isEnrolled(asked, each);
    const enrolled = asked.enforced.filter(isEnrolled);
    // A new secret is stored last: not by who lacks a factor that the entity has.
    for (const enforcement of [...enrolled, ...asked.enforced.filter((each) => !enrolled.includes(each))]) {
      const isNew = !enrolled.includes(enforcement);
      let reason = NOT_RIGHT;
      let satisfied = false;
      const methods = this.#methods(enforcement);
      for (const method of methods) {
        const code = codeFor(method, credentials);
        const { record } = method;
        if (code === undefined || (!isNew && !this.#has(asked, record))) continue;
        const others = methods.map((each) => each.record.id);
        const verdict = verdicts.get(record.id) ?? (await this.#take(asked, method, { code, others }));
        verdicts.set(record.id, verdict);
        satisfied = verdict.is === 'right';
        if (satisfied) break;
        reason = reasonOf(verdict, record);
      }
      if (!satisfied) return `failed to satisfy enforcement ${enforcement.record.name}: ${reason}`;
    }
    return undefined;
  }

  #take(
    { namespace, identity, offered }: Asked,
    method: FoundMethod,
    { code, others }: { readonly code: string; readonly others: readonly string[] },
  ): Promise<Verdict> {
    const { totp } = this.#services.identities;
    const whose = { namespace: namespace.id, entity: identity.record.id };
    const own = offered.get(method.record.id);
    const owner = { ...whose, method: method.record };
    if (own === undefined || totp.has(owner)) return totp.take(owner, code);
    return totp.adopt({ ...whose, method }, own, { code, others });
  }
}

/** By the id of the method, its name, or its name behind its namespace. */
function codeFor({ namespace, record }: FoundMethod, credentials: Credentials): string | undefined {
  const names = [record.id, ...(record.name === '' ? [] : [record.name, `${namespace.path}${record.name}`])];
  const factors = names.map((each) => credentials.get(each)).find((each) => each !== undefined);
  return factors === undefined ? undefined : passcodeOf(factors);
}
