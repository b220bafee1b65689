/** The agent's method `spiffe`: an SVID lies in files, where spiffe-helper puts new ones. */
import { Client } from '../client/client.ts';
import type { AuthMethodConfig } from '../config/agent.ts';
import { fail } from '../errors.ts';
import { sha256 } from '../lib/crypto/hash.ts';
import type { Secret } from '../lib/secret.ts';
import { granted, holdsAnother, readCredential, type Credentials, type Grant } from './credential-file.ts';
import { subjectOf } from './signed-token-credentials.ts';

type SpiffeMethod = Extract<AuthMethodConfig, { type: 'spiffe' }>;

export class SpiffeCredentials implements Credentials {
  readonly files: readonly string[];
  readonly #method: SpiffeMethod;
  /** The file that tells whether there is a new SVID. */
  readonly #path: string;
  #used: Secret<string> | undefined;

  constructor(method: SpiffeMethod) {
    const { path, client_cert: certificate } = method.config;
    this.#method = method;
    this.#path = path ?? certificate ?? '';
    this.files = [this.#path];
  }

  async login(client: Client): Promise<Grant> {
    const found = await readCredential(this.#path);
    if (found === undefined) throw fail('noCredentials', `there is no SVID in ${this.#path}`);
    const { config, mount_path: mount } = this.#method;
    const at = `${mount}/login`;
    const answer =
      config.path === undefined
        ? await this.#byCertificate(client, at)
        : await client.write(at, { role: config.role, type: 'jwt', jwt: found.expose() });
    const grant = granted(answer?.auth);
    this.#used = found;
    return grant;
  }

  changed(): Promise<boolean> {
    return holdsAnother(this.#path, this.#used);
  }

  async identity(): Promise<string | undefined> {
    const { config, mount_path: mount, namespace = '' } = this.#method;
    const found = (await readCredential(this.#path).catch(() => undefined)) ?? this.#used;
    if (found === undefined) return undefined;
    const subject = config.path === undefined ? sha256(this.#path).toString('hex') : subjectOf(found);
    return subject === undefined ? undefined : `spiffe ${namespace} ${mount} ${config.role} ${subject}`;
  }

  /** On a connection of its own: the files are read when one begins, and they change. */
  async #byCertificate(client: Client, at: string) {
    const { client_cert: clientCert, client_key: clientKey, role } = this.#method.config;
    const own = new Client({ ...client.settings, tls: { ...client.settings.tls, clientCert, clientKey } });
    try {
      return await own.write(at, { role, type: 'cert' });
    } finally {
      own.close();
    }
  }
}
