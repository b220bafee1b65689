/** Lockstep as its users run it: `bin/lockstep server`, LMDB on the disk, a file audit device. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installed } from './installed.ts';
import { version } from '../../src/lib/version.ts';
import { freePort } from '../../src/cli/up/free-port.ts';
import { Program } from './program.ts';
import type { Place, Server } from './server.ts';

export interface LockstepOptions {
  /** Worker threads; the configuration says nothing of them by default. */
  readonly workers?: number | undefined;
  /** More flags of Node, with which it is started without `bin/lockstep`. */
  readonly flags?: readonly string[];
  /** Whether regions may join it; they may by default. */
  readonly hub?: boolean;
  /** Where its data lies; in the place's folder by default. */
  readonly data?: string;
  /** Another checkout, which stands beside this one. */
  readonly checkout?: string | undefined;
}

export async function startLockstep(place: Place, options: LockstepOptions = {}): Promise<Server> {
  const { flags, checkout } = options;
  const { executable, flags: usual, main } = installed(checkout);
  const [http, tls] = [await freePort(), await freePort()];
  const file = join(place.folder, 'lockstep.hcl');
  writeFileSync(file, config(place, { http, tls }, options));
  const [command, before] = flags === undefined ? [executable, []] : [process.execPath, [...usual, ...flags, main]];
  const args = [...before, 'server', `-config=${file}`];
  const program = await Program.start({ command, args, ready: /^==> Lockstep server started/ });
  const urls = { http: `http://127.0.0.1:${http}`, tls: `https://127.0.0.1:${tls}` };
  const title = checkout === undefined ? 'Lockstep' : 'Lockstep before';
  return { title, version, program, urls, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}

function config(
  { folder, certFile, keyFile }: Place,
  ports: Readonly<Record<'http' | 'tls', number>>,
  { workers, hub = true, data = join(folder, 'data') }: LockstepOptions,
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
  path = "${data}"
}
audit "file" "file" {
  options {
    file_path = "${join(folder, 'audit.log')}"
  }
}
${hub ? 'hub {\n  cluster_address = "127.0.0.1:0"\n}\n' : ''}${workers === undefined ? '' : `workers = ${workers}\n`}`;
}

/** A development server, in memory; its root token is `root`. `found[1]` is its address. */
export function startDevelopment(): Promise<Program> {
  const args = ['server', '-dev', '-dev-listen-address=127.0.0.1:0', '-dev-root-token-id=root'];
  return Program.start({ command: installed().executable, args, ready: /VAULT_ADDR='(.+)'/ });
}
