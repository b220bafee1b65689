/** What a mount of the method keeps. */
import type { MountView } from '../../framework/plugin.ts';
import { remote, type RemoteSource } from '../../lib/jwt/remote-keys.ts';
import { decodeRecord } from '../../lib/record.ts';
import type { RevocationList } from '../../lib/x509/revocation-list.ts';
import { fetchList } from './fetch.ts';

export interface CertConfig {
  readonly disableBinding: boolean;
  readonly aliasMetadata: boolean;
  readonly ocspCacheSize: number;
}

export const CONFIG = 'config';
export const NEW_CONFIG: CertConfig = { disableBinding: false, aliasMetadata: false, ocspCacheSize: 100 };

/** A list of revocations as it was uploaded, or first fetched. */
export interface ListRecord {
  /** DER in base64. */
  readonly list: string;
  /** Where newer ones are; empty: nowhere. */
  readonly url: string;
  readonly validUntil: string;
}

export const listsPrefix = 'crls/';
/** Of one mount: each login is held against all of them. */
export const MOST_LISTS = 1_000;

export interface KeptAnswer {
  readonly status: 'good' | 'revoked';
  readonly until: number;
}

/** Milliseconds. A published list is asked for anew each hour; while it cannot be had, the last one counts until it expires. */
const TIMES = { between: 10_000, fresh: 3_600_000, patience: 2_000, stale: Number.POSITIVE_INFINITY } as const;

/** One on each thread. */
export class CertMount {
  readonly view: MountView;
  /** What OCSP responders have said, the oldest first. */
  readonly answers: Map<string, KeptAnswer> = new Map();
  readonly #published = new Map<string, RemoteSource<RevocationList>>();

  constructor(view: MountView) {
    this.view = view;
  }

  get config(): CertConfig {
    return this.view.shared.kept(CONFIG, decodeRecord<CertConfig>) ?? NEW_CONFIG;
  }

  /** The lists at an address, as they become newer. */
  published(url: string): RemoteSource<RevocationList> {
    const known = this.#published.get(url);
    if (known !== undefined) return known;
    const source = remote({ load: async () => (await fetchList(url)).list, times: TIMES });
    this.#published.set(url, source);
    return source;
  }

  /** Keeps the newest answers, as many as are configured. */
  keepAnswer(key: string, answer: KeptAnswer): void {
    this.answers.delete(key);
    this.answers.set(key, answer);
    const most = this.config.ocspCacheSize;
    for (const oldest of this.answers.keys()) {
      if (this.answers.size <= most) return;
      this.answers.delete(oldest);
    }
  }
}
