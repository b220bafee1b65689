/** A server of ours with a key-value store, which is killed and comes back at the same address with what it had. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../src/cli/up/free-port.ts';
import { ServerProcess } from '../../support/server-process.ts';

export class KillableStore implements AsyncDisposable {
  readonly #folder: string;
  readonly #file: string;
  #server: ServerProcess;
  #key = '';
  token = '';

  private constructor(folder: string, file: string) {
    this.#folder = folder;
    this.#file = file;
    this.#server = new ServerProcess([`-config=${file}`]);
  }

  /** Unsealed, with a mount `kv` of version 2. */
  static async start(): Promise<KillableStore> {
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-store-'));
    const file = join(folder, 'server.hcl');
    const listener = `listener "tcp" { address = "127.0.0.1:${await freePort()}", tls_disable = true }`;
    writeFileSync(file, `storage "lmdb" { path = "${join(folder, 'data')}" }\n${listener}\nworkers = 0\nhub {}\n`);
    const store = new KillableStore(folder, file);
    const made = await store.#server.ask('PUT', '/v1/sys/init', { body: { secret_shares: 1, secret_threshold: 1 } });
    const { keys, root_token: token } = made.json as { readonly keys: readonly string[]; readonly root_token: string };
    store.#key = keys[0] ?? '';
    store.token = token;
    await store.#unseal();
    await store.write('sys/mounts/kv', { type: 'kv', options: { version: '2' } });
    return store;
  }

  address(): Promise<string> {
    return this.#server.address();
  }

  async write(path: string, body: object): Promise<void> {
    const { status, text } = await this.#server.ask('POST', `/v1/${path}`, { token: this.token, body });
    assert.ok(status === 200 || status === 204, `${path}: ${text}`);
  }

  /** By SIGKILL; resolves when it serves again. */
  async kill(): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
    this.#server = new ServerProcess([`-config=${this.#file}`]);
    await this.#unseal();
  }

  async #unseal(): Promise<void> {
    await this.#server.ask('PUT', '/v1/sys/unseal', { body: { key: this.#key } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
