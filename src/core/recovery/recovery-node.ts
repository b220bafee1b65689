/**
 * A node in recovery mode: the storage, the barrier and nothing above them. For a node that does not start any more, since a
 * record is damaged that everything else is opened from. Enough shares make its one token, which reads and changes records by
 * their keys; it ends with the process. Nothing else is served, nothing is due, no region is told anything.
 */
import { fail, isLockstepError, type LockstepError } from '../../errors.ts';
import type { Path } from '../../framework/path.ts';
import type { Handler, Outcome, Request } from '../../framework/request.ts';
import { compileRouter, type Match, type Router } from '../../framework/router.ts';
import { coerce } from '../../framework/values.ts';
import { equalSecret } from '../../lib/crypto/hash.ts';
import { randomBase62 } from '../../lib/crypto/random.ts';
import type { Logger } from '../../lib/log.ts';
import { Secret } from '../../lib/secret.ts';
import type { SealLifecycle } from '../../seal/lifecycle.ts';
import type { Store } from '../../storage/store.ts';
import type { AuditBroker } from '../audit/broker.ts';
import { ROOT } from '../namespaces/namespace.ts';
import { SealableStore } from '../namespaces/sealable-store.ts';
import { clientOf, makeCall } from '../requests/access.ts';
import { asFailure, failure, outcomeOf } from '../requests/pipeline.ts';
import { RootGeneration } from '../root-generation.ts';
import { CUT_OFF, selfInitUnfinished } from '../self-init.ts';
import { auditedReply, auditedRequest } from './recorded.ts';
import { NAMESPACE_SEALS, RawRecords } from './raw-records.ts';

export interface RecoveryNodeOptions {
  readonly lifecycle: SealLifecycle;
  readonly paths: readonly Path<RecoveryNode>[];
  readonly region: boolean;
  readonly log: Logger;
  readonly now: () => number;
  /** With at least one device. Throws when none can record: then nothing is opened. */
  readonly openAudit: (store: Store) => Promise<AuditBroker>;
}

interface Opened {
  /** To be disposed. */
  readonly sealable: SealableStore | undefined;
  readonly records: RawRecords;
  readonly audit: AuditBroker;
  token: Secret<string> | undefined;
}

/** How long a seal that unseals by itself may take. */
const OPEN_MS = 60_000;
const ONE_TOKEN = 'there is a recovery token already: end this server and start it again for another one';
const newRecoveryToken = (): string => `hvr.${randomBase62(24)}`;

export class RecoveryNode implements Handler, AsyncDisposable {
  /** Refuses a second attempt once there is a token. */
  readonly generation: RootGeneration;
  readonly #options: RecoveryNodeOptions;
  readonly #router: Router<RecoveryNode>;
  #opened: Opened | undefined;

