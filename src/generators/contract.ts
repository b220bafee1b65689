/** What makes values rather than reading them. Each call makes others; nothing is remembered here. */
import type { Credentials } from '../providers/contract.ts';

export interface Generated {
  /** By the names under which whoever asks finds them. */
  readonly values: ReadonlyMap<string, Uint8Array>;
  /** Something is left in the world by it that can be taken away. */
  readonly left?: Left;
}

export interface Left {
  /** What `cleanUp` needs; it is kept in the cluster, so it holds no secret. */
  readonly state: Readonly<Record<string, unknown>>;
  /** Seconds after which it goes by itself. */
  readonly life: number;
}

/** Calls reject with `ProviderProblem`, or with the signal's reason. Configurations are checked by the schema of the kind. */
export interface Generator<Config> {
  readonly kind: string;
  readonly generate: (config: Config, credentials: Credentials, signal: AbortSignal) => Promise<Generated>;
  /** Takes away what is left; gone already is no error. Present where `generate` can leave something. */
  readonly cleanUp?: (config: Config, left: Left, credentials: Credentials, signal: AbortSignal) => Promise<void>;
}
