/** Servers that speak the Vault API: Lockstep, OpenBao, Vault. KV version 1 and 2. */
import { Client } from '../../client/client.ts';
import { isObject } from '../../client/json.ts';
import type { Answered } from '../../client/wire.ts';
import { goJson } from '../../lib/go-text.ts';
import {
  ProviderProblem,
  type Credentials,
  type Found,
  type Provider,
  type ProviderClient,
  type Pushed,
  type Query,
  type Reference,
  type RemoteName,
  type SecretRefLike,
} from '../contract.ts';
import { authoritiesOf, type AuthoritiesConfig } from '../authorities.ts';
import { contended } from '../contended.ts';
import { inTurns, MOST_FOUND, tooMany } from '../in-turns.ts';
import { namePattern } from '../name-pattern.ts';
import { bytesOf, selectedOf } from '../property.ts';
import { reachOf } from '../reachable.ts';
import { loginOf, type VaultAuthConfig } from './login.ts';
import { dataPath, dataPathOf, metadataPath, type Mount } from './paths.ts';
import { isConflict, pushTo, removeFrom, vaultFields, vaultMetadata } from './push.ts';
import { Sessions } from './session.ts';

export interface VaultConfig extends AuthoritiesConfig {
  readonly server: string;
  readonly path?: string;
  readonly version?: 'v1' | 'v2';
  readonly namespace?: string;
  readonly auth?: VaultAuthConfig;
  readonly tls?: { readonly certSecretRef?: SecretRefLike; readonly keySecretRef?: SecretRefLike };
  readonly headers?: Readonly<Record<string, string>>;
  /** What was read or written by this store is never read older. */
  readonly readYourWrites?: boolean;
  /** Beside it: a node of Vault Enterprise that is behind asks the active one, where that allows it. */
  readonly forwardInconsistent?: boolean;
  /** Not looked at: each write is made under check-and-set. */
  readonly checkAndSet?: { readonly required?: boolean };
}

export type Data = Readonly<Record<string, unknown>>;

const TIMEOUT_MS = 20_000;
const SYSTEM_METADATA = ['created_time', 'current_version', 'delete_version_after'];

/** Told of each secret as it is read, by the path of the API under which it lies. */
export type Reading = (path: string, data: Data, version: number | undefined) => void;

export class VaultClient implements ProviderClient {
  readonly #config: VaultConfig;
  readonly #mount: Mount;
  readonly #credentials: Credentials;
  readonly #login: ReturnType<typeof loginOf>;
  readonly #reading: Reading;
  #opened: Promise<{ readonly client: Client; readonly sessions: Sessions }> | undefined;

  constructor(config: VaultConfig, credentials: Credentials, reading: Reading = () => undefined) {
    // Sockets and files of this machine are not a tenant's to name.
    if (!/^https?:\/\//.test(config.server) || !URL.canParse(config.server)) {
      throw new ProviderProblem('invalid', 'server is no http:// or https:// address');
    }
    this.#config = config;
    this.#mount = mountOf(config);
    this.#credentials = credentials;
    this.#login = loginOf(config.auth, credentials);
    this.#reading = reading;
  }

