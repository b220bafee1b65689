/** Signs by the private halves that this node holds: only the hub has any. */
import { fail } from '../../../errors.ts';
import { BoundedMap } from '../../../lib/bounded-map.ts';
import { signingKey } from '../../../lib/crypto/signing-keys.ts';
import type { KeyObject } from '../../../lib/crypto/hash.ts';
import type { Store } from '../../../storage/store.ts';
import type { Claims } from './claims-template.ts';
import { oidcKeys } from './layout.ts';
import type { NamedKey } from './named-key.ts';

const CACHE_LIMIT = 1_000;

export class Signer {
  readonly #store: Pick<Store, 'get'>;
  /** By kid, which no two pairs share. */
  readonly #ready = new BoundedMap<string, KeyObject>(CACHE_LIMIT);
  readonly #observation: Disposable;

  constructor(store: Pick<Store, 'get' | 'observe'>) {
    this.#store = store;
    this.#observation = store.observe(({ reread }) => {
      // A namespace was sealed: what was read of it is nobody's to use.
      if (reread !== undefined) this.#ready.clear();
    });
  }

  [Symbol.dispose](): void {
    this.#observation[Symbol.dispose]();
    this.#ready.clear();
  }

  /** A compact JWS (RFC 7515). Throws `elsewhere` at a region, `badRequest` when the key has no pair yet. */
  async sign(namespace: string, key: NamedKey, claims: Claims): Promise<string> {
    const { algorithm: alg, signing: kid } = key;
    const ready = this.#keyOf(namespace, kid);
    const { CompactSign } = await import('jose/jws/compact/sign');
    const payload = new TextEncoder().encode(JSON.stringify(claims));
    return new CompactSign(payload).setProtectedHeader({ alg, kid }).sign(ready);
  }

  #keyOf(namespace: string, kid: string): KeyObject {
    if (kid === '') throw fail('badRequest', 'the key has never signed: rotate it and try again');
    const known = this.#ready.get(kid);
    if (known !== undefined) return known;
    const found = this.#store.get(oidcKeys(namespace).privateKey(kid));
    if (found === undefined) throw fail('elsewhere', 'tokens are signed at the hub: ask there');
    const ready = signingKey(found);
    this.#ready.set(kid, ready);
    return ready;
  }
}
