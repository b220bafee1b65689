/** What a mount of the method keeps, and how it gets to its directory. */
import type { SecureVersion } from 'node:tls';
import { fail, isLockstepError } from '../../errors.ts';
import type { Compartment, MountView } from '../../framework/plugin.ts';
import { BoundedMap } from '../../lib/bounded-map.ts';
import { HashQueue } from '../../lib/crypto/hash-queue.ts';
import { codeOrMessage } from '../../lib/error-code.ts';
import type { LdapConnection } from '../../lib/ldap/connection.ts';
import { dial, type Target, type TlsSettings } from '../../lib/ldap/dial.ts';
import { DirectoryUnavailable } from '../../lib/ldap/unavailable.ts';
import { decodeRecord, encodeRecord, recordAt } from '../../lib/record.ts';
import type { Transaction } from '../../storage/store.ts';
import { DEFAULT_CONFIG, NO_SECRETS, urlsOf, type LdapConfig, type LdapSecrets, type TlsVersion } from './config.ts';
import { filterOf, type FilterField, type FilterValues } from './filter.ts';

const CONFIG = 'config';
const SECRETS = 'secrets';

/** Logins at once on one thread, and how many may wait for their turn. */
const LIMITS = { atOnce: 32, waiting: 512 };
/** Milliseconds for which an address that did not answer is tried last. */
const LAST_MS = 10_000;
/** Names of which it is known that the directory has them. */
const MOST_KNOWN = 10_000;
/** Those of a configuration before this one are of no more use. */
const MOST_FILTERS = 8;

/** What is older, OpenSSL refuses by itself. */
const versions: Readonly<Record<TlsVersion, SecureVersion>> = {
  tls10: 'TLSv1.2',
  tls11: 'TLSv1.2',
  tls12: 'TLSv1.2',
  tls13: 'TLSv1.3',
};

function tlsOf(config: LdapConfig, { clientKey }: LdapSecrets): TlsSettings {
  const { certificate, clientCertificate } = config;
  return {
    ca: certificate === '' ? undefined : certificate,
    client: clientCertificate === '' ? undefined : { certificate: clientCertificate, key: clientKey },
    ...{ minVersion: versions[config.tlsMin], maxVersion: versions[config.tlsMax], verify: !config.insecureTls },
  };
}

/** What an error says, by its code where it has one: its text may hold more than belongs into an audit. */
export function reasonOf(error: unknown): string {
  if (isLockstepError(error)) return error.detail ?? error.message;
  if (error instanceof Error && error.name === 'TimeoutError') return 'no answer in time';
  return codeOrMessage(error);
}

type Fill = Awaited<ReturnType<typeof filterOf>>;

/** One on each thread. */
export class LdapMount {
  readonly view: MountView;
  readonly queue: HashQueue = new HashQueue(LIMITS);
  readonly #known = new Set<string>();
  /** When an address did not answer, monotonic milliseconds. */
  readonly #failed = new Map<string, number>();
  readonly #filters = new BoundedMap<string, Promise<Fill>>(MOST_FILTERS);

  constructor(view: MountView) {
    this.view = view;
  }

  get config(): LdapConfig | undefined {
    return this.view.shared.kept(CONFIG, decodeRecord<LdapConfig>);
  }

  /** Throws `badRequest` where nothing is configured. */
  mustConfig(): LdapConfig {
    const { config } = this;
    if (config === undefined) throw fail('badRequest', 'auth method not configured: write its config first');
    return config;
  }

  get secrets(): LdapSecrets {
    return this.secretsIn(this.view.shared);
  }

  configIn(from: Pick<Compartment, 'get'>): LdapConfig {
    return recordAt<LdapConfig>(from, CONFIG) ?? DEFAULT_CONFIG;
  }

  secretsIn(from: Pick<Compartment, 'get'>): LdapSecrets {
    return recordAt<LdapSecrets>(from, SECRETS) ?? NO_SECRETS;
  }

  put(tx: Transaction, config: LdapConfig, secrets: LdapSecrets): void {
    tx.put(CONFIG, encodeRecord(config));
    tx.put(SECRETS, encodeRecord(secrets));
  }

  /** A filter of the configuration, with these values in it. */
  async filter(field: FilterField, template: string, userAttr: string, values: FilterValues) {
    const key = `${field}\n${userAttr}\n${template}`;
    const known = this.#filters.get(key);
    const fill = known ?? filterOf({ field, template, userAttr });
    if (known === undefined) this.#filters.set(key, fill);
    return (await fill)(values);
  }

  /** Whether the directory is known to have such a user. */
  knows(username: string): boolean {
    return this.#known.has(username);
  }

  /** The directory has such a user. */
  met(username: string): void {
    this.#known.delete(username);
    this.#known.add(username);
    const [oldest] = this.#known;
    if (this.#known.size > MOST_KNOWN && oldest !== undefined) this.#known.delete(oldest);
  }

  /** Of the addresses the first that answers; those that did not a moment ago come last. */
  async open(config: LdapConfig, signal: AbortSignal): Promise<LdapConnection> {
    const tls = tlsOf(config, this.secrets);
    const problems: string[] = [];
    for (const address of this.#inOrder(urlsOf(config))) {
      try {
        const target: Target = { url: new URL(address), startTls: config.startTls, tls };
        const connection = await dial(
          target,
          AbortSignal.any([signal, AbortSignal.timeout(config.connectionTimeout * 1_000)]),
        );
        this.#failed.delete(address);
        return connection;
      } catch (error) {
        signal.throwIfAborted();
        this.#failed.set(address, performance.now());
        problems.push(`${address}: ${reasonOf(error)}`);
      }
    }
    throw new DirectoryUnavailable(problems.join('; '));
  }

  #inOrder(addresses: readonly string[]): readonly string[] {
    const failed = (address: string): boolean =>
      performance.now() - (this.#failed.get(address) ?? Number.NEGATIVE_INFINITY) < LAST_MS;
    return [...addresses.filter((address) => !failed(address)), ...addresses.filter(failed)];
  }
}
