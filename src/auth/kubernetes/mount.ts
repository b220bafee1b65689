/** What a mount of the method keeps: one cluster, and how its tokens are held against it. */
import { fail } from '../../errors.ts';
import type { MountView } from '../../framework/plugin.ts';
import { jwksKeys } from '../../lib/jwt/discovery.ts';
import { fixedKeys, keysOfDocument, keysOfPems, type KeySource } from '../../lib/jwt/keys.ts';
import { decodeFound, decodeRecord, encodeRecord } from '../../lib/record.ts';
import type { Transaction } from '../../storage/store.ts';
import { Outgoing } from './outgoing.ts';

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
}

const CONFIG = 'config';
const REVIEWER = 'reviewer';

/** Whether nobody is asked about a token. */
export const isOffline = ({ host }: KubernetesConfig): boolean => host === '';

/** undefined: there are none. Throws `badRequest` for keys that are none. */
export function keysOf({ pemKeys, jwks, jwksUrl, jwksCa }: KubernetesConfig): KeySource | undefined {
  if (pemKeys.length > 0) return fixedKeys(keysOfPems(pemKeys));
  if (jwksUrl !== '') return jwksKeys(jwksUrl, { ca: jwksCa === '' ? undefined : jwksCa });
  if (jwks === '') return undefined;
  const list = keysOfDocument(jwks);
  if (list === undefined) throw fail('badRequest', 'jwks is no JWKS document with a key that could verify a token');
  return fixedKeys(list);
}

interface Opened {
  readonly config: KubernetesConfig;
  readonly text: string;
  readonly keys: KeySource | undefined;
  readonly outgoing: Outgoing;
}

/** One on each thread. */
export class KubernetesMount {
  readonly view: MountView;
  #opened: Opened | undefined;

  constructor(view: MountView) {
    this.view = view;
  }

  get config(): KubernetesConfig | undefined {
    return this.view.shared.kept(CONFIG, decodeRecord<KubernetesConfig>);
  }

  /** Throws `badRequest` where nothing is configured. */
  mustConfig(): KubernetesConfig {
    const { config } = this;
    if (config === undefined) throw fail('badRequest', 'could not load backend configuration');
    return config;
  }

  /** Of the same configuration the same one: it holds what the cluster has said. */
  #of(config: KubernetesConfig): Opened {
    if (this.#opened?.config === config) return this.#opened;
    const text = JSON.stringify(config);
    const same = this.#opened?.text === text ? this.#opened : undefined;
    const [keys, outgoing] = same === undefined ? [keysOf(config), new Outgoing()] : [same.keys, same.outgoing];
    this.#opened = { config, text, keys, outgoing };
    return this.#opened;
  }

  keys(config: KubernetesConfig): KeySource | undefined {
    return this.#of(config).keys;
  }

  /** Requests to the API server of this configuration. */
  outgoing(config: KubernetesConfig): Outgoing {
    return this.#of(config).outgoing;
  }

  get reviewer(): string | undefined {
    return decodeFound<string>(this.view.shared.get(REVIEWER));
  }

  putConfig(tx: Transaction, config: KubernetesConfig, reviewer: string): void {
    tx.put(CONFIG, encodeRecord(config));
    if (reviewer === '') tx.delete(REVIEWER);
    else tx.put(REVIEWER, encodeRecord(reviewer));
  }
}
