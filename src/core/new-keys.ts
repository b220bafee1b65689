/** What the first initialisation of a node takes and gives. */
import type { InitOptions } from '../seal/initialise.ts';
import type { Shares } from '../seal/shown-shares.ts';

export interface NewKeys {
  readonly unsealShares: Shares;
  readonly recoveryShares: Shares;
  readonly rootToken: string;
}

export interface NodeInitOptions extends InitOptions {
  /** The root token is then shown encrypted to this key alone. */
  readonly rootTokenPgpKey?: string | undefined;
  /** More is to come before the node is complete: see `self-init.ts`. */
  readonly unfinished?: boolean;
}
