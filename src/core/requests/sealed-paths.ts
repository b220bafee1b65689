/** The few paths that work while a node is sealed. Nothing is audited: the audit's keys are behind the seal too. */
import { fail, isLockstepError } from '../../errors.ts';
import type { Path } from '../../framework/path.ts';
import type { Outcome, Request } from '../../framework/request.ts';
import { compileRouter, type Router } from '../../framework/router.ts';
import { coerce } from '../../framework/values.ts';
import { chain } from '../../lib/chain.ts';
import type { Logger } from '../../lib/log.ts';
import { ROOT } from '../namespaces/namespace.ts';
import { clientOf, makeCall } from './access.ts';
import { NOT_HERE } from './missing.ts';
import { isOpen } from './open-paths.ts';
import { asFailure, failure, outcomeOf } from './pipeline.ts';

export interface SealedOptions<Mount> {
  readonly systemPaths: readonly Path<Mount>[];
  readonly log: Logger;
  readonly now: () => number;
}

export class SealedPaths<Mount> {
  readonly #mount: Mount;
  readonly #router: Router<Mount>;
  readonly #options: SealedOptions<Mount>;

  /** Of `options.systemPaths` those that say that they work while sealed; they run on `mount`. */
  constructor(mount: Mount, options: SealedOptions<Mount>) {
    this.#mount = mount;
    this.#options = options;
    this.#router = compileRouter(options.systemPaths.filter((path) => path.sealed === true));
  }

  handle(request: Request): Outcome | Promise<Outcome> {
    const failed = (error: unknown): Outcome =>
      failure(request, isLockstepError(error) ? error : asFailure(this.#options, request, error));
    try {
      const match = request.path.startsWith('sys/') ? this.#router.match(request.path.slice(4)) : undefined;
      if (match === undefined) throw fail('sealed');
      // What is about the node is not served to those who are let into one namespace alone.
      if (request.listener.chroot !== undefined && match.path.namespaces !== true) throw fail('badRequest', NOT_HERE);
      const operation = match.path.operations[request.verb];
      if (operation === undefined) throw fail('unsupportedOperation');
      if (match.path.access === 'metrics' && !isOpen(match.path, request)) throw fail('sealed');
      const { values } = coerce(match, request.body ?? {}, request.query);
      const call = makeCall(
        { request, routed: undefined, namespace: ROOT },
        clientOf(undefined, request.address),
        this.#options.now(),
      );
      const outcome = chain(operation.run(this.#mount, values as never, call), (reply) => outcomeOf(request, reply));
      return outcome instanceof Promise ? outcome.catch(failed) : outcome;
    } catch (error) {
      return failed(error);
    }
  }
}
