/** What a region proves itself with at its hub: got for a join token, kept behind its barrier, renewed in time. */
import { readFile } from 'node:fs/promises';
import type { RegionConfig } from '../config/server.ts';
import { keys } from '../core/keys.ts';
import { fail } from '../errors.ts';
import { sha256 } from '../lib/crypto/hash.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { Logger } from '../lib/log.ts';
import { encodeRecord, recordAt } from '../lib/record.ts';
import type { Store } from '../storage/store.ts';
import { enrol, type HubConnection, type Identity } from './cluster-client.ts';
import { decodeJoinToken, type JoinToken } from './join-token.ts';

interface Stored extends Partial<Identity> {
  /** Hash of the join token that the certificate was got for. */
  readonly token?: string;
  /** A key is kept before it is shown, so that a token that was used for it can be used again. */
  readonly pending?: { readonly key: string; readonly token: string };
}

export interface RegionIdentityOptions {
  readonly store: Store;
  readonly config: RegionConfig;
  readonly log: Logger;
}

export class RegionIdentity {
  readonly #options: RegionIdentityOptions;
  #current: Identity | undefined;

  constructor(options: RegionIdentityOptions) {
    this.#options = options;
  }

  get current(): Identity | undefined {
    return this.#current;
  }

  /** The kept one, or one for the join token: a token that this node has not used goes first, since it was added anew. */
  async get(): Promise<Identity> {
    if (this.#current !== undefined) return this.#current;
    const { config } = this.#options;
    const known = this.#read();
    const text = await joinToken(config, known?.certificate !== undefined);
    const hash = text === undefined ? undefined : sha256(text.trim()).toString('hex');
    if (known?.certificate !== undefined && (hash === undefined || hash === known.token)) {
      this.#current = known as Identity;
      return this.#current;
    }
    const token = decodeJoinToken(text ?? '');
    if (token.region !== config.name) {
      throw fail('invalidConfig', `the join token is for the region "${token.region}", this node is "${config.name}"`);
    }
    return this.#join(known, token, hash ?? '');
  }

  /** The old certificate stays until there is a new one: a token that is not good takes nothing away. */
  async #join(known: Stored | undefined, token: JoinToken, hash: string): Promise<Identity> {
    const { config, log } = this.#options;
    const { newPrivateKey } = await import('../lib/crypto/certificates.ts');
    const key = known?.pending?.token === hash ? known.pending.key : newPrivateKey();
    await this.#write({ ...known, pending: { key, token: hash } });
    failpoint('region.after-key-kept');
    const identity = await enrol(config.hub, token, key);
    failpoint('region.after-certificate-received');
    await this.#keep({ ...identity, token: hash });
    failpoint('region.after-certificate-kept');
    log.info('joined the hub', { region: config.name });
    return identity;
  }

  /** The hub refuses it: the next `get` looks for a new join token. */
  forget(): void {
    this.#current = undefined;
  }

  /** A new key and certificate, by the connection that the old one made. */
  async renew(hub: HubConnection): Promise<void> {
    const token = this.#read()?.token;
    const renewed = await hub.renew();
    await this.#keep({ ...renewed, ...(token === undefined ? {} : { token }) });
    this.#options.log.info('renewed the certificate of this region');
  }

  #read(): Stored | undefined {
    using snapshot = this.#options.store.snapshot();
    return recordAt<Stored>(snapshot, keys.hubIdentity);
  }

  async #write(stored: Stored): Promise<void> {
    await this.#options.store.transact((tx) => {
      tx.put(keys.hubIdentity, encodeRecord(stored));
    });
  }

  async #keep(identity: Identity & { readonly token?: string }): Promise<void> {
    await this.#write(identity);
    this.#current = identity;
  }
}

/** undefined where none is given and none is needed. */
async function joinToken(config: RegionConfig, joined: boolean): Promise<string | undefined> {
  const { join_token: token, join_token_file: file } = config;
  if (token !== undefined) return token.expose();
  if (file === undefined) {
    if (joined) return undefined;
    throw fail(
      'invalidConfig',
      'this region has not joined: give it a join token in join_token_file or LOCKSTEP_JOIN_TOKEN',
    );
  }
  try {
    return await readFile(file, 'utf8');
  } catch {
    if (joined) return undefined;
    throw fail('invalidConfig', `the join token cannot be read from ${file}`);
  }
}
