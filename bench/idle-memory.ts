/**
 * What an idle node holds: `npm run bench:memory`. A hub over LMDB with a file audit device, unsealed and then with
 * 1,000 secrets, after a collection; anonymous memory, and beside it what maps files. Asserts nothing.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from '../src/client/client.ts';

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'lockstep-idle-'));
const SECRETS = 1_000;

const config = `listener "tcp" { address = "127.0.0.1:0", tls_disable = true }
storage "lmdb" { path = "${join(folder, 'data')}" }
hub { cluster_address = "127.0.0.1:0" }
audit "file" "file" { options { file_path = "${join(folder, 'audit.log')}" } }
`;

/** A collection on demand: by a module that the server itself knows nothing of. */
const collect = 'data:text/javascript,process.on("SIGUSR2",()=>{gc();gc()})';

function megabytes(pid: number, field: string): string {
  const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
  return (Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1024).toFixed(0);
}

/** Initialises and unseals; gives a client that may do anything. */
async function ready(address: string): Promise<Client> {
  const open = new Client({ address });
  const made = await open.request('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 });
  const { keys, root_token: token } = JSON.parse(made.body) as { readonly keys: string[]; readonly root_token: string };
  await open.write('sys/unseal', { key: keys[0] });
  return open.with({ token });
}

async function fill(client: Client): Promise<void> {
  await client.write('sys/mounts/secret', { type: 'kv', options: { version: '2' } });
  const value = 'x'.repeat(200);
  const write = (at: number) => client.write(`secret/data/app/${String(at)}`, { data: { value } });
  for (let at = 0; at < SECRETS; at += 50) await Promise.all(Array.from({ length: 50 }, (_, i) => write(at + i)));
  for (let at = 0; at < SECRETS; at += 1) await client.read(`secret/data/app/${String(at)}`);
}

async function measure(): Promise<void> {
  writeFileSync(join(folder, 'hub.hcl'), config);
  const flags = [
    '--expose-gc',
    '--disable-sigusr1',
    '--max-semi-space-size=8',
    '--import',
    collect,
    join(root, 'src/main.ts'),
  ];
  const args = [...flags, 'server', `-config=${join(folder, 'hub.hcl')}`];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const { pid = 0 } = child;
  try {
    for await (const line of createInterface(child.stderr)) {
      const address = /listening address=(\S+)/.exec(line)?.[1];
      if (address === undefined) continue;
      const client = await ready(address);
      const say = async (what: string): Promise<void> => {
        child.kill('SIGUSR2');
        await client.read('sys/health');
        const shown = ['RssAnon', 'RssFile'].map((field) => `${field} ${megabytes(pid, field)} MB`);
        console.log(`hub, ${what}, after a collection: ${shown.join(', ')}`);
      };
      await say('unsealed');
      await fill(client);
      await say(`${String(SECRETS)} secrets written and read`);
      client.close();
      return;
    }
  } finally {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
    rmSync(folder, { recursive: true });
  }
}

await measure();
