/** Passes requests on to a server, and says when a chosen one has come. */
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Relay extends AsyncDisposable {
  readonly address: string;
  /** Requests so far, and those of them that change something. */
  readonly seen: () => { readonly all: number; readonly writes: number };
  /** Calls `act` at the write that is the `count`th from now on: before it is passed on, or after it was answered. */
  readonly onWrite: (count: number, when: 'before' | 'after', act: () => void) => void;
  /** Answers the next `count` requests itself. */
  readonly refuse: (count: number, status: number, headers: Readonly<Record<string, string>>) => void;
}

export async function relayTo(target: string): Promise<Relay> {
  let [all, writes, left, refusals] = [0, 0, 0, 0];
  let plan: { when: 'before' | 'after'; act: () => void } | undefined;
  let refusal = { status: 503, headers: {} as Readonly<Record<string, string>> };
  const answer = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    all += 1;
    if (refusals > 0) {
      refusals -= 1;
      incoming.resume().on('end', () => outgoing.writeHead(refusal.status, refusal.headers).end('{"errors":["busy"]}'));
      return;
    }
    const write = incoming.method !== 'GET';
    if (write) writes += 1;
    const due = write && plan !== undefined && (left -= 1) === 0 ? plan : undefined;
    if (due?.when === 'before') {
      due.act();
      outgoing.destroy();
      return;
    }
    const passed = request(`${target}${incoming.url ?? ''}`, { method: incoming.method, headers: incoming.headers });
    passed.on('response', (reply) => {
      if (due !== undefined) {
        due.act();
        reply.resume();
        outgoing.destroy();
        return;
      }
      outgoing.writeHead(reply.statusCode ?? 500, reply.headers);
      reply.pipe(outgoing);
    });
    passed.on('error', () => outgoing.destroy());
    incoming.pipe(passed);
  };
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    seen: () => ({ all, writes }),
    onWrite: (count, when, act) => {
      [left, plan] = [count, { when, act }];
    },
    refuse: (count, status, headers) => {
      [refusals, refusal] = [count, { status, headers }];
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
