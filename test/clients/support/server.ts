/** Servers of this checkout, as processes: what foreign clients talk to. Each of their replies is checked. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '../../..');

/** The executable of this checkout. */
export const executable = join(root, 'bin/lockstep');

export interface TestServer extends AsyncDisposable {
  /** `http://127.0.0.1:…`. */
  readonly address: string;
}

export interface OwnServer extends TestServer {
  /** Its audit devices may write here; gone with the server. */
  readonly folder: string;
}

/** A development server: unsealed, with the root token `root` and KV v2 at `secret/`. `more`: configuration, HCL. */
export function devServer(more?: string): Promise<OwnServer> {
  const args = ['server', '-dev', '-dev-listen-address=127.0.0.1:0', '-dev-root-token-id=root'];
  return start((folder) => {
    if (more === undefined) return args;
    const file = join(folder, 'more.hcl');
    writeFileSync(file, more);
    return [...args, `-config=${file}`];
  }, /^Root Token:/);
}

/** A server as it is on its first day: not initialised, in memory. `listening`: more of its listener; `more`: configuration. */
export function newServer(listening: object = {}, more: object = {}): Promise<OwnServer> {
  return start((folder) => {
    const config = {
      storage: { inmem: {} },
      listener: [{ tcp: { address: '127.0.0.1:0', tls_disable: true, ...listening } }],
      allow_audit_paths: [folder],
      ...more,
    };
    const file = join(folder, 'server.json');
    writeFileSync(file, JSON.stringify(config));
    return ['server', `-config=${file}`];
  }, /^==> Lockstep server started/);
}

/** The command that starts a server whose replies are checked; what is wrong with them goes to the file `problems`. */
export function watchedServer(problems: string): { command: readonly string[]; env: NodeJS.ProcessEnv } {
  const watch = join(root, 'test/support/watching-server.ts');
  return {
    command: [process.execPath, '--disable-sigusr1', `--import=${watch}`, join(root, 'src/main.ts')],
    env: { ...process.env, NODE_OPTIONS: undefined, LOCKSTEP_REPLY_PROBLEMS: problems },
  };
}

export function assertNoProblems(problems: string): void {
  const found = existsSync(problems) ? readFileSync(problems, 'utf8') : '';
  assert.equal(found, '', 'replies are not as their paths declare them');
}

/** Resolves once the server says the line that it says last, and where it listens. */
async function start(argsIn: (folder: string) => readonly string[], ready: RegExp): Promise<OwnServer> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-clients-'));
  const problems = join(folder, 'reply-problems');
  const { command, env } = watchedServer(problems);
  const [node = '', ...options] = command;
  const child = spawn(node, [...options, ...argsIn(folder)], { env, stdio: ['ignore', 'pipe', 'pipe'] });
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
  const [at] = await Promise.race([Promise.all([address.promise, started.promise]), failed]);
  failed.catch(() => undefined);
  return {
    ...{ address: at, folder },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await exited;
      try {
        assertNoProblems(problems);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  };
}
