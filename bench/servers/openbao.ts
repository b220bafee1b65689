/** OpenBao as its users run it on one node: raft on the disk, a file audit device. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../test/clients/support/run.ts';
import { freePort } from '../../src/cli/up/free-port.ts';
import { Program } from './program.ts';
import type { Place, Server } from './server.ts';

export async function startOpenBao(binary: string, place: Place): Promise<Server> {
  const { folder } = place;
  const ports = { http: await freePort(), tls: await freePort(), cluster: await freePort(), unused: await freePort() };
  const file = join(folder, 'openbao.hcl');
  mkdirSync(join(folder, 'data'));
  writeFileSync(file, config(place, ports));
  const args = ['server', `-config=${file}`];
  const program = await Program.start({ command: binary, args, folder, ready: /^==> OpenBao server started/ });
  const urls = { http: `http://127.0.0.1:${ports.http}`, tls: `https://127.0.0.1:${ports.tls}` };
  const version = / v(\S+)/.exec(await must(binary, ['version']))?.[1] ?? 'unknown';
  return { title: 'OpenBao', version, program, urls, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}

/** Each listener has a cluster address: without, it takes the port above its own, which may be another's. */
function config(
  { folder, certFile, keyFile }: Place,
  ports: Readonly<Record<'http' | 'tls' | 'cluster' | 'unused', number>>,
): string {
  return `listener "tcp" {
  address         = "127.0.0.1:${ports.http}"
  cluster_address = "127.0.0.1:${ports.cluster}"
  tls_disable     = true
}
listener "tcp" {
  address         = "127.0.0.1:${ports.tls}"
  cluster_address = "127.0.0.1:${ports.unused}"
  tls_cert_file   = "${certFile}"
  tls_key_file    = "${keyFile}"
}
storage "raft" {
  path    = "${join(folder, 'data')}"
  node_id = "bench"
}
audit "file" "file" {
  options = {
    file_path = "${join(folder, 'audit.log')}"
  }
}
api_addr     = "http://127.0.0.1:${ports.http}"
cluster_addr = "https://127.0.0.1:${ports.cluster}"
`;
}
