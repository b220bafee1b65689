/** A TCP connection, or a Unix socket with a stream. */
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { codeOrMessage } from '../../../lib/error-code.ts';
import type { RemoteSink } from './remote-sink.ts';

export interface StreamTarget {
  readonly to: NetConnectOpts;
  /** For messages. */
  readonly name: string;
  /** Milliseconds for which a connection may take nothing. */
  readonly timeout: number;
}

/** How long its end may take to say that it has read all. */
const CLOSE_MS = 1_000;

export class StreamSink implements RemoteSink {
  readonly confirms = false;
  readonly #target: StreamTarget;
  readonly #lost: () => void;
  #socket: Socket | undefined;
  #connecting: Socket | undefined;

  constructor(target: StreamTarget, lost: () => void) {
    this.#target = target;
    this.#lost = lost;
  }

  async send(lines: readonly Buffer[]): Promise<number> {
    const socket = this.#socket ?? (await this.#connect());
    await new Promise<void>((resolve, reject) => {
      const ended = (): void => {
        reject(new Error(`the connection to ${this.#target.name} ended`));
      };
      // With progress the time begins anew (Node looks at what the kernel took), so a slow reader is no dead one.
      const stalled = (): void => {
        reject(new Error(`${this.#target.name} takes nothing`));
      };
      socket.once('close', ended).once('timeout', stalled);
      socket.write(Buffer.concat(lines), (error) => {
        socket.off('close', ended).off('timeout', stalled);
        if (error === null || error === undefined) resolve();
        else reject(new Error(`the connection to ${this.#target.name} ended: ${codeOrMessage(error)}`));
      });
    });
    return lines.length;
  }

  reset(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
    this.#connecting?.destroy(new Error('it is given up'));
  }

  close(): Promise<boolean> {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return Promise.resolve(false);
    return new Promise((resolve) => {
      let ended = false;
      const timer = setTimeout(() => socket.destroy(), Math.min(this.#target.timeout, CLOSE_MS));
      socket.once('end', () => (ended = true));
      socket.once('close', (failed) => {
        clearTimeout(timer);
        resolve(ended && !failed);
      });
      socket.end();
    });
  }

  #connect(): Promise<Socket> {
    const { to, name, timeout } = this.#target;
    return new Promise((resolve, reject) => {
      const socket = connect(to);
      this.#connecting = socket;
      socket.setTimeout(timeout);
      const refused = (error: Error): void => {
        this.#connecting = undefined;
        socket.destroy();
        reject(new Error(`${name} cannot be reached: ${codeOrMessage(error)}`));
      };
      const late = (): void => {
        refused(new Error('it does not answer'));
      };
      socket.once('error', refused).once('timeout', late);
      socket.once('connect', () => {
        socket.off('error', refused).off('timeout', late);
        // What it says is of no use, but must be read, or its end is never seen.
        socket.on('error', ignore).resume();
        socket.once('close', () => {
          if (this.#socket !== socket) return;
          this.#socket = undefined;
          this.#lost();
        });
        this.#connecting = undefined;
        this.#socket = socket;
        resolve(socket);
      });
    });
  }
}

function ignore(): void {}
