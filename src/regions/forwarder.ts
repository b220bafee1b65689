/** The shell of `forward.ts`: one machine a request, over whatever connection to the hub there is. */
import { encodeIndex } from '../core/freshness.ts';
import { fail, isLockstepError } from '../errors.ts';
import type { Access } from '../core/requests/access.ts';
import type { Outcome } from '../framework/request.ts';
import { randomBytes } from '../lib/crypto/random.ts';
import type { Machine } from '../lib/machine.ts';
import type { Position } from '../storage/store.ts';
import type { HubConnection } from './cluster-client.ts';
import { decodeReply, encodeForward, type ForwardReply } from './forward-wire.ts';
import { forward, type Forward, type ForwardEvent, type ForwardInput, type ForwardOutput } from './forward.ts';

export interface ForwarderOptions {
  readonly connection: () => HubConnection | undefined;
  /** Where this region's copy stands in the hub's log. */
  readonly shows: () => Position | undefined;
}

const CONFIG = { patience: 5_000, attempt: 10_000, show: 5_000 } as const;

export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #running = new Set<Forwarding>();

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  /** The hub's answer, once this region shows the write. Throws `hubUnreachable` at once while there is no hub. */
  async forward(access: Access): Promise<Outcome> {
    const forwarding = new Forwarding(this.#options, encodeForward(access));
    this.#running.add(forwarding);
    try {
      return await forwarding.answer;
    } finally {
      this.#running.delete(forwarding);
    }
  }

  /** The copy moved. */
  shown(): void {
    const position = this.#options.shows();
    if (position === undefined) return;
    for (const each of this.#running) each.feed({ type: 'shows', position });
  }

  tick(): void {
    for (const each of this.#running) each.feed({ type: 'tick' });
  }
}

class Forwarding {
  readonly answer: Promise<Outcome>;
  readonly #options: ForwarderOptions;
  readonly #body: string;
  readonly #machine: Machine<Forward, ForwardInput, ForwardOutput> = forward(CONFIG);
  readonly #resolve: (outcome: Outcome) => void;
  readonly #reject: (error: Error) => void;
  #state: Forward = this.#machine.initial;
  #reply: ForwardReply | undefined;
  #refused: Error | undefined;

  constructor(options: ForwarderOptions, body: string) {
    this.#options = options;
    this.#body = body;
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    this.answer = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    const position = options.shows();
    if (position !== undefined) this.feed({ type: 'shows', position });
    this.feed({ type: 'start' });
  }

  feed(event: ForwardEvent): void {
    const random = randomBytes(4).readUInt32BE() / 2 ** 32;
    const { state, outputs } = this.#machine.step(this.#state, { ...event, now: performance.now(), random });
    this.#state = state;
    for (const output of outputs) {
      if (output.type === 'send') void this.#send(output.attempt);
      else this.#end(output.result);
    }
  }

  async #send(attempt: number): Promise<void> {
    const connection = this.#options.connection();
    if (connection === undefined || connection.session.destroyed) {
      queueMicrotask(() => {
        this.feed({ type: 'failed', attempt, reached: false });
      });
      return;
    }
    try {
      const reply = decodeReply(await connection.forward(this.#body, AbortSignal.timeout(CONFIG.attempt)));
      this.#reply = reply;
      this.feed({ type: 'replied', position: reply.position });
    } catch (error) {
      // The hub's own refusal is an answer; all else leaves open whether it wrote.
      if (isLockstepError(error, 'hubRefused')) {
        this.#refused = error;
        this.#reject(error);
        return;
      }
      this.feed({ type: 'failed', attempt, reached: true });
    }
  }

  #end(result: Extract<ForwardOutput, { type: 'answer' }>['result']): void {
    if (this.#refused !== undefined) return;
    if (result === 'hubUnreachable') this.#reject(fail('hubUnreachable'));
    else if (result === 'unknown' || this.#reply === undefined) {
      this.#reject(
        fail(
          'hubUnreachable',
          'the hub did not answer: the write may have been made; ask again under the same X-Lockstep-Idempotency-Key',
        ),
      );
    } else this.#resolve(result === 'shown' ? this.#reply.outcome : ahead(this.#reply));
  }
}

/** This region does not show the write yet: the index that the reply carries is what to wait for. */
function ahead({ outcome, log, position }: ForwardReply): Outcome {
  return { ...outcome, headers: { ...outcome.headers, 'X-Vault-Index': encodeIndex({ [log]: position }) } };
}
