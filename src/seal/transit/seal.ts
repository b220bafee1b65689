/**
 * Auto-unseal by the transit engine of another Vault, OpenBao or Lockstep, with the parameters of their seal of that name.
 * It is as safe as that server and the token: who has both, and the disk, has the data.
 */
import { fail } from '../../errors.ts';
import { serviceText, unwrapBy, wrapBy } from '../envelope.ts';
import type { KeyWrapper, Seal } from '../seal.ts';
import { FarSide, type FarSideOptions } from './far-side.ts';

export interface TransitSealConfig extends FarSideOptions {
  readonly keyName: string;
  /** Of the engine: `transit/`. */
  readonly mountPath: string;
  readonly disableRenewal: boolean;
}

const KIND = 'transit';
/** Renewed when this part of its time is over. */
const RENEW_AT = 0.5;
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/** Asks nobody yet. */
export function openTransitSeal(config: TransitSealConfig): Seal & Disposable {
  const far = new FarSide(config);
  const renewal = new Renewal(far, config);
  const seen: Seen = { newest: 0 };
  return {
    type: KIND,
    wrapper: wrapperOf(far, config, { renewal, seen }),
    check: async (signal) => {
      try {
        const answer = await far.once('POST', pathOf(config, 'encrypt'), { plaintext: 'bG9ja3N0ZXA=' }, signal);
        seen.newest = versionOf(textIn(answer, 'ciphertext'));
        return 'healthy';
      } catch {
        return 'unreachable';
      }
    },
    [Symbol.dispose]: () => {
      renewal[Symbol.dispose]();
    },
  };
}

function pathOf({ mountPath, keyName }: TransitSealConfig, operation: 'encrypt' | 'decrypt'): string {
  return `${mountPath.replace(/^\/+|\/+$/g, '')}/${operation}/${encodeURIComponent(keyName)}`;
}

interface Seen {
  /** The version that the key had when it was last asked for. */
  newest: number;
}

interface Beside {
  readonly renewal: Renewal;
  readonly seen: Seen;
}

function wrapperOf(far: FarSide, config: TransitSealConfig, { renewal, seen }: Beside): KeyWrapper {
  const encrypt = async (clear: Buffer, signal: AbortSignal): Promise<string> => {
    const plaintext = clear.toString('base64');
    clear.fill(0);
    const answer = await far.insist('POST', pathOf(config, 'encrypt'), { plaintext }, signal);
    const text = textIn(answer, 'ciphertext');
    seen.newest = versionOf(text);
    return text;
  };
  return {
    wrap: async (key, signal) => {
      const wrapped = await wrapBy(KIND, key, (clear) => encrypt(clear, signal));
      renewal.start();
      return wrapped;
    },
    unwrap: async (wrapped, signal) => {
      const key = await unwrapBy(KIND, wrapped, async (ciphertext) => {
        const answer = await far.insist('POST', pathOf(config, 'decrypt'), { ciphertext }, signal);
        return Buffer.from(textIn(answer, 'plaintext'), 'base64');
      });
      // Only what it encrypts now tells whether its key was rotated.
      await encrypt(Buffer.alloc(32), signal);
      renewal.start();
      return key;
    },
    isCurrent: (wrapped) => versionOf(serviceText(KIND, wrapped)) >= seen.newest,
  };
}

function textIn(answer: Readonly<Record<string, unknown>>, name: string): string {
  const text = (answer['data'] as Readonly<Record<string, unknown>> | undefined)?.[name];
  if (typeof text === 'string' && text !== '') return text;
  throw fail('invalidConfig', `seal "transit": the answer holds no ${name}: is there a transit engine at that path?`);
}

/** `vault:v3:…` is under version 3. */
const versionOf = (text: string): number => Number(/^vault:v(\d+):/.exec(text)?.[1] ?? 0);

/** Keeps the token alive while the node runs. */
class Renewal implements Disposable {
  readonly #far: FarSide;
  readonly #config: TransitSealConfig;
  readonly #over = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #started = false;

  constructor(far: FarSide, config: TransitSealConfig) {
    this.#far = far;
    this.#config = config;
  }

  start(): void {
    if (this.#started || this.#config.disableRenewal) return;
    this.#started = true;
    void this.#renew();
  }

  [Symbol.dispose](): void {
    this.#over.abort();
    clearTimeout(this.#timer);
  }

  async #renew(): Promise<void> {
    try {
      const { signal } = this.#over;
      const found = await this.#far.insist('GET', 'auth/token/lookup-self', undefined, signal);
      const { ttl, renewable } = (found['data'] ?? {}) as { ttl?: unknown; renewable?: unknown };
      if (typeof ttl !== 'number' || ttl === 0) return;
      if (renewable !== true) {
        this.#config.warn(`seal "transit": the token ends in ${ttl} s and cannot be renewed: give a periodic one`);
        return;
      }
      const made = await this.#far.insist('POST', 'auth/token/renew-self', {}, signal);
      const { lease_duration: seconds } = (made['auth'] ?? {}) as { lease_duration?: unknown };
      const wait = (typeof seconds === 'number' ? seconds : ttl) * 1_000 * RENEW_AT;
      this.#timer = setTimeout(() => void this.#renew(), Math.min(wait, LONGEST_WAIT_MS));
      this.#timer.unref();
    } catch (error) {
      if (this.#over.signal.aborted) return;
      this.#config.warn(`seal "transit": the token cannot be renewed: ${error instanceof Error ? error.message : ''}`);
    }
  }
}
