/** `/metrics`, and `/healthz` with `/readyz`, on listeners of their own. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import { fail } from '../errors.ts';
import { errorCode } from '../lib/error-code.ts';
import { createServer } from '../lib/node-http.ts';
import { hostOf } from '../lib/server-name.ts';
import { prometheusText, PROMETHEUS_TYPE } from '../lib/metrics/prometheus.ts';
import type { Metrics } from '../lib/metrics/metrics.ts';

export interface Shown {
  readonly metrics: Metrics;
  /** Whether it does its part: everything is listed, or another leads. */
  readonly ready: () => boolean;
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

type Pages = Readonly<Record<string, () => Page | Promise<Page>>>;

const text = (status: number, body: string): Page => ({ status, type: 'text/plain', body: `${body}\n` });

const liveness = ({ ready }: Shown): Pages => ({
  '/healthz': () => text(200, 'ok'),
  '/readyz': () => (ready() ? text(200, 'ok') : text(503, 'the cluster is not listed yet')),
});

const metrics = ({ metrics: shown }: Shown): Pages => ({
  '/metrics': async () => ({
    ...{ status: 200, type: PROMETHEUS_TYPE },
    body: await prometheusText(shown, performance.now()),
  }),
});

/** `:8080`, `127.0.0.1:8080`; `0` for none. Throws `invalidConfig`. */
export function listenAddress(
  flag: string,
  address: string,
): { readonly host?: string; readonly port: number } | undefined {
  if (address === '0') return undefined;
  const [, host = '', port = ''] = /^(.*):(\d{1,5})$/.exec(address) ?? [];
  if (port === '') throw fail('invalidConfig', `-${flag} is no address: write it as ":8080", or 0 for none`);
  return { port: Number(port), ...(host === '' ? {} : { host: hostOf({ hostname: host }) }) };
}

async function listen(flag: string, address: string, pages: Pages): Promise<Server | undefined> {
  const at = listenAddress(flag, address);
  if (at === undefined) return undefined;
  const server = createServer((request, response) => {
    const page = pages[(request.url ?? '').split('?', 1)[0] ?? ''] ?? (() => text(404, 'there is no such page'));
    void Promise.resolve(page()).then(({ status, type, body }) => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
      return response.end(body);
    });
  });
  try {
    server.listen(at);
    await once(server, 'listening');
  } catch (error) {
    throw fail('listenFailed', `-${flag} ${address}: cannot listen: ${errorCode(error)}`, { cause: error });
  }
  return server;
}

/** Throws `listenFailed` or `invalidConfig`. */
export async function openPages(
  shown: Shown,
  addresses: { readonly metrics: string; readonly live: string },
): Promise<Disposable> {
  const servers = [
    await listen('metrics-addr', addresses.metrics, metrics(shown)),
    await listen('live-addr', addresses.live, liveness(shown)),
  ];
  return {
    [Symbol.dispose]: () => {
      for (const server of servers) {
        server?.close();
        server?.closeAllConnections();
      }
    },
  };
}
