/**
 * Questions and answers between two threads, over their message ports. What is asked or answered in one go goes as one
 * message: it is the waking of the other thread that is dear, not what is said.
 */
import { errors, fail, isLockstepError, type ErrorCode } from '../../errors.ts';
import { Places } from '../places.ts';

/** What can be asked over a line: by name, what goes in and what comes back; both must be structured-cloneable. */
export type Asks = Readonly<Record<string, { readonly argument: unknown; readonly answer: unknown }>>;

export type Answers<A extends Asks> = {
  readonly [K in keyof A]: (argument: A[K]['argument']) => A[K]['answer'] | Promise<A[K]['answer']>;
};

/** A `Worker` here, the `parentPort` there. */
export interface Port {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (messages: readonly Message[]) => void): unknown;
}

interface Failure {
  readonly code: ErrorCode | undefined;
  readonly message: string;
}

type Message =
  | { readonly ask: string; readonly id: number; readonly argument: unknown }
  | { readonly answer: unknown; readonly to: number }
  | { readonly failure: Failure; readonly to: number };

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

/** Nobody waits for an answer. */
const NOBODY = 0;
/** An id is another's once its answer has come. */
const FIRST = 1;

/** `Theirs` is answered by the other end, `Ours` by this one. Messages arrive in the order in which they were sent. */
export class Line<Theirs extends Asks, Ours extends Asks> {
  readonly #port: Port;
  readonly #answers: Answers<Ours>;
  readonly #waiting = new Places<Waiting>();
  #unsent: Message[] = [];
  readonly #arrived: Message[] = [];
  #isResting = false;
  #cut: Error | undefined;

  constructor(port: Port, answers: Answers<Ours>) {
    this.#port = port;
    this.#answers = answers;
    port.on('message', (messages) => {
      this.#arrived.push(...messages);
      if (!this.#isResting) this.#receiveAll();
    });
  }

  /** Rejects with what the other end threw, or when the line is cut. */
  ask<K extends keyof Theirs & string>(name: K, argument: Theirs[K]['argument']): Promise<Theirs[K]['answer']> {
    if (this.#cut !== undefined) return Promise.reject(this.#cut);
    return new Promise((resolve, reject) => {
      const id = FIRST + this.#waiting.take({ resolve, reject });
      this.#post({ ask: name, id, argument });
    });
  }

  /** Without an answer. */
  tell<K extends keyof Theirs & string>(name: K, argument: Theirs[K]['argument']): void {
    if (this.#cut === undefined) this.#post({ ask: name, id: NOBODY, argument });
  }

  /** The other end is gone: whoever waits is told so. */
  cut(): void {
    this.#cut ??= fail('shuttingDown');
    for (const { reject } of this.#waiting.values()) reject(this.#cut);
  }

  /** What waits for an answer goes on before what was asked after it: that may be about what it begins. */
  #receiveAll(): void {
    let answered = false;
    for (let next = this.#arrived[0]; next !== undefined; next = this.#arrived[0]) {
      if ('ask' in next && answered) {
        this.#isResting = true;
        setImmediate(() => {
          this.#isResting = false;
          this.#receiveAll();
        });
        return;
      }
      answered ||= !('ask' in next);
      this.#arrived.shift();
      this.#receive(next);
    }
  }

  #receive(message: Message): void {
    if ('ask' in message) {
      void this.#reply(message.ask, message.id, message.argument);
      return;
    }
    const waiting = this.#waiting.leave(message.to - FIRST);
    if ('answer' in message) waiting?.resolve(message.answer as never);
    else waiting?.reject(errorOf(message.failure));
  }

  async #reply(name: string, id: number, argument: unknown): Promise<void> {
    let message: Message;
    try {
      const answer = this.#answers[name];
      if (answer === undefined) throw fail('internal', `a thread was asked for "${name}", which it does not know`);
      message = { answer: await answer(argument), to: id };
    } catch (error) {
      message = { failure: failureOf(error), to: id };
    }
    if (id !== NOBODY) this.#post(message);
  }

  #post(message: Message): void {
    this.#unsent.push(message);
    if (this.#unsent.length > 1) return;
    // They come together already: questions mostly with the requests that are served together, answers by what all of them waited for
    // (a flush, a write of the audit file). To wait for the end of a turn would often be to wait for the next one's.
    process.nextTick(() => this.#send());
  }

  #send(): void {
    const messages = this.#unsent;
    this.#unsent = [];
    try {
      this.#port.postMessage(messages);
    } catch {
      const told: unknown[] = [];
      for (const message of messages) this.#sendAlone(message, told);
      if (told.length > 0) throw new AggregateError(told, 'a thread told another what cannot cross');
    }
  }

  /** What cannot cross is the failure of nothing but itself; of what nobody waits for, it is put into `told`. */
  #sendAlone(message: Message, told: unknown[]): void {
    try {
      this.#port.postMessage([message]);
    } catch (error) {
      if (!('ask' in message)) this.#port.postMessage([{ failure: failureOf(error), to: message.to }]);
      else if (message.id === NOBODY) told.push(error);
      else this.#waiting.leave(message.id - FIRST)?.reject(fail('internal', undefined, { cause: error }));
    }
  }
}

/** Without the stack, and without the message of what is no error of the catalogue: it may quote what it went wrong on. */
function failureOf(error: unknown): Failure {
  if (isLockstepError(error)) return { code: error.code, message: error.message };
  return { code: undefined, message: error instanceof Error ? error.name : 'a value that is no error' };
}

function errorOf({ code, message }: Failure): Error {
  if (code !== undefined && Object.hasOwn(errors, code)) return fail(code, message);
  return fail('internal', `another thread failed: ${message}`);
}
