/** Snapshots as clients take and restore them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ServerProcess } from './server-process.ts';

export interface PlainServer {
  readonly server: ServerProcess;
  readonly token: string;
  readonly key: string;
  /** For what a test needs beside the data. */
  readonly folder: string;
}

export interface PlainOptions {
  readonly storage?: 'lmdb' | 'inmem';
  /** More of the configuration; `folder` is the server's. */
  readonly config?: (folder: string) => string;
}

/** A node of one thread, initialised and unsealed. */
export async function plainServer(
  t: Pick<TestContext, 'after'>,
  { storage = 'lmdb', config = () => '' }: PlainOptions = {},
): Promise<PlainServer> {
  const base = mkdtempSync(join(tmpdir(), 'lockstep-snapshots-'));
  const folder = mkdtempSync(join(base, 'files-'));
  const file = join(base, 'server.hcl');
  const kind = storage === 'lmdb' ? `storage "lmdb" { path = "${join(base, 'data')}" }` : 'storage "inmem" {}';
  const listener = 'listener "tcp" { address = "127.0.0.1:0", tls_disable = true }\nworkers = 0';
  writeFileSync(file, `${kind}\n${listener}\n${config(folder)}`);
  const server = new ServerProcess([`-config=${file}`]);
  t.after(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(base, { recursive: true, force: true });
  });
  const made = await server.ask('PUT', '/v1/sys/init', { body: { secret_shares: 1, secret_threshold: 1 } });
  const { keys, root_token: token } = made.json as { keys: string[]; root_token: string };
  await server.ask('PUT', '/v1/sys/unseal', { body: { key: keys[0] ?? '' } });
  return { server, token, key: keys[0] ?? '', folder };
}

export interface Asked {
  readonly status: number;
  readonly text: string;
  readonly index: string | null;
}

export async function takeSnapshot(server: ServerProcess, token: string): Promise<Buffer> {
  const path = `${await server.address()}/v1/sys/storage/raft/snapshot`;
  const response = await fetch(path, { headers: { 'X-Vault-Token': token } });
  if (response.status !== 200) throw new Error(`${String(response.status)}: ${await response.text()}`);
  return Buffer.from(await response.arrayBuffer());
}

export interface Restoring {
  readonly token: string;
  readonly force?: boolean;
  readonly keep?: boolean;
}

export async function restoreSnapshot(
  server: ServerProcess,
  body: Buffer,
  { token, force = false, keep = false }: Restoring,
): Promise<Asked> {
  const path = `/v1/sys/storage/raft/snapshot${force ? '-force' : ''}${keep ? '?keep_credentials=true' : ''}`;
  const response = await fetch(`${await server.address()}${path}`, {
    method: 'POST',
    headers: { 'X-Vault-Token': token },
    body: new Uint8Array(body),
  });
  return { status: response.status, text: await response.text(), index: response.headers.get('x-vault-index') };
}
