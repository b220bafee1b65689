import type { InFlight } from '../core/in-flight.ts';
import type { Handler } from '../framework/request.ts';
import { Endpoint, type Upgrade } from './endpoint.ts';
import type { ListenerSettings, Log } from './listener.ts';

export interface ServeOptions {
  readonly handler: Handler;
  readonly listeners: readonly ListenerSettings[];
  readonly log: Log;
  /** Is given the WebSocket upgrades of HTTP/1.1 connections; without it they are ordinary requests. */
  readonly upgrade?: Upgrade;
  /** Is told of each request that takes time. */
  readonly inFlight?: InFlight | undefined;
  /** Milliseconds that requests in work have to end when the server closes; 10 s if not given. */
  readonly grace?: number;
}

export interface Serving {
  /** In the order of the listeners: `http://127.0.0.1:8200`, `unix:///run/lockstep.sock`. */
  readonly addresses: readonly string[];
  readonly close: () => Promise<void>;
  /** Reads certificates anew. Never throws: what cannot be used is logged and the old stays. */
  readonly reload: () => Promise<void>;
  /** Has the clients of TCP come anew, since other threads listen too. */
  readonly renew: () => void;
  /** Of TLS, since the start. */
  readonly handshakes: () => number;
}

/**
 * Serves `handler` on all listeners, or on none: throws `listenFailed` or `invalidConfig` if one of them cannot be.
 * HTTP/1.1 everywhere; on TLS also HTTP/2, as the client chooses (ALPN).
 */
export async function serve(options: ServeOptions): Promise<Serving> {
  const { handler, listeners, log, upgrade, inFlight, grace = 10_000 } = options;
  const endpoints: Endpoint[] = [];
  try {
    for (const settings of listeners) {
      const endpoint = await Endpoint.open({ settings, handler, log, upgrade, inFlight });
      endpoints.push(endpoint);
      log.info('listening', { address: endpoint.address });
    }
  } catch (error) {
    await Promise.all(endpoints.map((endpoint) => endpoint.close(0)));
    throw error;
  }
  let closed: Promise<unknown> | undefined;
  return {
    addresses: endpoints.map(({ address }) => address),
    close: async () => {
      closed ??= Promise.all(endpoints.map((endpoint) => endpoint.close(grace)));
      await closed;
    },
    reload: async () => {
      await Promise.all(endpoints.map((endpoint) => endpoint.reload()));
    },
    renew: () => {
      for (const endpoint of endpoints) endpoint.renew();
    },
    handshakes: () => endpoints.reduce((sum, endpoint) => sum + endpoint.handshakes, 0),
  };
}
