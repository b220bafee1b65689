/** Servers on one data directory, one after the other, each with other seals. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { ServerProcess } from './server-process.ts';

export interface Place {
  readonly folder: string;
  /** The argument of a server with these `seal` blocks. */
  readonly config: (seals: string) => string;
}

export function place(t: TestContext): Place {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-seals-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const file = join(folder, 'server.hcl');
  return {
    folder,
    config: (seals) => {
      const listener = 'listener "tcp" { address = "127.0.0.1:0", tls_disable = true }';
      const storage = `storage "lmdb" { path = "${join(folder, 'data')}" }`;
      writeFileSync(file, `${storage}\n${listener}\nworkers = 0\n${seals}`);
      return `-config=${file}`;
    },
  };
}

/** A key file, and the block of the seal that uses it. */
export function staticBlock(
  { folder }: Place,
  name: string,
  more = '',
): { readonly file: string; readonly block: string } {
  const file = join(folder, `${name}.key`);
  writeFileSync(file, randomBytes(32), { mode: 0o600, flag: 'wx' });
  return { file, block: blockOf(file, name, more) };
}

export function blockOf(file: string, name: string, more = ''): string {
  return `seal "static" {\n  name = "${name}"\n  current_key_id = "${name}"\n  current_key = "file://${file}"\n  ${more}\n}\n`;
}

export interface Keys {
  readonly shares: readonly string[];
  readonly token: string;
}

/** With 2 shares, both needed, and one secret. */
export async function initialise(server: ServerProcess, auto: boolean): Promise<Keys> {
  const body = auto ? { recovery_shares: 2, recovery_threshold: 2 } : { secret_shares: 2, secret_threshold: 2 };
  const { json } = await server.ask('PUT', '/v1/sys/init', { body });
  const shares = (auto ? json['recovery_keys'] : json['keys']) as string[];
  const token = String(json['root_token']);
  if (!auto) await giveShares(server, shares, false);
  const { status } = await server.ask('POST', '/v1/cubbyhole/a', { token, body: { value: 'kept' } });
  if (status !== 204) throw new Error(`the secret was not written: ${String(status)}`);
  return { shares, token };
}

/** The answer to the last one. */
export async function giveShares(server: ServerProcess, shares: readonly string[], migrate: boolean) {
  let last = await server.ask('GET', '/v1/sys/seal-status');
  for (const key of shares) {
    last = await server.ask('PUT', '/v1/sys/unseal', { body: { key, ...(migrate ? { migrate } : {}) } });
  }
  return last;
}

/** Once it has unsealed by itself. */
export async function unsealed(server: ServerProcess): Promise<void> {
  await server.line(/\] unsealed$/);
}

export async function holdsSecret(server: ServerProcess, { token }: Keys): Promise<boolean> {
  const { json } = await server.ask('GET', '/v1/cubbyhole/a', { token });
  return (json['data'] as { readonly value?: string } | undefined)?.value === 'kept';
}