  /** The path of the API under which a secret is read, or below which a search looks (`…/*`). */
  pathOf(key: string): string {
    return dataPath(key, this.#mount);
  }

  /** Logged in. Rejects with `ProviderProblem`. */
  async client(signal: AbortSignal): Promise<Client> {
    const { sessions } = await this.#ready();
    return sessions.client(signal);
  }

  async check(signal: AbortSignal): Promise<void> {
    await this.#use('look up the token', async (client) => client.read('auth/token/lookup-self', { signal }), signal);
  }

  async read(reference: Reference, signal: AbortSignal): Promise<Found<Uint8Array>> {
    const { key } = reference;
    const data = reference.metadata === true ? await this.#metadata(key, signal) : await this.#data(reference, signal);
    return data === undefined ? { found: false } : { found: true, value: selectedOf(data, reference) };
  }

  async find({ path, name, tags }: Query, signal: AbortSignal): Promise<ReadonlyMap<string, Uint8Array>> {
    if (tags !== undefined && this.#mount.version === 'v1') {
      throw new ProviderProblem('invalid', 'cannot perform find by tag operations with kv version v1');
    }
    const named = namePattern(name);
    const names = await this.#names(path === undefined ? '' : `${path.replace(/\/+$/, '')}/`, signal);
    const wanted = names.filter(named);
    const found = await inTurns(wanted, async (each) => {
      if (name === undefined && !matches(await this.#metadata(each, signal), tags ?? {})) return undefined;
      return this.#data({ key: each }, signal);
    });
    return new Map(
      wanted.flatMap((each, at) =>
        found[at] === undefined ? [] : [[each, Buffer.from(goJson(found[at]), 'utf8')] as const],
      ),
    );
  }

  push(pushed: Pushed, signal: AbortSignal): Promise<void> {
    const { key } = pushed;
    const write = (client: Client) => contended({ key, isConflict }, () => pushTo(client, pushed, this.#mount, signal));
    return this.#use(`write "${key}"`, write, signal);
  }

  checkMetadata(metadata: unknown): void {
    vaultMetadata(metadata);
  }

  remove(name: RemoteName, signal: AbortSignal): Promise<void> {
    const { key } = name;
    const remove = (client: Client) =>
      contended({ key, isConflict }, () => removeFrom(client, name, this.#mount, signal));
    return this.#use(`delete "${key}"`, remove, signal);
  }

  close(): void {
    void this.#close();
  }

  async #close(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined);
    opened?.client.close();
  }

  async #use<T>(doing: string, work: (client: Client) => Promise<T>, signal: AbortSignal): Promise<T> {
    const { sessions } = await this.#ready();
    try {
      return await sessions.use(doing, work, signal);
    } catch (error) {
      // The certificate in its Secret may be another by now: the next request takes it anew.
      const byCertificate = this.#config.auth?.cert !== undefined || this.#config.tls !== undefined;
      if (byCertificate && error instanceof ProviderProblem && error.kind !== 'unsuitable') this.#opened = undefined;
      throw error;
    }
  }

  async #ready() {
    this.#opened ??= this.#open().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  /** That of the login by certificates, else that of `tls`. */
  async #ownCertificate() {
    const { auth, tls } = this.#config;
    const [cert, key] =
      auth?.cert === undefined ? [tls?.certSecretRef, tls?.keySecretRef] : [auth.cert.clientCert, auth.cert.secretRef];
    if (cert === undefined && key === undefined) return {};
    if (cert === undefined || key === undefined) {
      throw new ProviderProblem('invalid', 'a client certificate and its key go together: name both');
    }
    return { clientCertText: await this.#credentials.secret(cert), clientKeyText: await this.#credentials.secret(key) };
  }

  async #open() {
    const { server, namespace, headers = {}, readYourWrites = false, forwardInconsistent = false, auth } = this.#config;
    const caCertText = await authoritiesOf(this.#config, this.#credentials);
    const own = await this.#ownCertificate();
    let client: Client;
    try {
      client = new Client({
        ...{ address: server, namespace, headers, readYourWrites, forwardInconsistent },
        ...{ timeoutMs: TIMEOUT_MS, maxRetries: 1, reach: reachOf(this.#credentials) },
        tls: { caCertText, ...own },
      });
    } catch (error) {
      throw new ProviderProblem('invalid', error instanceof Error ? error.message : 'the server cannot be used');
    }
    return { client, sessions: new Sessions({ client, login: this.#login, loginNamespace: auth?.namespace }) };
  }

  async #data({ key, version = '', told }: Reference, signal: AbortSignal): Promise<Data | undefined> {
    const query = version === '' ? {} : { version };
    let answer: Answered | undefined;
    const answered = (by: Answered): void => {
      answer = by;
    };
    const read = (client: Client) =>
      client.read(dataPath(key, this.#mount), { query, signal, reasons: true, answered });
    const reply = await this.#use(`read "${key}"`, read, signal);
    const found = reply?.data ?? undefined;
    const tell = (data: Data, of: number | undefined): Data => {
      told?.({ version: of, index: answer?.index, region: answer?.region, age: answer?.age });
      // What is in place is proved of the newest version alone.
      if (version === '') this.#reading(this.pathOf(key), data, of);
      return data;
    };
    if (found === undefined) return undefined;
    if (this.#mount.version === 'v1') return tell(found, undefined);
    if (!('data' in found))
      throw new ProviderProblem('unsuitable', `failed to find data field: is "${key}" of kv version v2?`);
    const { data, metadata } = found;
    // A deleted version: only its metadata come.
    return isObject(data) ? tell(data, versionOf(metadata)) : undefined;
  }

  async #metadata(key: string, signal: AbortSignal): Promise<Data | undefined> {
    if (this.#mount.version === 'v1') {
      throw new ProviderProblem('invalid', 'cannot perform metadata fetch operations with kv version v1');
    }
    const read = (client: Client) => client.read(metadataPath(key, this.#mount), { signal, reasons: true });
    const found = (await this.#use(`read the metadata of "${key}"`, read, signal))?.data;
    if (found === undefined || found === null) return undefined;
    const custom = isObject(found['custom_metadata']) ? found['custom_metadata'] : {};
    const kept = SYSTEM_METADATA.filter((name) => found[name] !== undefined && found[name] !== null);
    const texts = [...kept.map((name) => [name, found[name]] as const), ...Object.entries(custom)];
    return Object.fromEntries(texts.map(([name, value]) => [name, Buffer.from(bytesOf(value)).toString('utf8')]));
  }

  async #names(below: string, signal: AbortSignal): Promise<readonly string[]> {
    const found: string[] = [];
    const folders = [below];
    let walked = 0;
    for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
      const path = metadataPath(folder, this.#mount);
      const list = (client: Client) => client.list(path, { signal, reasons: true });
      const keys = (await this.#use(`list "${folder}"`, list, signal))?.data?.['keys'];
      for (const key of Array.isArray(keys) ? keys.filter((each) => typeof each === 'string') : []) {
        (key.endsWith('/') ? folders : found).push(folder + key);
      }
      // Folders count as well: a server can make them up without end.
      walked += 1;
      if (found.length + folders.length + walked > MOST_FOUND) throw tooMany();
    }
    return found;
  }
}

const mountOf = ({ path, version = 'v2' }: VaultConfig): Mount => ({ path: path === '' ? undefined : path, version });

/** With and without the mount, and `data/` behind it. */
export const nameOf = (key: string, config: VaultConfig): string => dataPathOf(key, mountOf(config));

function versionOf(metadata: unknown): number | undefined {
  const version = isObject(metadata) ? metadata['version'] : undefined;
  return typeof version === 'number' ? version : undefined;
}

const matches = (metadata: Data | undefined, tags: Readonly<Record<string, string>>): boolean =>
  metadata !== undefined && Object.entries(tags).every(([name, value]) => metadata[name] === value);

export const vault: Provider<VaultConfig> = {
  type: 'vault',
  capabilities: 'ReadWrite',
  pushMetadata: vaultFields,
  nameOf,
  connect: (config, credentials) => new VaultClient(config, credentials),
};
