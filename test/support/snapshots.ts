/** Snapshots as clients take and restore them. */
import type { ServerProcess } from './server-process.ts';

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
