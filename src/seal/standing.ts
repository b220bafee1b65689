/** Whether what is stored belongs to the seals of the configuration, or has yet to be migrated to them. Pure. */
import { fail } from '../errors.ts';
import { SHAMIR, type AutoSeal, type Seals } from './seals.ts';
import { CONFIG_KEY, type Stored } from './stored.ts';
import { WRAPPED_KEY } from './wrapped.ts';

export type Standing =
  /** The configured seals open it. */
  | { readonly migrates: false }
  /** `from`: the disabled seals that open it; none when people hold its unseal key. */
  | { readonly migrates: true; readonly from: readonly AutoSeal[] };

type Held = Pick<Stored, 'config' | 'wrapped'>;

/** Throws `invalidConfig` when no configured seal could ever open it, naming those that could. */
export function standingOf(seals: Seals, stored: Held): Standing {
  const { config, wrapped } = stored;
  if (config.type === SHAMIR) return seals.auto ? { migrates: true, from: [] } : { migrates: false };
  if (wrapped.length === 0)
    throw fail('corrupt', `${WRAPPED_KEY} is missing, or ${CONFIG_KEY} damaged: restore both from a backup`);
  const able = (each: AutoSeal): boolean => seals.wrappedBy(each, wrapped) !== undefined;
  if (seals.enabled.some(able)) return { migrates: false };
  const from = seals.disabled.filter(able);
  if (from.length > 0) return { migrates: true, from };
  const names = wrapped.map(({ name, type }) => (name === type ? `"${type}"` : `"${type}" (${name})`)).join(', ');
  throw fail(
    'invalidConfig',
    `${CONFIG_KEY} was made by the seal ${names}, the configuration says "${seals.type}": put the former back, with disabled = "true" to migrate away from it`,
  );
}
