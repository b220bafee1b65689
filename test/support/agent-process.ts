/** An agent as its operator runs it, a process of its own, and the server's half of what it needs. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { ServerProcess, type Answer } from './server-process.ts';

const executable = join(import.meta.dirname, '../../bin/lockstep');
export const root = 'root-of-the-test';

/** A development server with a role `web`, which may read and follow `secret/data/app/*`. */
export class Region implements AsyncDisposable {
  readonly server: ServerProcess;
  readonly #folder = fs.mkdtempSync(join(tmpdir(), 'lockstep-region-'));
  roleId = '';

  constructor() {
    // A hub, since only a hub knows who has what.
    const config = join(this.#folder, 'hub.hcl');
    fs.writeFileSync(config, 'hub { cluster_address = "127.0.0.1:0" }');
    const dev = ['-dev', '-dev-listen-address=127.0.0.1:0', `-dev-root-token-id=${root}`];
    this.server = new ServerProcess([...dev, `-config=${config}`]);
  }

  static async start(role: object = {}): Promise<Region> {
    const region = new Region();
    await region.server.line(/Root Token/);
    const policy = 'path "secret/data/app/*" { capabilities = ["read", "subscribe"] }';
    await region.ask('PUT', 'sys/policies/acl/app', { policy });
    await region.ask('POST', 'sys/auth/approle', { type: 'approle' });
    await region.ask('POST', 'auth/approle/role/web', { token_policies: 'app', ...role });
    region.roleId = dataOf(await region.ask('GET', 'auth/approle/role/web/role-id'))['role_id'] ?? '';
    return region;
  }

  async ask(method: string, path: string, body?: object): Promise<Answer> {
    const answer = await this.server.ask(method, `/v1/${path}`, {
      token: root,
      ...(body === undefined ? {} : { body }),
    });
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
    return answer;
  }

  async secretId(): Promise<string> {
    return dataOf(await this.ask('POST', 'auth/approle/role/web/secret-id', {}))['secret_id'] ?? '';
  }

  write(name: string, data: object): Promise<Answer> {
    return this.ask('POST', `secret/data/app/${name}`, { data });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }
}

export function dataOf({ json }: Answer): Readonly<Record<string, string>> {
  return json['data'] as Readonly<Record<string, string>>;
}

/** A folder for an agent's files, with its credentials. */
export class Workplace {
  readonly folder: string;

  constructor(t: TestContext) {
    this.folder = fs.mkdtempSync(join(tmpdir(), 'lockstep-agent-'));
    t.after(() => fs.rmSync(this.folder, { recursive: true, force: true }));
    fs.mkdirSync(this.path('out'), { mode: 0o700 });
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  read(name: string): string {
    return fs.readFileSync(this.path(name), 'utf8');
  }

  async configure(region: Region, { method = '', more = '' }: { method?: string; more?: string } = {}): Promise<void> {
    fs.writeFileSync(this.path('role-id'), region.roleId);
    if (!fs.existsSync(this.path('secret-id'))) {
      fs.writeFileSync(this.path('secret-id'), await region.secretId(), { mode: 0o600 });
    }
    const config = `
      lockstep { address = "${await region.server.address()}" }
      auto_auth {
        method "approle" {
          min_backoff = "20ms"
          max_backoff = "200ms"
          config {
            role_id_file_path = "${this.path('role-id')}"
            secret_id_file_path = "${this.path('secret-id')}"
            ${method === '' ? 'remove_secret_id_file_after_reading = false' : method}
          }
        }
      }
      cache { persist "file" { path = "${this.path('cache')}" } }
      listener "unix" { address = "${this.path('health.sock')}" }
      pid_file = "${this.path('pid')}"
      consumer = "web-1"
      log_level = "debug"
      ${more}`;
    fs.writeFileSync(this.path('agent.hcl'), config);
  }

  /** A page of the agent's listener. */
  page(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
    request({ socketPath: this.path('health.sock'), path }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, text });
      });
    })
      .on('error', reject)
      .end();
    return promise;
  }
}

export class AgentProcess implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly exit: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();

  constructor(place: Workplace, env: Readonly<Record<string, string>> = {}, args: readonly string[] = []) {
    this.#child = spawn(executable, ['agent', `-config=${place.path('agent.hcl')}`, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    const look = (): void => {
      for (const wake of this.#waiting) wake();
    };
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream === null) continue;
      createInterface(stream).on('line', (line) => {
        this.lines.push(line);
        look();
      });
    }
    this.exit = once(this.#child, 'close').then(([code, signal]) => {
      look();
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves with the first line from number `from` on that holds the text. Rejects when the process ends before. */
  logged(text: string, from: number = 0): Promise<string> {
    return new Promise((resolve, reject) => {
      const wake = (): void => {
        const found = this.lines.slice(from).find((line) => line.includes(text));
        if (found === undefined && this.running) return;
        this.#waiting.delete(wake);
        if (found === undefined) reject(new Error(`ended without "${text}":\n${this.lines.join('\n')}`));
        else resolve(found);
      };
      this.#waiting.add(wake);
      wake();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) this.#child.kill('SIGKILL');
    await this.exit;
  }
}
