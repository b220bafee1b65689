/** Lockstep as its users run it: `bin/lockstep server`, LMDB on the disk, a file audit device, a hub. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { version } from '../../src/lib/version.ts';
import { freePort } from '../../src/cli/up/free-port.ts';
import { Program } from './program.ts';
import type { Place, Server } from './server.ts';

const root = join(import.meta.dirname, '../..');
export const executable = join(root, 'bin/lockstep');
const main = join(root, 'src/main.ts');

export interface LockstepOptions {
  /** Worker threads; the configuration says nothing of them by default. */
  readonly workers?: number | undefined;
  /** Flags of Node, with which the sources are started in place of `bin/lockstep`. */
  readonly flags?: readonly string[];
}

export async function startLockstep(place: Place, { workers, flags }: LockstepOptions = {}): Promise<Server> {
  const [http, tls] = [await freePort(), await freePort()];
  const file = join(place.folder, 'lockstep.hcl');
  writeFileSync(file, config(place, { http, tls }, workers));
  const [command, before] = flags === undefined ? [executable, []] : [process.execPath, [...flags, main]];
  const args = [...before, 'server', `-config=${file}`];
  const program = await Program.start({ command, args, ready: /^==> Lockstep server started/ });
  const urls = { http: `http://127.0.0.1:${http}`, tls: `https://127.0.0.1:${tls}` };
  return { title: 'Lockstep', version, program, urls, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}

function config(
  { folder, certFile, keyFile }: Place,
  ports: Readonly<Record<'http' | 'tls', number>>,
  workers: number | undefined,
): string {
  return `listener "tcp" {
  address     = "127.0.0.1:${ports.http}"
  tls_disable = true
}
listener "tcp" {
  address       = "127.0.0.1:${ports.tls}"
  tls_cert_file = "${certFile}"
  tls_key_file  = "${keyFile}"
}
storage "lmdb" {
  path = "${join(folder, 'data')}"
}
audit "file" "file" {
  options {
    file_path = "${join(folder, 'audit.log')}"
  }
}
hub {
  cluster_address = "127.0.0.1:0"
}
${workers === undefined ? '' : `workers = ${workers}\n`}`;
}

/** A development server, in memory; its root token is `root`. `found[1]` is its address. */
export function startDevelopment(): Promise<Program> {
  const args = ['server', '-dev', '-dev-listen-address=127.0.0.1:0', '-dev-root-token-id=root'];
  return Program.start({ command: executable, args, ready: /VAULT_ADDR='(.+)'/ });
}
