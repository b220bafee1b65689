/** A server with two listeners: one that serves all, and one that is told what `terms` say. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ServerProcess } from './server-process.ts';

export interface Found {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
}

/** `here` asks the limited one, which is reached at `limited`. */
export async function twoListeners(t: TestContext, terms: string) {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-listeners-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const file = join(folder, 'server.hcl');
  writeFileSync(
    file,
    `storage "lmdb" { path = "${join(folder, 'data')}" }
     listener "tcp" { address = "127.0.0.1:0", tls_disable = true }
     listener "tcp" {
       address     = "127.0.0.1:0"
       tls_disable = true
       ${terms}
     }
     cluster_name = "north"
     workers      = 1`,
  );
  const server = new ServerProcess([`-config=${file}`]);
  t.after(() => server[Symbol.asyncDispose]());
  const open = await server.address();
  const [, limited = ''] = await server.line(
    /listening.*address=(\S+)/,
    server.lines.findIndex((line) => line.includes(open)) + 1,
  );
  const ask =
    (address: string) =>
    async (
      method: string,
      path: string,
      {
        token = '',
        namespace = '',
        body,
        headers = {},
      }: Partial<Record<'token' | 'namespace', string>> & { body?: object; headers?: Record<string, string> } = {},
    ): Promise<Found> => {
      const response = await fetch(`${address}/v1/${path}`, {
        method,
        headers: { ...headers, 'X-Vault-Token': token, 'X-Vault-Namespace': namespace },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        json: text.startsWith('{') ? (JSON.parse(text) as Found['json']) : {},
      };
    };
  return { server, all: ask(open), here: ask(limited), limited, folder };
}

export const SHARES = { secret_shares: 1, secret_threshold: 1 };
