import { canonicalJson } from '../../lib/canonical-json.ts';
import type { ExternalSecretStatus } from './definition.ts';
import type { StatusPatch } from './status.ts';

interface Word {
  readonly status: ExternalSecretStatus;
  written: boolean;
}

/** How a status that was said came through. */
export interface Said {
  readonly written: () => void;
  /** It is given up: what comes of the next look is to be written, even if it is the same. */
  readonly lost: () => void;
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

  /** What `before` is with it. */
  say(key: string, before: ExternalSecretStatus, patch: StatusPatch): Said {
    const { staleSince, missingSince, ...rest } = { ...before, ...patch };
    const status = {
      ...rest,
      ...(typeof staleSince === 'string' ? { staleSince } : {}),
      ...(typeof missingSince === 'string' ? { missingSince } : {}),
    };
    const word = { status, written: false };
    this.#words.set(key, word);
    return {
      written: () => {
        word.written = true;
      },
      lost: () => {
        if (this.#words.get(key) === word) this.#words.delete(key);
      },
    };
  }

  /** The cache has another version of it: after the answer, or with what was said in it before that came. */
  changed(key: string, status: ExternalSecretStatus = {}): void {
    const word = this.#words.get(key);
    if (word === undefined) return;
    if (word.written || canonicalJson(status) === canonicalJson(word.status)) this.#words.delete(key);
  }

  forget(key: string): void {
    this.#words.delete(key);
  }
}
