/**
 * All seals that the configuration names. People hold shares, or one or several machines wrap the unseal key, each for
 * itself: any one of them opens the node. Disabled ones are there to migrate away from.
 */
import type { KeyObject } from 'node:crypto';

import { fail, isLockstepError, type ErrorCode } from '../errors.ts';
import { hedged } from '../lib/hedged.ts';
import { silent, type Logger } from '../lib/log.ts';
import { decryptRoot, type Stored } from './stored.ts';
import { SealHealth } from './seal-health.ts';
import type { KeyWrapper, Seal } from './seal.ts';
import type { WrappedKey } from './wrapped.ts';

export interface ConfiguredSeal {
  /** No two have the same. */
  readonly name: string;
  readonly type: string;
  /** The smallest is asked first. */
  readonly priority: number;
  readonly disabled: boolean;
  /** Or why it could not be set up: with others beside it, that is no reason not to start. */
  readonly seal: Seal | { readonly problem: string };
}

export interface SealsOptions {
  readonly now?: () => number;
  readonly log?: Pick<Logger, 'info' | 'warn'>;
  /** Milliseconds that a seal has before the next is asked too, and that one has to wrap once another has done it. */
  readonly patience?: { readonly headStart: number; readonly grace: number };
}

/** A seal that wraps, and how it is. */
export interface AutoSeal extends Omit<ConfiguredSeal, 'seal'> {
  /** undefined when it could not be set up. */
  readonly seal: Seal | undefined;
  readonly wrapper: KeyWrapper | undefined;
  readonly health: SealHealth;
}

export interface Opened {
  readonly unsealKey: KeyObject;
  readonly root: KeyObject;
  /** The seal that opened it. */
  readonly by: AutoSeal;
}

export const SHAMIR = 'shamir';
export const MULTISEAL = 'multiseal';
const PATIENCE = { headStart: 1_000, grace: 5_000 };

export class Seals implements Disposable {
  /** In the order in which they are asked. Empty when people hold the unseal key. */
  readonly enabled: readonly AutoSeal[];
  readonly disabled: readonly AutoSeal[];
  readonly #log: Pick<Logger, 'info' | 'warn'>;
  readonly #patience: { readonly headStart: number; readonly grace: number };
  readonly #configured: readonly ConfiguredSeal[];

  constructor(
    configured: readonly ConfiguredSeal[],
    { now = Date.now, log = silent, patience = PATIENCE }: SealsOptions = {},
  ) {
    this.#configured = configured;
    this.#log = log;
    this.#patience = patience;
    const all = configured
      .filter(({ type }) => type !== SHAMIR)
      .toSorted((one, other) => one.priority - other.priority)
      .map(({ seal, ...about }): AutoSeal => {
        const options = { name: about.name, now, log };
        return 'problem' in seal
          ? { ...about, seal: undefined, wrapper: undefined, health: new SealHealth(options, seal.problem) }
          : { ...about, seal, wrapper: seal.wrapper, health: new SealHealth(options) };
      });
    this.enabled = all.filter(({ disabled }) => !disabled);
    this.disabled = all.filter(({ disabled }) => disabled);
  }

  /** The only seal of a node. */
  static of(seal: Seal, options?: SealsOptions): Seals {
    return new Seals([{ name: seal.type, type: seal.type, priority: 1, disabled: false, seal }], options);
  }

