/** Opens the encrypted copy of the last known good secrets, and keeps it under the key that it should have. */
import type { CacheConfig } from '../config/agent.ts';
import type { KeyObject } from '../lib/crypto/hash.ts';
import type { Logger } from '../lib/log.ts';
import type { StampSource } from './age.ts';
import { cacheKey } from './cache-key.ts';
import { Cache } from './cache.ts';
import type { Credentials } from './credentials.ts';
import { explain } from '../client/explain.ts';
import type { SecretFiles } from './files.ts';

export interface LastKnownOptions {
  readonly config: CacheConfig | undefined;
  readonly credentials: Credentials;
  readonly files: SecretFiles;
  readonly stamps: StampSource;
  readonly log: Logger;
}

export class LastKnown {
  readonly #options: LastKnownOptions;
  #cache: Cache | undefined;
  #key: KeyObject | undefined;
  #pruned = false;

  constructor(options: LastKnownOptions) {
    this.#options = options;
  }

  /**
   * Opens the cache if it can be, again after a login: credentials may have come or changed. With `exit_on_err` it
   * throws where the cache cannot be used.
   */
  async open(): Promise<void> {
    const { config, log } = this.#options;
    if (config === undefined || (config.key_file === undefined && !config.derive_key)) return;
    try {
      await this.#open(config);
    } catch (error) {
      if (config.exit_on_err) throw error;
      log.error('the cache is off', { error: explain(error) });
    }
  }

  /** Files from the cache, where the server has not answered yet. */
  async restore(): Promise<void> {
    const { config, files, log } = this.#options;
    if (this.#cache === undefined) return;
    try {
      const served = await files.restore();
      if (served > 0) log.warn('serving cached secrets', { count: served });
    } catch (error) {
      if (config?.exit_on_err === true) throw error;
      log.error('cannot read the cache', { error: explain(error) });
    }
  }

  /** After the server has answered: notes what it confirmed, and drops what nobody asks for any more. */
  async confirm(): Promise<void> {
    const { files, log } = this.#options;
    await files.noteConfirmed();
    if (this.#pruned || this.#cache === undefined) return;
    this.#pruned = true;
    const dropped = await this.#cache.prune(files.paths).catch(() => 0);
    if (dropped > 0) log.info('dropped cached secrets that are not configured or cannot be read', { count: dropped });
  }

  async #open(config: CacheConfig): Promise<void> {
    const { credentials, files, stamps, log } = this.#options;
    const identity = await credentials.identity();
    const durable = await credentials.durableSecret?.();
    if (identity === undefined || (config.derive_key && durable === undefined)) {
      log.warn('the cache is off until there are credentials');
      return;
    }
    const key = await cacheKey(config, durable);
    if (this.#key?.equals(key) === true) return;
    if (this.#cache === undefined) {
      this.#cache = await Cache.open({ directory: config.path, key, identity, stamps });
    } else this.#cache.rekey(key);
    this.#key = key;
    await files.useCache(this.#cache);
  }
}
