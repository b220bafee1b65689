/** Recovery keys, where a machine keeps the unseal key: `sys/rotate/recovery`, `sys/rotate/root`, root tokens by them. */
import type { KnownDifference } from '../known-differences.ts';
import { get, post, remove, type Step } from '../step.ts';
import { worlds } from '../worlds.ts';
import { active, initialised, ofShares, rekeying, rootTokens, step } from './keys.ts';

export const before: readonly Step[] = [
  get('sys/init', { token: '' }),
  post('sys/init', { secret_shares: 3, secret_threshold: 2 }, { token: '' }),
  post('sys/init', { recovery_shares: 2, recovery_threshold: 3 }, { token: '' }),
  initialised({
    fields: { shares: 'recovery_shares', threshold: 'recovery_threshold' },
    at: 'recovery_keys_base64',
  }),
  active,
];

export const odd: readonly Step[] = [
  get('sys/init', { token: '' }),
  post('sys/init', { recovery_shares: 3, recovery_threshold: 2 }, { token: '' }),
  ...rekeying({ base: 'sys/rotate/recovery', bare: false, backup: 'sys/rotate/recovery/backup', old: 'k', made: 'm' }),
  post('sys/rotate/root', {}),
  post('sys/rotate/root/init', { secret_shares: 1, secret_threshold: 1 }),
  get('sys/rotate/root/init'),
  remove('sys/rotate/root/init'),
  get('sys/rekey/recovery-key-backup'),
  remove('sys/rekey/recovery-key-backup'),
  post('sys/rekey/init', { secret_shares: 1, secret_threshold: 1 }),
  get('sys/rekey/init'),
  remove('sys/rekey/init'),
  ...rootTokens({ base: 'sys/generate-root-token', bare: false, shares: 'm' }),
  ...rootTokens({ base: 'sys/generate-root', bare: true, shares: 'm' }),
  post('sys/rotate', {}),
  get('sys/rotate/config'),
];

export { step };

export const drawn = 0;

export const world = worlds.recovery;

// A share is never too short here, and the endpoints of old are asked less.
export const known: readonly KnownDifference[] = ofShares.map((each) => ({ ...each, byChance: true }));
