/** A server as its operator runs it, over LMDB with a file audit device, as a process that can be asked what it costs. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import 'reflect-metadata';
import { KeyUsageFlags } from '@peculiar/x509';
import { Client } from '../../src/client/client.ts';
import { issue, type Issued } from '../../src/server/certificates.testing.ts';

const root = join(import.meta.dirname, '../..');
/** A collection on demand: by a module that the server itself knows nothing of. */
const COLLECT = 'data:text/javascript,process.on("SIGUSR2",()=>{gc();gc()})';

export interface ServerOptions {
  readonly hub?: boolean;
  readonly tls?: boolean;
  /** More flags of Node, such as `--cpu-prof`. */
  readonly node?: readonly string[];
}

/** Of one moment. */
export interface Costs {
  /** Milliseconds of CPU since it started. */
  readonly cpu: number;
  /** Kilobytes of memory that maps no file. */
  readonly rssAnon: number;
}

export class BenchServer implements AsyncDisposable {
  readonly address: string;
  readonly client: Client;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(child: ChildProcess, folder: string, client: Client) {
    this.#child = child;
    this.#folder = folder;
    this.client = client;
    this.address = client.settings.address;
  }

  /** Started, initialised and unsealed, with a KV mount (version 2) at `secret/`. */
  static async start({ hub = false, tls = false, node = [] }: ServerOptions): Promise<BenchServer> {
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-bench-'));
    const certificate = tls ? await certified() : undefined;
    writeFileSync(join(folder, 'server.hcl'), configOf(folder, hub, certificate), { mode: 0o600 });
    const flags = ['--expose-gc', '--disable-sigusr1', '--import', COLLECT, ...node];
    const args = [...flags, join(root, 'src/main.ts'), 'server', `-config=${join(folder, 'server.hcl')}`];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    try {
      const address = await addressOf(child);
      const client = await ready(address, certificate);
      await client.write('sys/mounts/secret', { type: 'kv', options: { version: '2' } });
      return new BenchServer(child, folder, client);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get costs(): Costs {
    const at = `/proc/${String(this.#child.pid)}`;
    // Fields 14 and 15 of proc_pid_stat(5), in ticks of 10 ms; the name in field 2 may hold spaces.
    const stat = readFileSync(`${at}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const status = readFileSync(`${at}/status`, 'utf8');
    return {
      cpu: (Number(fields[11]) + Number(fields[12])) * 10,
      rssAnon: Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]),
    };
  }

  /** The costs after a collection, once an idle moment has passed. */
  async settled(): Promise<Costs> {
    for (let round = 0; round < 3; round += 1) {
      this.#child.kill('SIGUSR2');
      await new Promise((resolve) => setTimeout(resolve, 500));
      await this.client.read('sys/health');
    }
    return this.costs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    this.#child.kill('SIGTERM');
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
    rmSync(this.#folder, { recursive: true });
  }
}

interface Certified {
  readonly authority: Issued;
  readonly server: Issued;
}

async function certified(): Promise<Certified> {
  const authority = await issue({ name: 'bench authority' });
  const server = await issue({ name: 'localhost', issuer: authority, usages: KeyUsageFlags.digitalSignature });
  return { authority, server };
}

function configOf(folder: string, hub: boolean, certificate: Certified | undefined): string {
  let tls = 'tls_disable = true';
  if (certificate !== undefined) {
    writeFileSync(join(folder, 'cert.pem'), certificate.server.certPem);
    writeFileSync(join(folder, 'key.pem'), certificate.server.keyPem, { mode: 0o600 });
    tls = `tls_cert_file = "${join(folder, 'cert.pem')}", tls_key_file = "${join(folder, 'key.pem')}"`;
  }
  return `listener "tcp" { address = "127.0.0.1:0", ${tls} }
storage "lmdb" { path = "${join(folder, 'data')}" }
audit "file" "file" { options { file_path = "${join(folder, 'audit.log')}" } }
${hub ? 'hub { cluster_address = "127.0.0.1:0" }' : ''}
`;
}

async function addressOf(child: ChildProcess): Promise<string> {
  const said: string[] = [];
  if (child.stderr === null) throw new Error('the server has no output');
  for await (const line of createInterface(child.stderr)) {
    said.push(line);
    const address = /\] (?:server: )?listening address=(\S+)/.exec(line)?.[1];
    if (address === undefined) continue;
    child.stderr.resume();
    return address;
  }
  throw new Error(`the server ended before it said where it listens:\n${said.join('\n')}`);
}

/** Initialises and unseals; gives a client that may do anything. */
async function ready(address: string, certificate: Certified | undefined): Promise<Client> {
  const open = new Client({ address, tls: { caCertText: certificate?.authority.certPem } });
  const made = await open.request('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 });
  const { keys, root_token: token } = JSON.parse(made.body) as { readonly keys: string[]; readonly root_token: string };
  await open.write('sys/unseal', { key: keys[0] });
  return open.with({ token });
}
