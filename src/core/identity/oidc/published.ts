/** Which public keys are shown to those who check tokens. Made when they are first asked for; dropped by change batches. */
import type { JWK } from 'jose';
import { BoundedMap } from '../../../lib/bounded-map.ts';
import { KeyList, VerificationKey } from '../../../lib/jwt/keys.ts';
import type { Batch, Snapshot, Store } from '../../../storage/store.ts';
import { identityChange } from '../identity-keys.ts';
import { keyIn } from './key-changes.ts';
import { BELOW } from './layout.ts';
import { published } from './named-key.ts';
import { keysOf } from './oidc-store.ts';
import { allowsClient, type ProviderRecord } from './records.ts';

export interface PublishedKeys {
  readonly keys: readonly JWK[];
  readonly list: KeyList;
  /** Seconds: whoever keeps the keys for longer may miss one, or trust one that has left. */
  readonly maxAge: number;
}

interface Kept extends PublishedKeys {
  /** Until one of them expires. */
  readonly until: number;
}

const CACHE_LIMIT = 1_000;

export class Published implements Disposable {
  readonly #store: Store;
  /** By namespace; '' is the namespace's roles, else the name of a provider. */
  readonly #kept = new BoundedMap<string, Map<string, Kept>>(CACHE_LIMIT);
  readonly #observation: Disposable;

  constructor(store: Store) {
    this.#store = store;
    this.#observation = store.observe((batch) => {
      this.#follow(batch);
    });
  }

  [Symbol.dispose](): void {
    this.#observation[Symbol.dispose]();
    this.#kept.clear();
  }

  #follow({ writes, reread }: Batch): void {
    if (reread !== undefined) this.#kept.clear();
    for (const { key } of writes) {
      const [, namespace, below] = identityChange(key) ?? [];
      if (namespace !== undefined && below?.startsWith(BELOW) === true) this.#kept.delete(namespace);
    }
  }

  /** Those that roles sign by. */
  ofRoles(namespace: string, now: number): PublishedKeys {
    return this.#known(namespace, '', now, (from) => keysOf(from, namespace, 'role'));
  }

  /** Those that the clients of a provider are given tokens by. */
  ofProvider(namespace: string, name: string, provider: ProviderRecord, now: number): PublishedKeys {
    return this.#known(namespace, name, now, (from) =>
      keysOf(from, namespace, 'client', ({ id = '' }) => allowsClient(provider, id)),
    );
  }

  #known(namespace: string, of: string, now: number, names: (from: Snapshot) => readonly string[]): PublishedKeys {
    const known = this.#kept.get(namespace)?.get(of);
    if (known !== undefined && known.until > now) return known;
    using snapshot = this.#store.snapshot();
    const made = keptOf(snapshot, namespace, names(snapshot), now);
    const ofNamespace = this.#kept.get(namespace) ?? new Map<string, Kept>();
    this.#kept.set(namespace, ofNamespace.set(of, made));
    return made;
  }
}

function keptOf(from: Snapshot, namespace: string, names: readonly string[], now: number): Kept {
  const named = names.flatMap((name) => keyIn(from, namespace, name) ?? []);
  const ring = named.flatMap((key) => published(key, now));
  const keys = ring.map(({ jwk }) => jwk);
  const ends = ring.map(({ expiresAt }) => expiresAt).filter((at) => at > 0);
  return {
    keys,
    list: new KeyList(keys.map((jwk) => new VerificationKey(jwk))),
    maxAge: Math.min(...named.flatMap(({ rotationPeriod, verificationTtl }) => [rotationPeriod, verificationTtl])),
    until: Math.min(...ends),
  };
}
