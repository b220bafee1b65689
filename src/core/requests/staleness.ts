/** How long a region that is cut off goes on (design rule 10): with what it holds of the hub, and with logins. */
import { fail } from '../../errors.ts';
import { isBuiltIn } from '../mounts/mount.ts';
import type { RequestServices } from '../services.ts';
import type { Access } from './access.ts';
import { isOpen } from './open-paths.ts';

export interface StalenessLimits {
  /** Seconds since the last word of the hub. */
  readonly budget: number;
  readonly logins: number;
}

/** Throws `stale`. What is the region's own (its tokens, cubbyholes, local mounts, `sys/`) works at any age. */
export function checkAge({ age, staleness }: RequestServices, { routed, match, request }: Access): void {
  const milliseconds = age();
  if (milliseconds === undefined || routed === undefined) return;
  const { record } = routed.mounted;
  if (isBuiltIn(record) || record.local) return;
  const login = record.table === 'auth' && isOpen(match?.path, request);
  const limit = login ? staleness.logins : staleness.budget;
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds <= limit) return;
  const [what, key] = login
    ? ['logs nobody in', 'offline_login_max']
    : ['does not show shared data', 'staleness_budget'];
  throw fail(
    'stale',
    `this region has not heard from its hub for ${String(seconds)} s and ${what} after ${String(limit)} s (${key}): ` +
      'restore the connection to the hub, or raise the limit',
  );
}
