/** A server with threads that read, as a process, and connections that reach all of its threads. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Connection } from './connection.ts';
import { ServerProcess } from './server-process.ts';

/** With so many, the chance that the kernel gives all to one of three threads is below 10^-9. */
const CONNECTIONS = 24;

export interface ThreadedServer {
  readonly server: ServerProcess;
  /** Of the process; audit devices may write there. */
  readonly folder: string;
  readonly key: string;
  readonly token: string;
  /** As root, whichever thread it comes to; what is refused fails the test. */
  readonly ask: (method: string, path: string, body?: object) => Promise<Readonly<Record<string, unknown>>>;
  readonly connections: readonly Connection[];
  /** A metric of all threads together. */
  readonly metric: (name: string) => Promise<number>;
}

/** Unsealed, with KV v2 at `secret/` and one secret, `secret/data/a`; ended with the test. */
export async function threadedServer(
  t: TestContext,
  workers: number | 'as reads need them' = 2,
): Promise<ThreadedServer> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-threads-'));
  const file = join(folder, 'server.hcl');
  writeFileSync(
    file,
    `storage "lmdb" { path = "${join(folder, 'data')}" }
     listener "tcp" { address = "127.0.0.1:0", tls_disable = true }
     audit "file" "main" { options { file_path = "${join(folder, 'audit.log')}" } }
     allow_audit_paths = ["${folder}"]
     ${typeof workers === 'number' ? `workers = ${String(workers)}` : ''}`,
  );
  const server = new ServerProcess([`-config=${file}`]);
  const connections: Connection[] = [];
  t.after(async () => {
    for (const connection of connections) connection[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  const made = await server.ask('PUT', '/v1/sys/init', { body: { secret_shares: 1, secret_threshold: 1 } });
  const { keys, root_token: token } = made.json as { keys: string[]; root_token: string };
  const key = keys[0] ?? '';
  await server.ask('PUT', '/v1/sys/unseal', { body: { key } });
  await server.ask('POST', '/v1/sys/mounts/secret', { token, body: { type: 'kv', options: { version: '2' } } });
  await server.ask('POST', '/v1/secret/data/a', { token, body: { data: { value: 0 } } });
  const address = await server.address();
  for (let at = 0; at < CONNECTIONS; at += 1) connections.push(new Connection(address));
  const metric = async (name: string): Promise<number> => {
    const { text } = await server.ask('GET', '/v1/sys/metrics?format=prometheus', { token });
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  };
  return { server, folder, key, token, ask: asking(server, token), connections, metric };
}

function asking(server: ServerProcess, token: string): ThreadedServer['ask'] {
  return async (method, path, body) => {
    const answer = await server.ask(method, `/v1/${path}`, { token, ...(body === undefined ? {} : { body }) });
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.text}`);
    return answer.json;
  };
}

/** A token with one policy, which allows all on `secret/`. */
export async function limitedToken({ server, token }: ThreadedServer, more: object = {}): Promise<string> {
  const policy = 'path "secret/*" { capabilities = ["create", "read", "update", "delete", "list"] }';
  await server.ask('PUT', '/v1/sys/policies/acl/limited', { token, body: { policy } });
  const made = await server.ask('POST', '/v1/auth/token/create', { token, body: { policies: ['limited'], ...more } });
  assert.equal(made.status, 200, made.text);
  return String((made.json['auth'] as Readonly<Record<string, unknown>>)['client_token']);
}
