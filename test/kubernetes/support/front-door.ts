/** An address that stays while what is behind it is started anew elsewhere, as a load balancer before API servers has it. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface FrontDoor extends AsyncDisposable {
  /** `https://127.0.0.1:…`. */
  readonly address: string;
}

/** `behind`: where each connection goes, asked when it comes. */
export async function frontDoor(behind: () => string): Promise<FrontDoor> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const target = connect(Number(new URL(behind()).port), '127.0.0.1');
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      open.add(socket);
      socket.on('error', () => other.destroy());
      socket.once('close', () => open.delete(socket));
      socket.pipe(other);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const socket of open) socket.destroy();
      await once(server, 'close');
    },
  };
}
