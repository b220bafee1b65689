/** Bodies that are too large for memory: they flow between the connection and a stream, at the slower one's pace. */
import type { IncomingMessage } from 'node:http';
import { Transform, type Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorCode } from '../lib/error-code.ts';
import { ConnectionError, explainConnection } from './connection-error.ts';
import { throwIfRefused, unusable } from './reply.ts';
import { collect, type Transport, type WireRequest } from './transport.ts';

/** Milliseconds for the server to work while nothing flows: it writes a snapshot before it sends one. */
const WORK_MS = 15 * 60_000;
/** Bytes of a reply that says what went wrong. */
const longestReply = 1024 * 1024;

export interface Transfer {
  readonly address: string;
  readonly url: string;
  /** Milliseconds in which not one byte may flow. */
  readonly silenceMs: number;
  /** Told how many bytes have passed. */
  readonly progress?: ((bytes: number) => void) | undefined;
  /** Ends it from outside. */
  readonly signal?: AbortSignal | undefined;
}

/** Aborts when nothing has been heard for as long as was said last. */
class Watchdog implements Disposable {
  readonly #controller = new AbortController();
  readonly #address: string;
  #timer: NodeJS.Timeout | undefined;

  constructor(address: string) {
    this.#address = address;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  expect(withinMs: number): void {
    clearTimeout(this.#timer);
    if (withinMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => {
      const message = `${this.#address}: nothing came or went for ${String(withinMs)} ms`;
      this.#controller.abort(new ConnectionError(message, { code: 'TIMEOUT', transient: true, sent: true }));
    }, withinMs);
  }

  /** Cuts the connection. */
  abandon(): void {
    this.#controller.abort();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

/** Sends the request and gives the body of its reply to a sink, which is made once the server has agreed. */
export async function download(
  transport: Transport,
  wire: WireRequest,
  sink: () => Writable,
  transfer: Transfer,
): Promise<void> {
  using watchdog = new Watchdog(transfer.address);
  watchdog.expect(WORK_MS);
  const { signal: ended } = transfer;
  const signal = ended === undefined ? watchdog.signal : AbortSignal.any([watchdog.signal, ended]);
  const message = await transport.open(wire, signal);
  await refuse(message, wire, transfer);
  watchdog.expect(transfer.silenceMs);
  try {
    await pipeline(message, meter(watchdog, transfer), sink(), { signal });
  } catch (error) {
    ended?.throwIfAborted();
    throw explained(error, watchdog, transfer);
  }
}

/** Sends the request with what `content` gives, `length` bytes, and waits for the reply. */
export async function upload(
  transport: Transport,
  wire: WireRequest,
  content: () => Readable,
  transfer: Transfer,
): Promise<void> {
  using watchdog = new Watchdog(transfer.address);
  watchdog.expect(transfer.silenceMs);
  const metered = (): Readable => {
    const source = content();
    const through = meter(watchdog, transfer);
    through.once('end', () => watchdog.expect(WORK_MS));
    source.on('error', (error) => through.destroy(error));
    through.on('close', () => source.destroy());
    return source.pipe(through);
  };
  try {
    const message = await transport.open(wire, watchdog.signal, metered);
    await refuse(message, wire, transfer);
    await collect(message, longestReply, transfer.address);
  } catch (error) {
    // A refusal can come before all has been sent: the rest is not.
    watchdog.abandon();
    throw error;
  }
}

function meter(watchdog: Watchdog, { silenceMs, progress }: Transfer): Transform {
  let passed = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      watchdog.expect(silenceMs);
      passed += chunk.length;
      progress?.(passed);
      done(null, chunk);
    },
  });
}

async function refuse(message: IncomingMessage, wire: WireRequest, { address, url }: Transfer): Promise<void> {
  const { statusCode: status = 0 } = message;
  if (status < 300) return;
  const reply = await collect(message, longestReply, address);
  throwIfRefused(reply, wire, url);
  throw unusable(address, 'it redirects: use the address of the node itself', 'REDIRECT');
}

/** What the connection did; the errors of a file are its owner's. */
function explained(error: unknown, { signal }: Watchdog, { address }: Transfer): unknown {
  if (signal.aborted) return signal.reason;
  const ofConnection = errorCode(error) === 'ECONNRESET';
  return ofConnection ? explainConnection(error, address, true) : error;
}
