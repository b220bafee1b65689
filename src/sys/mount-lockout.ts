/** User lockout as a mount is tuned to it, and shows it. */
import { locksOut, type LockoutConfig } from '../core/lockout/lockout-config.ts';
import type { MountConfig } from '../core/mounts/mount.ts';
import { fail } from '../errors.ts';
import { field, type JsonObject } from '../framework/field.ts';
import type { AnyPlugin } from '../framework/plugin.ts';
import { defined } from '../lib/defined.ts';

const duration = field.duration('');

/** Members of `user_lockout_config`; Vault's own documents name one of them in two ways. */
const members = {
  lockout_threshold: field.integer(''),
  lockout_duration: duration,
  lockout_counter_reset_duration: duration,
  lockout_counter_reset: duration,
  lockout_disable: field.boolean(''),
} as const;

/** More seconds, or logins, than anybody means. */
const MOST = 1e9;

/** Throws `badRequest` for a type that locks nobody out. */
export function assertLocksOut(type: string, plugin: AnyPlugin | undefined): void {
  if (plugin !== undefined && locksOut(plugin)) return;
  throw fail('badRequest', `tuning of user lockout configuration for auth type "${type}" not allowed`);
}

/** What is given over what was there; 0 gives it back to the default of the node. Throws `badRequest`, which names it. */
export function lockoutValues(before: MountConfig['userLockout'], given: JsonObject): Partial<LockoutConfig> {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(members, name));
  if (unknown !== undefined) {
    throw fail('badRequest', `user_lockout_config has no "${unknown}", only ${Object.keys(members).join(', ')}`);
  }
  const number = (name: Exclude<keyof typeof members, 'lockout_disable'>): number | undefined => {
    const value = members[name].coerce(given[name], name);
    if (value === undefined || (value >= 0 && value <= MOST)) return value;
    throw fail('badRequest', `field "${name}": expected nothing below 0 and nothing above ${String(MOST)}`);
  };
  const reset = number('lockout_counter_reset');
  return {
    ...before,
    ...defined({
      threshold: number('lockout_threshold'),
      duration: number('lockout_duration'),
      counterReset: number('lockout_counter_reset_duration') ?? reset,
      disable: members.lockout_disable.coerce(given['lockout_disable'], 'lockout_disable'),
    }),
  };
}

/** undefined: the mount was not tuned. 0: the default of the node. */
export function shownLockout({ userLockout }: MountConfig): JsonObject | undefined {
  if (userLockout === undefined) return undefined;
  return {
    user_lockout_counter_reset_duration: userLockout.counterReset ?? 0,
    user_lockout_disable: userLockout.disable ?? false,
    user_lockout_duration: userLockout.duration ?? 0,
    user_lockout_threshold: userLockout.threshold ?? 0,
  };
}
