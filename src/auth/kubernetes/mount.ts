/** What a mount of the method keeps: one cluster, and how its tokens are held against it. */
import { fail } from '../../errors.ts';
import type { MountView } from '../../framework/plugin.ts';
import { jwksKeys, type KeptDocument } from '../../lib/jwt/discovery.ts';
import { fixedKeys, keysOfDocument, keysOfPems, type KeySource } from '../../lib/jwt/keys.ts';
import { decodeRecord, encodeRecord, recordAt, textAt } from '../../lib/record.ts';
import type { Transaction } from '../../storage/store.ts';
import { Outgoing } from '../../lib/outgoing/bounds.ts';
import { documentName, FetchedDocuments } from '../fetched-documents.ts';
import { configured, NO_HISTORY, type KeyHistory, type NamedKey } from './held-keys.ts';
import { LoginTally } from './login-tally.ts';

/** As it was written. The reviewer's token lies in a record of its own, which is read when it is sent. */
export interface KubernetesConfig {
  /** Empty: tokens are verified offline. */
  readonly host: string;
  readonly ca: string;
  readonly disableLocal: boolean;
  readonly pemKeys: readonly string[];
  /** A JWKS document, as text. */
  readonly jwks: string;
  readonly jwksUrl: string;
  readonly jwksCa: string;
  readonly issuer: string;
  readonly disableIssuer: boolean;
  /** What the API server takes as its own audience, beside its usual ones. */
  readonly apiAudiences: readonly string[];
  /** `namespace/name` of the service account that may publish new keys of the cluster. Empty, or absent: nobody may. */
  readonly keyPublisher?: string;
}

const KEYS = 'keys';
const CONFIG = 'config';
const REVIEWER = 'reviewer';

/** Whether nobody is asked about a token. */
export const isOffline = ({ host }: KubernetesConfig): boolean => host === '';

/** undefined: there are none. Throws `badRequest` for keys that are none. */
export function keysOf(
  { pemKeys, jwks, jwksUrl, jwksCa }: KubernetesConfig,
  kept?: KeptDocument,
): KeySource | undefined {
  if (pemKeys.length > 0) return fixedKeys(keysOfPems(pemKeys));
  if (jwksUrl !== '') return jwksKeys(jwksUrl, { ca: jwksCa === '' ? undefined : jwksCa }, { kept });
  if (jwks === '') return undefined;
  const list = keysOfDocument(jwks);
  if (list === undefined) throw fail('badRequest', 'jwks is no JWKS document with a key that could verify a token');
  return fixedKeys(list);
}

const UNREACHABLE = 'the cluster cannot be asked about the token now: try again later';

interface Opened {
  readonly config: KubernetesConfig;
  readonly text: string;
  readonly keys: KeySource | undefined;
  readonly outgoing: Outgoing;
}

/** One on each thread. */
export class KubernetesMount {
  readonly view: MountView;
  readonly tally: LoginTally;
  #opened: Opened | undefined;

  constructor(view: MountView) {
    this.view = view;
    this.tally = new LoginTally(view.local);
  }

  get config(): KubernetesConfig | undefined {
    return this.view.shared.kept(CONFIG, decodeRecord<KubernetesConfig>);
  }

  configIn(from: Pick<Transaction, 'get'>): KubernetesConfig | undefined {
    return recordAt<KubernetesConfig>(from, CONFIG);
  }

  /** Throws `badRequest` where nothing is configured. */
  mustConfig(): KubernetesConfig {
    const { config } = this;
    if (config === undefined) throw fail('badRequest', 'could not load backend configuration: write config first');
    return config;
  }

  /** `now`: milliseconds since the epoch. */
  #open(config: KubernetesConfig, now: number): Pick<Opened, 'keys' | 'outgoing'> {
    const name = documentName([config.jwksUrl, config.jwksCa]);
    const kept = new FetchedDocuments(this.view.local).kept(name, [name], now);
    return { keys: keysOf(config, kept), outgoing: new Outgoing({ message: UNREACHABLE }) };
  }

  /** Of the same configuration the same one: it holds what the cluster has said. */
  #of(config: KubernetesConfig, now: number): Opened {
    if (this.#opened?.config === config) return this.#opened;
    const text = JSON.stringify(config);
    const same = this.#opened?.text === text ? this.#opened : undefined;
    const { keys, outgoing } = same ?? this.#open(config, now);
    this.#opened = { config, text, keys, outgoing };
    return this.#opened;
  }

  /** Asked at `now`, milliseconds since the epoch. */
  keys(config: KubernetesConfig, now: number): KeySource | undefined {
    return this.#of(config, now).keys;
  }

  /** Requests to the API server of this configuration. */
  outgoing(config: KubernetesConfig, now: number): Outgoing {
    return this.#of(config, now).outgoing;
  }

  get reviewer(): string | undefined {
    return textAt(this.view.shared, REVIEWER);
  }

  /** Of the keys in the configuration's JWKS document. */
  history(from: Pick<Transaction, 'get'> = this.view.shared): KeyHistory {
    return recordAt<KeyHistory>(from, KEYS) ?? NO_HISTORY;
  }

  /** Counts what is written to the configuration, new keys included; 0: there is none. */
  version(from: Pick<Transaction, 'get'> = this.view.shared): number {
    return from.get(CONFIG) === undefined ? 0 : (this.history(from).version ?? 1);
  }

  /** The same configuration with other keys. */
  putKeys(tx: Transaction, config: KubernetesConfig, history: KeyHistory): void {
    const version = this.version(tx) + 1;
    tx.put(CONFIG, encodeRecord(config));
    tx.put(KEYS, encodeRecord({ ...history, version }));
  }

  /** `keys`: those of its JWKS document, which came at `now`. */
  putConfig(
    tx: Transaction,
    config: KubernetesConfig,
    { reviewer, keys, now }: { readonly reviewer: string; readonly keys: readonly NamedKey[]; readonly now: number },
  ): void {
    this.putKeys(tx, config, configured(this.history(tx), keys, now));
    if (reviewer === '') tx.delete(REVIEWER);
    else tx.put(REVIEWER, encodeRecord(reviewer));
  }
}