  constructor(options: RecoveryNodeOptions) {
    const { lifecycle } = options;
    this.#options = options;
    this.#router = compileRouter(options.paths);
    this.generation = new RootGeneration({
      seal: {
        get shareholders() {
          return lifecycle.shareholders;
        },
        authorise: (shares) => this.#open(shares),
      },
      newId: newRecoveryToken,
      keep: (id) => {
        if (this.#opened === undefined) throw fail('sealed');
        this.#opened.token = new Secret(id);
        options.log.warn('recovery mode: the token is made, records can be read and changed');
        return Promise.resolve();
      },
    });
  }

  /** Throws `sealed` before the token is made. */
  get records(): RawRecords {
    if (this.#opened === undefined) throw fail('sealed');
    return this.#opened.records;
  }

  async handle(request: Request): Promise<Outcome> {
    const failed = (error: unknown): Outcome => failure(request, asFailure(this.#options, request, error));
    try {
      const asked = this.#look(request);
      return await (this.#opened === undefined ? this.#opening(request, asked) : this.#recorded(request, asked));
    } catch (error) {
      return failed(error);
    }
  }

  /** On SIGHUP. */
  async reload(): Promise<void> {
    await this.#opened?.audit.reopen();
  }

  /** The keys are gone also when the audit could not be closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    this.generation.cancel();
    try {
      await opened?.sealable?.[Symbol.asyncDispose]();
      await opened?.audit[Symbol.asyncDispose]();
    } finally {
      this.#options.lifecycle.seal();
    }
  }

  /** Nothing of what it throws depends on a token. */
  #look(request: Request): Match<RecoveryNode> {
    const { path, namespace } = request;
    const match = path.startsWith('sys/') && namespace === '' ? this.#router.match(path.slice(4)) : undefined;
    if (match === undefined || request.help) throw fail('noHandler', 'not served in recovery mode');
    if (match.path.operations[request.verb] === undefined) throw fail('unsupportedOperation');
    return match;
  }

  /** The audit's keys lie behind the seal that this request may open: it is put on record as soon as there is one. */
  async #opening(request: Request, match: Match<RecoveryNode>): Promise<Outcome> {
    this.#authorise(request, match);
    const outcome = await this.#run(request, match);
    const audit = this.#opened?.audit;
    if (audit !== undefined) {
      const call = auditedRequest(request, undefined);
      await audit.request(call);
      await audit.response(call, auditedReply(outcome));
    }
    return outcome;
  }

  async #recorded(request: Request, match: Match<RecoveryNode>): Promise<Outcome> {
    const audit = this.#opened?.audit;
    let refusal: LockstepError | undefined;
    try {
      this.#authorise(request, match);
    } catch (error) {
      refusal = asFailure(this.#options, request, error);
    }
    const call = auditedRequest(request, refusal);
    await audit?.request(call);
    const outcome = refusal === undefined ? await this.#run(request, match) : failure(request, refusal);
    await audit?.response(call, auditedReply(outcome));
    return outcome;
  }

  #authorise(request: Request, match: Match<RecoveryNode>): void {
    const token = this.#opened?.token?.expose();
    if (match.path.access === 'open') {
      if (token !== undefined && request.verb === 'update') throw fail('badRequest', ONE_TOKEN);
      return;
    }
    if (token === undefined || request.token === undefined || !equalSecret(request.token, token)) {
      throw fail('permissionDenied');
    }
  }

  /** Throws what the catalogue has no word for: a request that failed by our fault is logged by who called. */
  async #run(request: Request, match: Match<RecoveryNode>): Promise<Outcome> {
    try {
      const { values } = coerce(match, request.body ?? {}, request.query);
      const asked = { request, routed: undefined, namespace: ROOT };
      const call = makeCall(asked, clientOf(undefined, request.address), this.#options.now());
      const operation = match.path.operations[request.verb];
      if (operation === undefined) throw fail('unsupportedOperation');
      return outcomeOf(request, await operation.run(this, values as never, call));
    } catch (error) {
      if (isLockstepError(error)) return failure(request, error);
      throw error;
    }
  }

  /** Whether the shares are right; then the barrier and the audit are open. With auto-unseal the seal opens it for the proof. */
  async #open(shares: readonly Uint8Array[]): Promise<boolean> {
    const { lifecycle } = this.#options;
    const { auto } = lifecycle.shareholders;
    if (lifecycle.status().migration) {
      throw fail(
        'badRequest',
        'the seal is to be migrated: migrate it, or configure the seal of before, and start again',
      );
    }
    try {
      if (auto) await lifecycle.open(AbortSignal.timeout(OPEN_MS));
      if (!(await lifecycle.authorise(shares))) {
        lifecycle.seal();
        return false;
      }
      if (!auto) for (const share of shares) await lifecycle.unseal(share);
      if (selfInitUnfinished(lifecycle.store)) throw fail('invalidConfig', CUT_OFF);
      this.#opened = await this.#openRecords(lifecycle.store);
      return true;
    } catch (error) {
      lifecycle.seal();
      throw error;
    }
  }

  /**
   * Which namespaces have keys of their own is read from the table of namespaces. Where there are none, that is left alone,
   * since it may be what is damaged.
   */
  async #openRecords(store: Store): Promise<Opened> {
    const { now, region, openAudit } = this.#options;
    const some = someKey(store, NAMESPACE_SEALS);
    const sealable = some ? new SealableStore(store, { now }) : undefined;
    try {
      const audit = await openAudit(store);
      const records = new RawRecords({ store: sealable ?? store, domains: sealable?.domains, region });
      return { sealable, records, audit, token: undefined };
    } catch (error) {
      await sealable?.[Symbol.asyncDispose]();
      throw error;
    }
  }
}

function someKey(store: Store, prefix: string): boolean {
  using snapshot = store.snapshot();
  return snapshot.list(prefix, { limit: 1 }).length > 0;
}
