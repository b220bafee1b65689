/** The least that subscribes to events: a socket that reads frames (RFC 6455), so that ten thousand fit into a process. */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface Target {
  readonly address: string;
  readonly ca: string | undefined;
  readonly token: string;
  readonly path: string;
}

const TEXT = 1;
const CLOSE = 8;
const PING = 9;
/** Final, of this kind, masked with zeros: what a client sends must be masked. */
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);

export class Subscriber {
  readonly #socket: Socket;
  readonly #told: (text: string) => void;
  #held = Buffer.alloc(0);

  private constructor(socket: Socket, told: (text: string) => void) {
    this.#socket = socket;
    this.#told = told;
  }

  /** Resolves once it is welcomed; `told` gets each frame after that. Rejects with what the server answered instead. */
  static async open(target: Target, told: (text: string) => void): Promise<Subscriber> {
    const { hostname: host, port } = new URL(target.address);
    const secure = target.ca === undefined ? undefined : { host, port: Number(port), ca: target.ca };
    const socket = secure === undefined ? connect({ host, port: Number(port) }) : connectTls(secure);
    socket.write(
      `GET /v1/sys/events/subscribe/*?path=${encodeURIComponent(target.path)} HTTP/1.1\r\nHost: ${host}\r\n` +
        `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n` +
        `Sec-WebSocket-Protocol: lockstep.changes.v1\r\nX-Vault-Token: ${target.token}\r\n\r\n`,
    );
    return new Promise((resolve, reject) => {
      const subscriber = new Subscriber(socket, (text) => {
        if (text.startsWith('{"kind":"welcome"')) resolve(subscriber);
        else told(text);
      });
      socket.on('error', reject);
      socket.on('close', () => {
        reject(new Error('the server ended the connection'));
      });
      subscriber.#listen(reject);
    });
  }

  end(): void {
    this.#socket.destroy();
  }

  #listen(reject: (error: Error) => void): void {
    let upgraded = false;
    this.#socket.on('data', (chunk: Buffer<ArrayBuffer>) => {
      this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
      if (!upgraded) {
        const end = this.#held.indexOf('\r\n\r\n');
        if (end === -1) return;
        const status = this.#held.toString('latin1', 0, this.#held.indexOf('\r\n'));
        if (!status.startsWith('HTTP/1.1 101')) reject(new Error(this.#held.toString('latin1')));
        this.#held = this.#held.subarray(end + 4);
        upgraded = true;
      }
      while (this.#frame());
    });
  }

  /** Takes one frame; false when it is not complete. The server masks nothing and sends nothing above 64 KiB. */
  #frame(): boolean {
    const held = this.#held;
    if (held.length < 2) return false;
    const short = held[1] ?? 0;
    const start = short === 126 ? 4 : 2;
    const length = short === 126 && held.length >= 4 ? held.readUInt16BE(2) : short;
    if (held.length < start + length) return false;
    const kind = (held[0] ?? 0) & 0x0f;
    this.#held = held.subarray(start + length);
    if (kind === TEXT) this.#told(held.toString('latin1', start, start + length));
    else if (kind === PING) this.#socket.write(PONG);
    else if (kind === CLOSE)
      throw new Error(`the server closed a stream: ${held.toString('latin1', 4, start + length)}`);
    return true;
  }
}
