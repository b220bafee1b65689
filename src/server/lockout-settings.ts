/** From the configuration's `user_lockout` blocks to what the core is told. */
import type { ServerConfig } from '../config/server.ts';
import type { LockoutSettings } from '../core/lockout/lockout-config.ts';
import { defined } from '../lib/defined.ts';

export function lockoutSettings(config: Pick<ServerConfig, 'user_lockout' | 'disable_user_lockout'>): LockoutSettings {
  const byType = config.user_lockout.map((block) => {
    const given = defined({
      threshold: block.lockout_threshold,
      duration: block.lockout_duration,
      counterReset: block.lockout_counter_reset,
      disable: block.disable_lockout,
    });
    return [block.type, given] as const;
  });
  return { disabled: config.disable_user_lockout, byType: Object.fromEntries(byType) };
}
