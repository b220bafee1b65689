/** What the agent logs in with: files that are read again before each login. */
import { stat, unlink } from 'node:fs/promises';
import { ApiError } from '../client/api-error.ts';
import type { Client } from '../client/client.ts';
import type { AuthMethodConfig } from '../config/agent.ts';
import { fail } from '../errors.ts';
import { sha256 } from '../lib/crypto/hash.ts';
import type { Logger } from '../lib/log.ts';
import { Secret } from '../lib/secret.ts';
import { AwsCredentials } from './aws-credentials.ts';
import { CertCredentials } from './cert-credentials.ts';
import { granted, holdsAnother, readCredential, type Credentials, type Grant } from './credential-file.ts';
import { explain } from '../client/explain.ts';
import { SignedTokenCredentials } from './signed-token-credentials.ts';
import { SpiffeCredentials } from './spiffe-credentials.ts';

export type { Credentials, Grant } from './credential-file.ts';

type AppRoleConfig = Extract<AuthMethodConfig, { type: 'approle' }>;

class AppRoleCredentials implements Credentials {
  readonly files: readonly string[];
  readonly #config: AppRoleConfig['config'];
  readonly #mount: string;
  readonly #namespace: string;
  readonly #log: Logger;
  #roleId: Secret<string> | undefined;
  /** As it lay in the file: a secret-id, or the token that wraps one. */
  #found: Secret<string> | undefined;
  #secretId: Secret<string> | undefined;
  #warned = false;

  constructor({ config, mount_path, namespace }: AppRoleConfig, log: Logger) {
    this.#config = config;
    this.#mount = mount_path;
    this.#namespace = namespace ?? '';
    this.#log = log;
    const { role_id_file_path: role, secret_id_file_path: secret } = config;
    this.files = secret === undefined ? [role] : [role, secret];
  }

  async login(client: Client): Promise<Grant> {
    const roleId = await this.#readRoleId();
    await this.#readSecretId(client);
    this.#roleId = roleId;
    const body = {
      role_id: roleId.expose(),
      ...(this.#secretId === undefined ? {} : { secret_id: this.#secretId.expose() }),
    };
    return granted((await client.write(`${this.#mount}/login`, body))?.auth);
  }

  async changed(): Promise<boolean> {
    const role = await readCredential(this.#config.role_id_file_path).catch(() => undefined);
    if (role !== undefined && role.expose() !== this.#roleId?.expose()) return true;
    const path = this.#config.secret_id_file_path;
    const secret = path === undefined ? undefined : await readCredential(path).catch(() => undefined);
    return secret !== undefined && secret.expose() !== this.#found?.expose();
  }

  async identity(): Promise<string | undefined> {
    const role = await readCredential(this.#config.role_id_file_path).catch(() => undefined);
    const id = role ?? this.#roleId;
    if (id === undefined) return undefined;
    return `approle ${this.#namespace} ${this.#mount} ${sha256(id.expose()).toString('hex')}`;
  }

  async durableSecret(): Promise<Secret<string> | undefined> {
    const config = this.#config;
    const path = config.secret_id_file_path;
    const wrapped = config.secret_id_response_wrapping_path !== undefined;
    if (path === undefined || config.remove_secret_id_file_after_reading || wrapped) return undefined;
    return readCredential(path);
  }

  async #readRoleId(): Promise<Secret<string>> {
    const path = this.#config.role_id_file_path;
    const read = (await readCredential(path)) ?? this.#roleId;
    if (read === undefined) throw fail('noCredentials', `there is no role-id in ${path}`);
    return read;
  }

  /** A file that is gone or as before leaves the secret-id that is known. */
  async #readSecretId(client: Client): Promise<void> {
    const path = this.#config.secret_id_file_path;
    if (path === undefined) return;
    const found = await readCredential(path);
    if (found === undefined) {
      if (this.#secretId === undefined) throw fail('noCredentials', `there is no secret-id in ${path}`);
      return;
    }
    if (found.expose() === this.#found?.expose()) return;
    await this.#warnOfReaders(path);
    const wrappedAt = this.#config.secret_id_response_wrapping_path;
    this.#secretId = wrappedAt === undefined ? found : await unwrap(client, found, wrappedAt);
    this.#found = found;
    if (this.#config.remove_secret_id_file_after_reading) await this.#remove(path);
  }

  async #remove(path: string): Promise<void> {
    await unlink(path).catch((error: unknown) => {
      this.#log.error('cannot remove the secret-id file', { path, error: explain(error) });
    });
  }

  async #warnOfReaders(path: string): Promise<void> {
    const { mode } = await stat(path);
    if ((mode & 0o004) === 0 || this.#warned) return;
    this.#warned = true;
    this.#log.warn('everybody on this machine can read the secret-id file', { path });
  }
}

/** The wrapping token is looked up first: one that was made elsewhere may have been swapped in (and the real one read). */
async function unwrap(client: Client, token: Secret<string>, wrappedAt: string): Promise<Secret<string>> {
  const looked = await client.write('sys/wrapping/lookup', { token: token.expose() }, { replay: 'safe' });
  if (looked?.data?.['creation_path'] !== wrappedAt) {
    throw fail('noCredentials', `the wrapped secret-id does not come from ${wrappedAt}: it may have been swapped`);
  }
  const answer = await client.write('sys/wrapping/unwrap', {}, { token: token.expose() });
  const secretId = answer?.data?.['secret_id'];
  if (typeof secretId !== 'string') throw fail('noCredentials', 'what was wrapped is not a secret-id');
  return new Secret(secretId);
}

type TokenFileConfig = Extract<AuthMethodConfig, { type: 'token_file' }>;

class TokenFileCredentials implements Credentials {
  readonly files: readonly string[];
  readonly #path: string;
  #used: Secret<string> | undefined;

  constructor({ config }: TokenFileConfig) {
    this.#path = config.token_file_path;
    this.files = [this.#path];
  }

  async login(client: Client): Promise<Grant> {
    const token = await readCredential(this.#path);
    if (token === undefined) throw fail('noCredentials', `there is no token in ${this.#path}`);
    this.#used = token;
    const data = (await client.read('auth/token/lookup-self', { token: token.expose() }))?.data ?? {};
    const { accessor, ttl, renewable } = data;
    return {
      token,
      accessor: typeof accessor === 'string' ? accessor : '',
      ttl: typeof ttl === 'number' ? ttl : 0,
      renewable: renewable === true,
    };
  }

  changed(): Promise<boolean> {
    return holdsAnother(this.#path, this.#used);
  }

  identity(): Promise<string> {
    return Promise.resolve(`token_file ${this.#path}`);
  }
}

/** `shown`: the files of the certificate that the agent's connections show. */
export function credentialsOf(method: AuthMethodConfig, log: Logger, shown: readonly string[] = []): Credentials {
  switch (method.type) {
    case 'approle':
      return new AppRoleCredentials(method, log);
    case 'aws':
      return new AwsCredentials(method);
    case 'cert':
      return new CertCredentials(method, shown);
    case 'jwt':
    case 'kubernetes':
      return new SignedTokenCredentials(method, log);
    case 'spiffe':
      return new SpiffeCredentials(method);
    case 'token_file':
      return new TokenFileCredentials(method);
  }
}

/** Whether the server itself said no. A seal, overload or a proxy's page says nothing about the credentials. */
export function isRefusal(error: unknown): boolean {
  return error instanceof ApiError && [400, 401, 403].includes(error.status);
}
