/**
 * Wrapped responses: a reply is put into the cubbyhole of a new token that can be used once. Token and reply are this
 * node's own, and are made in one transaction; who takes the token's only use gets the reply, and nobody else ever does.
 */
import { fail } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import type { JsonObject } from '../../framework/field.ts';
import { encodeRecord, recordAt } from '../../lib/record.ts';
import type { Store } from '../../storage/store.ts';
import { keys } from '../keys.ts';
import { WRAPPING_POLICY } from '../policy/wrapping-policy.ts';
import type { Revocation } from '../tokens/revocation.ts';
import { namespaceOfToken, type Token } from '../tokens/token.ts';
import type { TokenStore } from '../tokens/token-store.ts';

export interface Wrappable {
  /** The reply's body as it would have been sent. */
  readonly body: string;
  /** The path that was asked for, below its namespace. */
  readonly path: string;
  /** The id of the namespace that the token is to belong to. */
  readonly namespace: string;
  /** Seconds. */
  readonly ttl: number;
  /** Of the token in the reply, so that it can be revoked by who never sees it. */
  readonly wrappedAccessor?: string;
}

/** What is known of a wrapped response without opening it. Seconds; RFC 3339. */
export interface WrappedInfo {
  readonly creation_time: string;
  readonly creation_path: string;
  readonly creation_ttl: number;
}

interface Stored extends WrappedInfo {
  readonly wrapped_accessor?: string;
}

export interface WrappingOptions {
  readonly store: Store;
  readonly tokens: TokenStore;
  readonly revocation: Revocation;
  readonly now: () => number;
}

export const BAD_WRAPPING_TOKEN = 'wrapping token is not valid or does not exist';

/** Where the cubbyhole engine itself reads them: `cubbyhole/response` is the old way to unwrap. */
const cubbyhole = (token: string, name: 'response' | 'wrapinfo'): string =>
  `${keys.data('l', namespaceOfToken(token), 'cubbyhole')}${token}/${name}`;

const isWrapping = ({ record: { policies } }: Token): boolean =>
  policies.length === 1 && policies[0] === WRAPPING_POLICY;

/** Who asks, and in which namespace: of others' tokens it sees those of that one alone (design rule 31). */
type Asking = Pick<Call, 'token' | 'namespace'>;

export class Wrapping {
  readonly #options: WrappingOptions;

  constructor(options: WrappingOptions) {
    this.#options = options;
  }

  /** The `wrap_info` block of the reply that stands for the wrapped one. */
  async wrap({ body, path, namespace, ttl, wrappedAccessor }: Wrappable): Promise<JsonObject> {
    const { tokens, now } = this.#options;
    const accessor = wrappedAccessor === undefined ? {} : { wrapped_accessor: wrappedAccessor };
    const info = { creation_time: new Date(now()).toISOString(), creation_path: path, creation_ttl: ttl };
    const spec = {
      ...{
        path,
        namespace,
        ttl,
        explicitMaxTtl: ttl,
        maxTtl: 0,
        period: 0,
        numUses: 1,
        renewable: false,
        noDefaultPolicy: true,
      },
      ...{ policies: [WRAPPING_POLICY], meta: null, displayName: '', boundCidrs: [], role: '' },
    };
    const { id, token } = await tokens.create(spec, (tx, key) => {
      tx.put(cubbyhole(key, 'response'), encodeRecord({ response: body }));
      tx.put(cubbyhole(key, 'wrapinfo'), encodeRecord({ ...info, ...accessor } satisfies Stored));
    });
    return {
      token: id,
      accessor: token.record.accessor,
      ttl,
      creation_time: info.creation_time,
      creation_path: path,
      ...accessor,
    };
  }

  /** Leaves the token as it is. Throws `badRequest` when it wraps nothing, or belongs to another namespace. */
  lookup(id: string, from: Asking): WrappedInfo {
    const { creation_time, creation_path, creation_ttl } = this.#info(this.#unused(id, from));
    return { creation_time, creation_path, creation_ttl };
  }

  /** The body that the token holds, taken out: a second try, also at the same moment, gets `badRequest`. */
  async unwrap(id: string, from: Asking): Promise<string> {
    return (await this.#take(id, from)).body;
  }

  /** As `unwrap`, by a request that the wrapping token itself made: its use is taken already, and ends with the request. */
  unwrapOwn(key: string): string {
    return this.#read(this.#wrapping(this.#options.tokens.byKey(key))).body;
  }

  /** The same body in a new token, with the same time to live. */
  async rewrap(id: string, from: Asking): Promise<JsonObject> {
    const { body, info, namespace } = await this.#take(id, from);
    const { creation_path: path, creation_ttl: ttl, wrapped_accessor: wrappedAccessor } = info;
    return this.wrap({
      ...{ body, path, namespace, ttl },
      ...(wrappedAccessor === undefined ? {} : { wrappedAccessor }),
    });
  }

  async #take(id: string, from: Asking): Promise<{ body: string; info: Stored; namespace: string }> {
    const { tokens, revocation } = this.#options;
    const token = await tokens.use(this.#unused(id, from)).catch(() => {
      throw fail('badRequest', BAD_WRAPPING_TOKEN);
    });
    const taken = this.#read(token);
    await revocation.revoke(token.key);
    return { ...taken, namespace: token.namespace };
  }

  #wrapping(token: Token | undefined): Token {
    if (token === undefined || !isWrapping(token)) throw fail('badRequest', BAD_WRAPPING_TOKEN);
    return token;
  }

  #unused(id: string, { token: own, namespace }: Asking): Token {
    const token = this.#wrapping(this.#options.tokens.find(id));
    const known = token.namespace === namespace.id || id === own;
    if (token.record.numUses < 1 || !known) throw fail('badRequest', BAD_WRAPPING_TOKEN);
    return token;
  }

  #info(token: Token): Stored {
    using snapshot = this.#options.store.snapshot();
    const info = recordAt<Stored>(snapshot, cubbyhole(token.key, 'wrapinfo'));
    if (info === undefined) throw fail('badRequest', BAD_WRAPPING_TOKEN);
    return info;
  }

  #read(token: Token): { body: string; info: Stored } {
    using snapshot = this.#options.store.snapshot();
    const held = recordAt<{ response: string }>(snapshot, cubbyhole(token.key, 'response'));
    if (held === undefined) throw fail('badRequest', BAD_WRAPPING_TOKEN);
    return { body: held.response, info: this.#info(token) };
  }
}
