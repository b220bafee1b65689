/**
 * Publishes what keys a cluster has, as the account that is registered for it. A credential is a signing key of this process
 * with a token that the cluster made for it; it is had before it is needed, since after a rotation the cluster signs with the
 * new key alone, which nobody knows yet.
 */
import { ApiError } from '../../client/api-error.ts';
import type { Client } from '../../client/client.ts';
import type { KubernetesApi } from '../../kube/api.ts';
import { requestToken, tokenKeys } from '../../kube/service-accounts.ts';
import { publicationSigner, publisherAudience, type PublicationSigner } from '../../lib/jwt/key-publication.ts';
import type { PublisherPlace } from './manifest.ts';

export interface KeyPublisherOptions {
  readonly api: KubernetesApi;
  readonly account: PublisherPlace;
  /** The request path: `auth/prod-eu/`. */
  readonly mount: string;
  readonly client: Pick<Client, 'write'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

interface Credential {
  readonly signer: PublicationSigner;
  readonly token: string;
  readonly madeAt: number;
}

/** The server takes no token that is older than an hour. */
const LIFE_S = 3_600;
/** Milliseconds: with a margin for the clocks. */
const USED_FOR = 55 * 60_000;
const RENEWED_AFTER = 15 * 60_000;

export class KeyPublisher {
  readonly #options: KeyPublisherOptions;
  /** The newest first. */
  #credentials: readonly Credential[] = [];

  constructor(options: KeyPublisherOptions) {
    this.#options = options;
  }

  /** The server's reply. Rejects with `KubernetesProblem`, `ApiError` or `ConnectionError`. */
  async publish(): Promise<Readonly<Record<string, unknown>>> {
    const { keys } = await tokenKeys(this.#options.api);
    const living = this.#living();
    const tried = living.length === 0 ? [await this.#renew()] : living;
    const reply = await this.#byOneOf(tried, keys);
    // For the next change: by the key that the cluster signs with now.
    if (reply['changed'] === true || this.#isAging()) await this.#renew();
    return reply;
  }

  #living(): readonly Credential[] {
    const now = this.#options.now();
    this.#credentials = this.#credentials.filter(({ madeAt }) => now - madeAt < USED_FOR);
    return this.#credentials;
  }

  #isAging(): boolean {
    const [newest] = this.#credentials;
    return newest === undefined || this.#options.now() - newest.madeAt >= RENEWED_AFTER;
  }

  async #renew(): Promise<Credential> {
    const { api, account, now } = this.#options;
    const signer = await publicationSigner();
    const madeAt = now();
    const audience = publisherAudience(signer.thumbprint);
    const token = await requestToken(api, { ...account, audiences: [audience], life: LIFE_S });
    const made = { signer, token, madeAt };
    this.#credentials = [made, ...this.#credentials];
    return made;
  }

  /** An older one may be of a key that is held, where the newer ones are not yet. */
  async #byOneOf(
    credentials: readonly Credential[],
    keys: readonly unknown[],
  ): Promise<Readonly<Record<string, unknown>>> {
    const [first, ...others] = credentials;
    if (first === undefined) return this.#byOneOf([await this.#renew()], keys);
    const { client, mount, now } = this.#options;
    try {
      const publication = await first.signer.sign(keys, mount, now());
      const reply = await client.write(`${mount}keys/publish`, { jwt: first.token, publication });
      return reply?.data ?? {};
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 400 || others.length === 0) throw error;
      return this.#byOneOf(others, keys);
    }
  }
}
