/** What `sys/config` says of this node, as records that are read again and again: a cache over the change batches. */
import type { CorsConfig } from '../framework/request.ts';
import { encodeRecord, recordAt } from '../lib/record.ts';
import type { Store } from '../storage/store.ts';
import { keys } from './keys.ts';

/** Allowed wherever an origin is, as by Vault. */
export const USUAL_CORS_HEADERS: readonly string[] = [
  'Content-Type',
  'Authorization',
  'X-Vault-Token',
  'X-Vault-MFA',
  'X-Vault-No-Request-Forwarding',
  'X-Vault-Wrap-Format',
  'X-Vault-Wrap-TTL',
  'X-Requested-With',
  'X-Vault-AWS-IAM-Server-ID',
  'X-Vault-Policy-Override',
  'X-Vault-Namespace',
  'X-Vault-Index',
];

/** Of requests, in audit logs: by lower-case name. */
export type HeaderRules = Readonly<Record<string, { readonly hmac: boolean }>>;

/** Of pages for people: by name as it was written. */
export type PageHeaders = Readonly<Record<string, readonly string[]>>;

/** Of requests that wait for approval. Seconds. */
export interface ControlGroupConfig {
  readonly max_ttl: number;
}

interface Records {
  readonly cors: CorsConfig;
  readonly 'audited-headers': HeaderRules;
  readonly 'ui-headers': PageHeaders;
  readonly 'control-group': ControlGroupConfig;
}

const PREFIX = keys.config('');

export class NodeConfig implements Disposable {
  readonly #store: Store;
  readonly #known = new Map<string, unknown>();
  readonly #observation: Disposable;

  constructor(store: Store) {
    this.#store = store;
    this.#observation = store.observe(({ writes }) => {
      for (const { key } of writes) if (key.startsWith(PREFIX)) this.#known.clear();
    });
  }

  [Symbol.dispose](): void {
    this.#observation[Symbol.dispose]();
    this.#known.clear();
  }

  get cors(): CorsConfig | undefined {
    return this.#read('cors');
  }

  get pageHeaders(): PageHeaders {
    return this.#read('ui-headers') ?? {};
  }

  get controlGroup(): ControlGroupConfig | undefined {
    return this.#read('control-group');
  }

  /** Lower-case names to whether their values are hashed. */
  get auditedHeaders(): ReadonlyMap<string, { readonly hmac: boolean }> {
    const name = 'map of audited headers';
    const known = this.#known.get(name);
    if (known instanceof Map) return known as ReadonlyMap<string, { readonly hmac: boolean }>;
    const made = new Map(Object.entries(this.#read('audited-headers') ?? {}));
    this.#known.set(name, made);
    return made;
  }

  #read<K extends keyof Records>(name: K): Records[K] | undefined {
    if (!this.#known.has(name)) this.#known.set(name, recordAt<Records[K]>(this.#store, keys.config(name)));
    return this.#known.get(name) as Records[K] | undefined;
  }

  /** `work` can run twice. What it gives as undefined is no longer there. */
  async change<K extends keyof Records>(
    name: K,
    work: (before: Records[K] | undefined) => Records[K] | undefined,
  ): Promise<void> {
    await this.#store.transact((tx) => {
      const after = work(recordAt<Records[K]>(tx, keys.config(name)));
      if (after === undefined) tx.delete(keys.config(name));
      else tx.put(keys.config(name), encodeRecord(after));
    });
  }
}
