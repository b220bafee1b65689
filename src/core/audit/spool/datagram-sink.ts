/** UDP, or a Unix socket with datagrams: an entry is one datagram. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { DgramSocket } from 'node-unix-socket';
import { codeOrMessage } from '../../../lib/error-code.ts';
import type { RemoteSink } from './remote-sink.ts';

/** 65,535 bytes with the headers of UDP and IPv4. */
export const UDP_BYTES = 65_507;
/** What Linux gives a Unix socket to send with, less what it takes for itself. */
export const UNIX_BYTES = 160 * 1024;

interface Datagrams {
  readonly send: (line: Buffer) => Promise<void>;
  readonly close: () => void;
}

export interface UdpTarget {
  readonly type: 'udp4' | 'udp6';
  readonly host: string;
  readonly port: number;
  readonly name: string;
}

class DatagramSink implements RemoteSink {
  readonly confirms: boolean;
  readonly #open: () => Promise<Datagrams>;
  #datagrams: Datagrams | undefined;

  constructor(confirms: boolean, open: () => Promise<Datagrams>) {
    this.confirms = confirms;
    this.#open = open;
  }

  async send(lines: readonly Buffer[]): Promise<number> {
    this.#datagrams ??= await this.#open();
    let count = 0;
    for (const line of lines) {
      try {
        await this.#datagrams.send(line);
        count += 1;
      } catch (error) {
        // The next call is told, if it is still so.
        if (count > 0) break;
        throw error;
      }
    }
    return count;
  }

  reset(): void {
    this.#datagrams?.close();
    this.#datagrams = undefined;
  }

  close(): Promise<boolean> {
    this.reset();
    return Promise.resolve(this.confirms);
  }
}

/** That nobody is at its end is told some time after a datagram was sent, if at all: the last ones are sent again then. */
export function udpSink({ type, host, port, name }: UdpTarget, lost: () => void): RemoteSink {
  return new DatagramSink(false, async () => {
    const socket = createSocket(type);
    socket.connect(port, host);
    try {
      await once(socket, 'connect');
    } catch (error) {
      socket.close();
      throw unreachable(name, error);
    }
    return udp(socket, name, lost);
  });
}

function udp(socket: Socket, name: string, lost: () => void): Datagrams {
  let failed: Error | undefined;
  socket.on('error', (error) => {
    failed = error;
    lost();
  });
  return {
    send: (line) =>
      new Promise((resolve, reject) => {
        if (failed !== undefined) {
          reject(unreachable(name, failed));
          return;
        }
        socket.send(line, (error) => {
          if (error === null) resolve();
          else reject(unreachable(name, error));
        });
      }),
    close: () => {
      socket.close();
    },
  };
}

/** Node has no Unix sockets with datagrams; the package is loaded once one is asked for. */
export function unixDatagramSink(path: string): RemoteSink {
  return new DatagramSink(true, async () => {
    const { DgramSocket: Opened } = await import('node-unix-socket');
    const socket: DgramSocket = new Opened();
    socket.on('error', () => undefined);
    return {
      send: (line) =>
        new Promise((resolve, reject) => {
          socket.sendTo(line, 0, line.length, path, (error) => {
            if (error === undefined || (error as unknown) === null) resolve();
            else reject(unreachable(path, error));
          });
        }),
      close: () => {
        socket.close();
      },
    };
  });
}

function unreachable(name: string, error: unknown): Error {
  return new Error(`${name} takes no datagrams: ${codeOrMessage(error)}`, { cause: error });
}
