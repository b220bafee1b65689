import type { ExternalSecretStatus } from './definition.ts';
import type { StatusPatch } from './status.ts';

interface Word {
  readonly status: ExternalSecretStatus;
  sent: boolean;
}

/**
 * Statuses that were said and are not in the cache yet: they wait, or are on their way. The next is made of these; made of what
 * the cache has, it would take the place of one that waits and lose what that one said.
 */
export class UnseenStatuses {
  readonly #words = new Map<string, Word>();

  get(key: string): ExternalSecretStatus | undefined {
    return this.#words.get(key)?.status;
  }

  /** What `before` is with it. The caller tells of the end by what it is given. */
  say(key: string, before: ExternalSecretStatus, patch: StatusPatch): () => void {
    const { staleSince, missingSince, ...rest } = { ...before, ...patch };
    const status = {
      ...rest,
      ...(typeof staleSince === 'string' ? { staleSince } : {}),
      ...(typeof missingSince === 'string' ? { missingSince } : {}),
    };
    const word = { status, sent: false };
    this.#words.set(key, word);
    return () => {
      word.sent = true;
    };
  }

  /** The cache has another version of it; what was sent is in there. */
  changed(key: string): void {
    if (this.#words.get(key)?.sent === true) this.#words.delete(key);
  }

  forget(key: string): void {
    this.#words.delete(key);
  }
}
