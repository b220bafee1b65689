/**
 * A link between two processes on loopback that fails as one between regions does: it delays every byte, is cut in the
 * middle of a frame, or goes silent, so that neither end learns that the other is gone.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

export class FaultyLink implements AsyncDisposable {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  readonly #delayMs: number;
  readonly #target: number;
  #severAfter: number | undefined;
  #down = false;

  private constructor(server: Server, target: number, delayMs: number) {
    this.#server = server;
    this.#target = target;
    this.#delayMs = delayMs;
    server.on('connection', (near) => {
      this.#relay(near);
    });
  }

  /** `delayMs` is for one way. */
  static async open(target: number, delayMs: number): Promise<FaultyLink> {
    const server = createServer({ noDelay: true });
    const link = new FaultyLink(server, target, delayMs);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return link;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Refuses new connections and ends those that are open, until `up`. */
  down(): void {
    this.#down = true;
    this.#end();
  }

  up(): void {
    this.#down = false;
  }

  /** The next bytes towards the region are passed on up to `bytes`, then all connections end. */
  severAfter(bytes: number): void {
    this.#severAfter = bytes;
  }

  /** What is open now passes nothing on any more, and stays open at both ends; new connections work. */
  silence(): void {
    for (const { near, far } of this.#pairs) {
      near.removeAllListeners().on('error', () => undefined);
      far.removeAllListeners().on('error', () => undefined);
      near.resume();
      far.resume();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#end();
    await closed;
  }

  #end(): void {
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
    this.#pairs.clear();
  }

  #relay(near: Socket): void {
    near.on('error', () => undefined);
    if (this.#down) {
      near.destroy();
      return;
    }
    const far = connect({ host: '127.0.0.1', port: this.#target, noDelay: true });
    far.on('error', () => undefined);
    const pair = { near, far };
    this.#pairs.add(pair);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (chunk: Buffer) => {
        setTimeout(() => {
          this.#pass(chunk, to, to === near);
        }, this.#delayMs);
      });
      from.once('close', () => {
        setTimeout(() => {
          to.destroy();
          this.#pairs.delete(pair);
        }, this.#delayMs);
      });
    }
  }

  #pass(chunk: Buffer, to: Socket, toRegion: boolean): void {
    if (to.destroyed) return;
    const left = toRegion ? this.#severAfter : undefined;
    if (left === undefined || chunk.length < left) {
      to.write(chunk);
      if (left !== undefined) this.#severAfter = left - chunk.length;
      return;
    }
    this.#severAfter = undefined;
    to.write(chunk.subarray(0, left), () => {
      this.#end();
    });
  }
}