  [Symbol.dispose](): void {
    for (const { seal } of this.#configured) if (!('problem' in seal)) seal[Symbol.dispose]?.();
  }

  /** Whether a machine unseals. */
  get auto(): boolean {
    return this.enabled.length > 0;
  }

  /** As `sys/seal-status` shows it: `shamir`, the kind of the only one, or `multiseal`. */
  get type(): string {
    const [first, second] = this.enabled;
    return second === undefined ? (first?.type ?? SHAMIR) : MULTISEAL;
  }

  /** What a seal wrapped, going by its name; by its kind alone where nobody else has that name: it may be renamed. */
  wrappedBy({ name, type }: AutoSeal, keys: readonly WrappedKey[]): WrappedKey | undefined {
    const own = keys.find((each) => each.name === name && each.type === type);
    if (own !== undefined) return own;
    const claimed = (key: WrappedKey): boolean =>
      [...this.enabled, ...this.disabled].some((each) => each.name === key.name && each.type === key.type);
    return keys.find((each) => each.type === type && !claimed(each));
  }

  /** Nothing where people hold the key. Those that do not answer are left out, as long as one does. */
  async wrapByAll(key: KeyObject, signal: AbortSignal): Promise<readonly WrappedKey[]> {
    if (!this.auto) return [];
    const late = new AbortController();
    const within = AbortSignal.any([signal, late.signal]);
    let grace: NodeJS.Timeout | undefined;
    const results = await Promise.allSettled(
      this.enabled.map(async (seal) => {
        const made = await this.wrapBy(seal, key, within);
        grace ??= setTimeout(() => {
          late.abort();
        }, this.#patience.grace);
        return made;
      }),
    );
    clearTimeout(grace);
    const made = results.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    if (made.length === 0) {
      throw together(results.flatMap((each): unknown[] => (each.status === 'rejected' ? [each.reason] : [])));
    }
    return made;
  }

  /** What it wrapped is unwrapped before it is believed: a right to encrypt alone would lock the node out. */
  async wrapBy({ name, type, wrapper, health }: AutoSeal, key: KeyObject, signal: AbortSignal): Promise<WrappedKey> {
    if (wrapper === undefined)
      throw fail('invalidConfig', `seal "${name}" could not be set up: mend its configuration`);
    try {
      const wrapped = await wrapper.wrap(key, signal);
      if (!(await wrapper.unwrap(wrapped, signal)).equals(key)) {
        throw fail('invalidConfig', `seal "${name}" does not give back the key that it wrapped`);
      }
      health.counts.wraps += 1;
      health.mended();
      return { name, type, wrapped };
    } catch (error) {
      health.counts.failures += 1;
      health.failed(messageOf(error));
      throw error;
    }
  }

  /** By the first of `among` that can. Throws what kept them from it; each is logged by name. */
  async open(stored: Stored, among: readonly AutoSeal[], signal: AbortSignal): Promise<Opened> {
    const tries = among.flatMap((seal) => {
      const key = this.wrappedBy(seal, stored.wrapped);
      if (key === undefined || seal.wrapper === undefined) return [];
      return [(within: AbortSignal) => this.openBy(seal, stored, within, () => within.aborted && !signal.aborted)];
    });
    try {
      return await hedged(tries, { headStart: this.#patience.headStart, signal });
    } catch (error) {
      if (error instanceof AggregateError && error.errors.length > 0) throw together(error.errors);
      const names = among.map(({ name }) => `"${name}"`).join(', ');
      throw fail('invalidConfig', `no seal of ${names} could be set up: mend the configuration`);
    }
  }

  /** By this one. Throws `corrupt` when what it wrapped opens nothing. `late`: whether another one was faster. */
  async openBy(seal: AutoSeal, stored: Stored, signal: AbortSignal, late = (): boolean => false): Promise<Opened> {
    const { name, wrapper, health } = seal;
    const key = this.wrappedBy(seal, stored.wrapped);
    if (wrapper === undefined || key === undefined) throw fail('invalidConfig', `seal "${name}" has wrapped nothing`);
    try {
      const unsealKey = await wrapper.unwrap(key.wrapped, signal);
      const root = decryptRoot(stored.root, unsealKey, stored.configBytes);
      if (root === undefined) {
        throw fail(
          'corrupt',
          `seal "${name}" gives a key that does not open the root key: it is another key, or seal/config or seal/root is damaged: restore both from a backup`,
        );
      }
      health.counts.unwraps += 1;
      health.mended();
      return { unsealKey, root, by: seal };
    } catch (error) {
      if (late()) throw error;
      health.counts.failures += 1;
      if (isLockstepError(error) && error.code !== 'timeout') health.broke(error.message);
      else health.failed(messageOf(error));
      throw error;
    }
  }

  get log(): Pick<Logger, 'info' | 'warn'> {
    return this.#log;
  }
}

/** One error of several: one that time can mend goes before the others, since it says that trying again may help. */
function together(errors: readonly unknown[]): unknown {
  const [first, second] = errors;
  if (second === undefined) return first;
  const codes = errors.map((error): ErrorCode => (isLockstepError(error) ? error.code : 'timeout'));
  const code = codes.includes('timeout') ? 'timeout' : (codes[0] ?? 'internal');
  return fail(code, `none of the seals can open this node: ${errors.map(messageOf).join('; ')}`, { cause: first });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown';
}
