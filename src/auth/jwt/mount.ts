/** What a mount of the method keeps, and how it finds the keys of its issuer. */
import { fail } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import type { MountView } from '../../framework/plugin.ts';
import { algorithms } from '../../lib/jwt/algorithms.ts';
import type { Claims } from '../../lib/jwt/claims.ts';
import { combinedKeys } from '../../lib/jwt/combined-keys.ts';
import { discover, discoveredKeys, jwksKeys, type Issuer, type KeptDocument } from '../../lib/jwt/discovery.ts';
import type { Reach } from '../../lib/outgoing/ask.ts';
import { Outgoing } from '../../lib/outgoing/bounds.ts';
import { fixedKeys, keysOfPems, type KeySource } from '../../lib/jwt/keys.ts';
import { remote, type RemoteSource } from '../../lib/jwt/remote-keys.ts';
import { signedClaims } from '../../lib/jwt/verify.ts';
import { decodeRecord, encodeRecord, textAt } from '../../lib/record.ts';
import type { Transaction } from '../../storage/store.ts';
import { documentName, FetchedDocuments } from '../fetched-documents.ts';
import { PendingLogins } from './pending.ts';

const UNREACHABLE = 'the issuer cannot be asked now: try again later';

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

/** From where, and how, keys are fetched; none of public keys that the configuration holds itself. */
function fetchedFrom({ discoveryUrl, discoveryCa, jwksUrl, jwksCa, jwksPairs, serverNames }: JwtConfig) {
  if (discoveryUrl !== '') return [{ url: discoveryUrl, ca: discoveryCa, serverNames }];
  const pairs = jwksUrl === '' ? jwksPairs : [{ url: jwksUrl, ca: jwksCa }];
  return pairs.map(({ url, ca }) => ({ url, ca, serverNames }));
}

type From = ReturnType<typeof fetchedFrom>[number];

/** `kept`: the keys that were fetched from there last. Throws `badRequest` for public keys that are none. */
export function keysOf(config: JwtConfig, kept?: (from: From) => KeptDocument): KeySource {
  const { discoveryUrl, publicKeys } = config;
  if (publicKeys.length > 0) return fixedKeys(keysOfPems(publicKeys));
  const keysAt = discoveryUrl === '' ? jwksKeys : discoveredKeys;
  const sources = fetchedFrom(config).map((from) => {
    const { url, ca, serverNames } = from;
    return keysAt(url, { ca: ca === '' ? undefined : ca, serverNames }, { kept: kept?.(from) });
  });
  const [only, ...others] = sources;
  return only !== undefined && others.length === 0 ? only : combinedKeys(sources);
}

/** Found by discovery, when it is first asked. */
export const issuerOf = (config: JwtConfig): RemoteSource<Issuer> =>
  remote({ load: () => discover(config.discoveryUrl, reachOf(config)) });

/** One on each thread. What is cached here, an issuer can be asked for again. */
export class JwtMount {
  readonly view: MountView;
  readonly pending: PendingLogins = new PendingLogins();
  /**
   * Requests that people's logins make of the issuer before it has vouched for them: anybody may cause these. Without a pause after a failure, since a code
   * works once, and who has one must not lose it by what happened to another.
   */
  readonly outgoing: Outgoing = new Outgoing({ message: UNREACHABLE, pause: 0 });
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
    if (config === undefined) throw fail('badRequest', 'could not load configuration: write config first');
    return config;
  }

  #open(config: JwtConfig, now: number): Pick<Opened, 'keys' | 'issuer'> {
    const documents = new FetchedDocuments(this.view.local);
    const names = fetchedFrom(config).map(documentName);
    return {
      keys: keysOf(config, (from) => documents.kept(documentName(from), names, now)),
      issuer: issuerOf(config),
    };
  }

  /** Of the same configuration the same one: it holds what the issuer has said. */
  #of(config: JwtConfig, now: number): Opened {
    if (this.#opened?.config === config) return this.#opened;
    const text = JSON.stringify(config);
    const same = this.#opened?.text === text ? this.#opened : undefined;
    const { keys, issuer } = same ?? this.#open(config, now);
    this.#opened = { config, text, keys, issuer };
    return this.#opened;
  }

  /** Asked at `now`, milliseconds since the epoch. */
  keys(config: JwtConfig, now: number): KeySource {
    return this.#of(config, now).keys;
  }

  /** What a token says that one of the keys has signed. Rejects with `TokenRefused`, and with `ServerUnavailable`. */
  signedClaims(config: JwtConfig, token: string, { now, signal }: Pick<Call, 'now' | 'signal'>): Promise<Claims> {
    const expected = { algorithms: config.algorithms.length === 0 ? algorithms : config.algorithms };
    return signedClaims(token, this.keys(config, now), expected, signal());
  }

  /** Of a configuration by discovery; asked at `now`. */
  issuer(config: JwtConfig, now: number): RemoteSource<Issuer> {
    return this.#of(config, now).issuer;
  }

  reach(config: JwtConfig): Reach {
    return reachOf(config);
  }

  get clientSecret(): string | undefined {
    return textAt(this.view.shared, CLIENT_SECRET);
  }

  putConfig(tx: Transaction, config: JwtConfig, clientSecret: string): void {
    tx.put(CONFIG, encodeRecord(config));
    if (clientSecret === '') tx.delete(CLIENT_SECRET);
    else tx.put(CLIENT_SECRET, encodeRecord(clientSecret));
  }
}
