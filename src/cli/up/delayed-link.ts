/**
 * A link between two processes on this machine that behaves like one between regions: a TCP relay that holds every byte
 * back for a while, and can be cut. Order is kept, and a slow reader slows the writer.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface LinkTarget {
  readonly host: string;
  readonly port: number;
}

/** Bytes on their way in one direction; more wait at the sender. */
const IN_FLIGHT = 16 * 1024 * 1024;

export class DelayedLink implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #target: LinkTarget;
  readonly #delayMs: number;

  private constructor(server: Server, target: LinkTarget, delayMs: number) {
    this.#server = server;
    this.#target = target;
    this.#delayMs = delayMs;
    server.on('connection', (socket) => {
      this.#relay(socket);
    });
  }

  /** Listens on a free port of loopback. `delayMs` is for one way: a round trip takes twice as long. */
  static async open(target: LinkTarget, delayMs: number): Promise<DelayedLink> {
    const server = createServer({ noDelay: true });
    const link = new DelayedLink(server, target, delayMs);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return link;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends what is open; new connections are taken. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    await closed;
  }

  #relay(near: Socket): void {
    const far = connect({ ...this.#target, noDelay: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => undefined);
      from.once('close', () => {
        this.#sockets.delete(from);
        setTimeout(() => to.destroy(), this.#delayMs);
      });
      this.#hold(from, to);
    }
  }

  #hold(from: Socket, to: Socket): void {
    let held = 0;
    from.on('data', (chunk) => {
      held += chunk.length;
      if (held > IN_FLIGHT) from.pause();
      setTimeout(() => {
        held -= chunk.length;
        if (held <= IN_FLIGHT) from.resume();
        if (!to.destroyed) to.write(chunk);
      }, this.#delayMs);
    });
    from.once('end', () => {
      setTimeout(() => to.end(), this.#delayMs);
    });
  }
}
