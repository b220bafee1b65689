/** Servers of this checkout, as processes: what foreign clients talk to. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const executable = join(import.meta.dirname, '../../../bin/lockstep');

export interface TestServer extends AsyncDisposable {
  /** `http://127.0.0.1:…`. */
  readonly address: string;
}

/** A development server: unsealed, with the root token `root` and KV v2 at `secret/`. */
export function devServer(): Promise<TestServer> {
  const args = ['server', '-dev', '-dev-listen-address=127.0.0.1:0', '-dev-root-token-id=root'];
  return start(args, /^Root Token:/);
}

/** A server as it is on its first day: not initialised, in memory. */
export async function newServer(): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-clients-'));
  const config = {
    storage: { inmem: {} },
    listener: [{ tcp: { address: '127.0.0.1:0', tls_disable: true } }],
    log_level: 'info',
  };
  const file = join(folder, 'server.json');
  writeFileSync(file, JSON.stringify(config));
  const server = await start(['server', `-config=${file}`], /^==> Lockstep server started/);
  return {
    address: server.address,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Resolves once the server says the line that it says last, and where it listens. */
async function start(args: readonly string[], ready: RegExp): Promise<TestServer> {
  const child = spawn(executable, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  const said: string[] = [];
  const address = Promise.withResolvers<string>();
  const started = Promise.withResolvers<undefined>();
  const hear = (line: string): void => {
    said.push(line);
    const found = /\bhttp:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
    if (found !== undefined) address.resolve(found);
    if (ready.test(line)) started.resolve(undefined);
  };
  for (const stream of [child.stdout, child.stderr]) createInterface(stream).on('line', hear);
  const failed = exited.then(() => {
    throw new Error(`the server ended:\n${said.join('\n')}`);
  });
  const both = Promise.all([address.promise, started.promise]);
  const [at] = await Promise.race([both, failed]);
  failed.catch(() => undefined);
  return {
    address: at,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
