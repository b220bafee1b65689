/** The agent's method `jwt`: a token of an issuer lies in a file, where somebody else puts new ones. */
import { realpath, unlink } from 'node:fs/promises';
import type { Client } from '../client/client.ts';
import type { AuthMethodConfig } from '../config/agent.ts';
import { fail } from '../errors.ts';
import { sha256 } from '../lib/crypto/hash.ts';
import type { Logger } from '../lib/log.ts';
import type { Secret } from '../lib/secret.ts';
import { granted, readCredential, type Credentials, type Grant } from './credential-file.ts';
import { explain } from './explain.ts';

export type JwtMethod = Extract<AuthMethodConfig, { type: 'jwt' }>;

/** What the token says of whose it is, believed by nobody: it tells one workload's cache from another's. */
function subjectOf(token: Secret<string>): string | undefined {
  try {
    const [, payload = ''] = token.expose().split('.');
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    if (typeof claims !== 'object' || claims === null || !('sub' in claims)) return undefined;
    return sha256(JSON.stringify(['iss' in claims ? claims.iss : '', claims.sub])).toString('hex');
  } catch {
    return undefined;
  }
}

export class JwtCredentials implements Credentials {
  readonly files: readonly string[];
  readonly #method: JwtMethod;
  readonly #log: Logger;
  #used: Secret<string> | undefined;

  constructor(method: JwtMethod, log: Logger) {
    this.#method = method;
    this.#log = log;
    this.files = [method.config.path];
  }

  async login(client: Client): Promise<Grant> {
    const { config, mount_path: mount } = this.#method;
    const found = await readCredential(config.path);
    // A file that is gone leaves the token that is known, as long as it is good.
    const token = found ?? this.#used;
    if (token === undefined) throw fail('noCredentials', `there is no token in ${config.path}`);
    const body = { role: config.role, jwt: token.expose() };
    const grant = granted((await client.write(`${mount}/login`, body))?.auth);
    this.#used = token;
    if (found !== undefined && config.remove_jwt_after_reading) await this.#remove(config.path);
    return grant;
  }

  async changed(): Promise<boolean> {
    const token = await readCredential(this.#method.config.path).catch(() => undefined);
    return token !== undefined && token.expose() !== this.#used?.expose();
  }

  async identity(): Promise<string | undefined> {
    const { config, mount_path: mount, namespace = '' } = this.#method;
    const token = (await readCredential(config.path).catch(() => undefined)) ?? this.#used;
    const subject = token === undefined ? undefined : subjectOf(token);
    return subject === undefined ? undefined : `jwt ${namespace} ${mount} ${config.role} ${subject}`;
  }

  /** A token ends: what is encrypted under it would be lost with it. */
  durableSecret(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  /** Only once it has logged in: a server that is away must not cost the only copy. */
  async #remove(path: string): Promise<void> {
    try {
      await unlink(this.#method.config.remove_jwt_follows_symlinks ? await realpath(path) : path);
    } catch (error) {
      this.#log.error('cannot remove the file with the token', { path, error: explain(error) });
    }
  }
}
