/** The agent's method `cert`: the client certificate of its connections, whose files somebody else replaces. */
import type { Client } from '../client/client.ts';
import type { AuthMethodConfig } from '../config/agent.ts';
import { sha256 } from '../lib/crypto/hash.ts';
import { granted, readCredential, type Credentials, type Grant } from './credential-file.ts';

export type CertMethod = Extract<AuthMethodConfig, { type: 'cert' }>;

export class CertCredentials implements Credentials {
  readonly files: readonly string[];
  readonly #method: CertMethod;
  /** What the connections have shown since they were last cut. */
  #used: string | undefined;

  constructor(method: CertMethod, shown: readonly string[]) {
    this.#method = method;
    this.files = shown;
  }

  async login(client: Client): Promise<Grant> {
    const { config, mount_path: mount } = this.#method;
    const files = await this.#read();
    // Connections show the certificate that was there when they were opened.
    if (files !== this.#used) client.close();
    this.#used = files;
    const body = config.name === undefined ? {} : { name: config.name };
    return granted((await client.write(`${mount}/login`, body))?.auth);
  }

  async changed(): Promise<boolean> {
    const files = await this.#read().catch(() => undefined);
    return files !== undefined && files !== this.#used;
  }

  identity(): Promise<string> {
    const { config, mount_path: mount, namespace = '' } = this.#method;
    // The certificate itself is another one each day.
    return Promise.resolve(`cert ${namespace} ${mount} ${config.name ?? ''} ${this.files[0] ?? ''}`);
  }

  async #read(): Promise<string> {
    const texts = await Promise.all(this.files.map(readCredential));
    return sha256(texts.map((text) => text?.expose() ?? '').join('\n')).toString('hex');
  }
}
