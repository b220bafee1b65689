/** What a mount of the method keeps, and how it finds the keys of its issuer. */
import { fail } from '../../errors.ts';
import type { MountView } from '../../framework/plugin.ts';
import { combinedKeys } from '../../lib/jwt/combined-keys.ts';
import { discover, discoveredKeys, jwksKeys, type Issuer } from '../../lib/jwt/discovery.ts';
import type { Reach } from '../../lib/jwt/issuer-fetch.ts';
import { fixedKeys, keysOfPems, type KeySource } from '../../lib/jwt/keys.ts';
import { remote, type RemoteSource } from '../../lib/jwt/remote-keys.ts';
import { decodeFound, decodeRecord, encodeRecord } from '../../lib/record.ts';
import type { Transaction } from '../../storage/store.ts';
import { PendingLogins } from './pending.ts';

export interface JwksPair {
  readonly url: string;
  readonly ca: string;
}

/** As it was written. The client's secret lies in a record of its own, which is read when it is sent. */
export interface JwtConfig {
  readonly discoveryUrl: string;
  readonly discoveryCa: string;
  readonly clientId: string;
  readonly responseMode: '' | 'query' | 'form_post';
  readonly responseTypes: readonly string[];
  readonly jwksUrl: string;
  readonly jwksCa: string;
  readonly jwksPairs: readonly JwksPair[];
  readonly publicKeys: readonly string[];
  readonly algorithms: readonly string[];
  readonly boundIssuer: string;
  readonly defaultRole: string;
  readonly serverNames: readonly string[];
  readonly namespaceInState: boolean;
}

const CONFIG = 'config';
const CLIENT_SECRET = 'client-secret';

interface Opened {
  readonly config: JwtConfig;
  readonly text: string;
  readonly keys: KeySource;
  readonly issuer: RemoteSource<Issuer>;
}

/** How the discovery document, and what it leads to, is reached. */
const reachOf = ({ discoveryCa, serverNames }: JwtConfig): Reach => ({
  ca: discoveryCa === '' ? undefined : discoveryCa,
  serverNames,
});

/** Throws `badRequest` for public keys that are none. */
export function keysOf(config: JwtConfig): KeySource {
  const { discoveryUrl, jwksUrl, jwksCa, jwksPairs, publicKeys, serverNames } = config;
  if (publicKeys.length > 0) return fixedKeys(keysOfPems(publicKeys));
  if (discoveryUrl !== '') return discoveredKeys(discoveryUrl, reachOf(config));
  const at = ({ url, ca }: JwksPair): KeySource => jwksKeys(url, { ca: ca === '' ? undefined : ca, serverNames });
  return jwksUrl === '' ? combinedKeys(jwksPairs.map(at)) : at({ url: jwksUrl, ca: jwksCa });
}

/** One on each thread. What is cached here, an issuer can be asked for again. */
export class JwtMount {
  readonly view: MountView;
  readonly pending: PendingLogins = new PendingLogins();
  #opened: Opened | undefined;

  constructor(view: MountView) {
    this.view = view;
  }

  get config(): JwtConfig | undefined {
    return this.view.shared.kept(CONFIG, decodeRecord<JwtConfig>);
  }

  /** Throws `badRequest` where nothing is configured. */
  mustConfig(): JwtConfig {
    const { config } = this;
    if (config === undefined) throw fail('badRequest', 'could not load configuration');
    return config;
  }

  /** Of the same configuration the same one: it holds what the issuer has said. */
  #of(config: JwtConfig): Opened {
    if (this.#opened?.config === config) return this.#opened;
    const text = JSON.stringify(config);
    const same = this.#opened?.text === text ? this.#opened : undefined;
    this.#opened = {
      ...{ config, text, keys: same?.keys ?? keysOf(config) },
      issuer: same?.issuer ?? remote({ load: () => discover(config.discoveryUrl, reachOf(config)) }),
    };
    return this.#opened;
  }

  keys(config: JwtConfig): KeySource {
    return this.#of(config).keys;
  }

  /** Of a configuration by discovery. */
  issuer(config: JwtConfig): RemoteSource<Issuer> {
    return this.#of(config).issuer;
  }

  reach(config: JwtConfig): Reach {
    return reachOf(config);
  }

  get clientSecret(): string | undefined {
    return decodeFound<string>(this.view.shared.get(CLIENT_SECRET));
  }

  putConfig(tx: Transaction, config: JwtConfig, clientSecret: string): void {
    tx.put(CONFIG, encodeRecord(config));
    if (clientSecret === '') tx.delete(CLIENT_SECRET);
    else tx.put(CLIENT_SECRET, encodeRecord(clientSecret));
  }
}
