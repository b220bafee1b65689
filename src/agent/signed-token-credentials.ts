/**
 * Methods by which a signed token logs in that lies in a file, where somebody else puts new ones: `jwt`, and `kubernetes`, whose
 * kubelet renews the projected token of the pod.
 */
import { realpath, unlink } from 'node:fs/promises';
import type { Client } from '../client/client.ts';
import { jwtLogin } from '../client/jwt-login.ts';
import type { AuthMethodConfig } from '../config/agent.ts';
import { fail } from '../errors.ts';
import { sha256 } from '../lib/crypto/hash.ts';
import type { Logger } from '../lib/log.ts';
import type { Secret } from '../lib/secret.ts';
import { granted, holdsAnother, readCredential, type Credentials, type Grant } from './credential-file.ts';
import { explain } from '../client/explain.ts';

type Method = Extract<AuthMethodConfig, { type: 'jwt' | 'kubernetes' }>;

interface TokenFile {
  readonly path: string;
  /** Whether it goes once its token has logged in, and what a symbolic link leads to with it. */
  readonly removal?: { readonly followsSymlinks: boolean };
}

/** A projected token is the kubelet's, which no agent may remove. */
function tokenFile(method: Method): TokenFile {
  if (method.type === 'kubernetes') return { path: method.config.token_path };
  const { path, remove_jwt_after_reading: removed, remove_jwt_follows_symlinks: followsSymlinks } = method.config;
  return removed ? { path, removal: { followsSymlinks } } : { path };
}

/** What the token says of whose it is, believed by nobody: it tells one workload's cache from another's. */
export function subjectOf(token: Secret<string>): string | undefined {
  try {
    const [, payload = ''] = token.expose().split('.');
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    if (typeof claims !== 'object' || claims === null || !('sub' in claims)) return undefined;
    return sha256(JSON.stringify(['iss' in claims ? claims.iss : '', claims.sub])).toString('hex');
  } catch {
    return undefined;
  }
}

export class SignedTokenCredentials implements Credentials {
  readonly files: readonly string[];
  readonly #method: Method;
  readonly #file: TokenFile;
  readonly #log: Logger;
  #used: Secret<string> | undefined;

  constructor(method: Method, log: Logger) {
    this.#method = method;
    this.#file = tokenFile(method);
    this.#log = log;
    this.files = [this.#file.path];
  }

  async login(client: Client): Promise<Grant> {
    const { type, config, mount_path: mount } = this.#method;
    const { path, removal } = this.#file;
    const found = await readCredential(path);
    // A file that is gone leaves the token that is known, as long as it is good.
    const token = found ?? this.#used;
    if (token === undefined) throw fail('noCredentials', `there is no token in ${path}`);
    const at = type === 'jwt' ? jwtLogin(config.role) : { path: 'login', role: config.role };
    const body = { role: at.role, jwt: token.expose() };
    const grant = granted((await client.write(`${mount}/${at.path}`, body))?.auth);
    this.#used = token;
    if (found !== undefined && removal !== undefined) await this.#remove(removal.followsSymlinks);
    return grant;
  }

  changed(): Promise<boolean> {
    return holdsAnother(this.#file.path, this.#used);
  }

  async identity(): Promise<string | undefined> {
    const { type, config, mount_path: mount, namespace = '' } = this.#method;
    const token = (await readCredential(this.#file.path).catch(() => undefined)) ?? this.#used;
    const subject = token === undefined ? undefined : subjectOf(token);
    return subject === undefined ? undefined : `${type} ${namespace} ${mount} ${config.role} ${subject}`;
  }

  /** Only once it has logged in: a server that is away must not cost the only copy. */
  async #remove(followsSymlinks: boolean): Promise<void> {
    const { path } = this.#file;
    try {
      await unlink(followsSymlinks ? await realpath(path) : path);
    } catch (error) {
      this.#log.error('cannot remove the file with the token', { path, error: explain(error) });
    }
  }
}
