/** Servers of both kinds that keep what they have in a folder, so that another process can go on with it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../../../src/cli/up/free-port.ts';
import { ServerProcess } from '../../support/server-process.ts';

/** A server that runs until it is killed, which disposing of it does. */
export interface Running extends AsyncDisposable {
  readonly address: string;
}

/** Starts a server on the data of `folder` with `more` configuration, such as a `seal` block; resolves once it answers. */
type Start = (folder: string, more?: string) => Promise<Running>;

async function startLockstep(folder: string, more: string = ''): Promise<Running> {
  const file = join(folder, 'server.hcl');
  const listener = 'listener "tcp" { address = "127.0.0.1:0", tls_disable = true }';
  writeFileSync(file, `${listener}\nstorage "lmdb" { path = "${join(folder, 'data')}" }\nworkers = 0\n${more}`);
  const server = new ServerProcess([`-config=${file}`]);
  return { address: await server.address(), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** The endpoints of `bao operator rekey` and `generate-root`, which a listener has no longer unless told. */
export const withoutTokens = {
  disable_unauthed_rekey_endpoints: false,
  disable_unauthed_generate_root_endpoints: false,
} as const;

/** Ports are free when they are drawn; by the time that it listens somebody else may have one. */
const STARTS = 3;

async function runBao(binary: string, folder: string, more: string): Promise<Running> {
  const [port, cluster] = [await freePort(), await freePort()];
  const address = `http://127.0.0.1:${port}`;
  const data = join(folder, 'data');
  mkdirSync(data, { recursive: true });
  // Without an address for the cluster it would take the port next to its own, whoever has that.
  const tcp = { address: `127.0.0.1:${port}`, cluster_address: `127.0.0.1:${cluster}`, tls_disable: true };
  const config = {
    listener: [{ tcp: { ...tcp, ...withoutTokens } }],
    storage: { raft: { path: data, node_id: 'one', performance_multiplier: '1' } },
    api_addr: address,
    cluster_addr: `http://127.0.0.1:${cluster}`,
  };
  writeFileSync(join(folder, 'server.json'), JSON.stringify(config));
  writeFileSync(join(folder, 'more.hcl'), more);
  const args = ['server', `-config=${join(folder, 'server.json')}`, `-config=${join(folder, 'more.hcl')}`];
  const server = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(server, 'exit');
  let errors = '';
  server.stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-1_000)));
  const lines = createInterface(server.stdout);
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      if (line.includes('server started!')) resolve();
    });
    server.once('close', () => {
      reject(new Error(`bao ended before it listened: ${errors}`));
    });
  });
  return {
    address,
    [Symbol.asyncDispose]: async () => {
      server.kill('SIGKILL');
      await ended;
    },
  };
}

/** With those. */
const startBao =
  (binary: string): Start =>
  async (folder, more = '') => {
    for (let left = STARTS; ; left -= 1) {
      try {
        return await runBao(binary, folder, more);
      } catch (error) {
        if (left === 1) throw error;
      }
    }
  };

/** `binary`: of OpenBao. */
export const storedServers = (binary: string): Readonly<Record<'Lockstep' | 'OpenBao', Start>> => ({
  Lockstep: startLockstep,
  OpenBao: startBao(binary),
});
