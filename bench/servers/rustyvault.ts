/**
 * RustyVault 0.2.1 (`cargo install rusty_vault --locked`), to stand beside our reads: a server in Rust with the same API
 * that keeps no audit, knows no policies and only version 1 of KV. It stores in files.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from '../../src/client/client.ts';
import { must } from '../../test/clients/support/run.ts';
import { freePort } from '../../src/cli/up/free-port.ts';
import { fill, type Access } from './prepare.ts';
import { Program } from './program.ts';
import type { Place, Server } from './server.ts';

export async function startRustyVault(binary: string, { folder }: Place): Promise<Server> {
  const port = await freePort();
  const file = join(folder, 'rustyvault.hcl');
  // At a level of `info` for all of it, it would write a line for every request.
  writeFileSync(
    file,
    `listener "tcp" {
  address     = "127.0.0.1:${port}"
  tls_disable = "true"
}
storage "file" {
  path = "${join(folder, 'data')}"
}
work_dir  = "${folder}"
log_level = "rusty_vault::cli=info"
`,
  );
  const args = ['server', `--config=${file}`];
  const program = await Program.start({ command: binary, args, folder, ready: /server starts, waiting for request/ });
  const version = (await must(binary, ['--version'])).trim().split(' ').at(-1) ?? 'unknown';
  const urls = { http: `http://127.0.0.1:${port}` };
  return { title: 'RustyVault', version, program, urls, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}

/** As root, since there are no policies; in the mount that it has from the start. */
export async function prepareRustyVault(server: Server): Promise<Access> {
  const open = new Client({ address: server.urls.http });
  const made = await open.request('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 });
  const { keys, root_token: token } = JSON.parse(made.body) as { readonly keys: string[]; readonly root_token: string };
  await open.request('PUT', 'sys/unseal', { key: keys[0] });
  const root = open.with({ token });
  await fill(root, 'read', 'secret/');
  root.close();
  return { token, secrets: 'secret/', roleId: '', secretId: '', ciphertext: undefined };
}
