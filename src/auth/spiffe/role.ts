/** A role: which workloads log in by it, and what they get. */
import { fail } from '../../errors.ts';
import { field, type JsonObject, type Values } from '../../framework/field.ts';
import type { Compartment } from '../../framework/plugin.ts';
import { recordAt } from '../../lib/record.ts';
import {
  applyTokenFields,
  NO_TOKEN_SETTINGS,
  shownTokenSettings,
  tokenFields,
  type TokenSettings,
} from '../token-fields.ts';
import { checkWorkloadPattern } from './workload-pattern.ts';
import { roleOfLogin } from '../role-records.ts';

export interface SpiffeRole {
  readonly displayName: string;
  readonly patterns: readonly string[];
  readonly token: TokenSettings;
}

export const rolesPrefix = 'role/';

export const readRole = (from: Pick<Compartment, 'get'>, name: string): SpiffeRole | undefined =>
  recordAt<SpiffeRole>(from, rolesPrefix + name.toLowerCase());

/** Throws `badRequest`. */
export const mustReadRole = (from: Pick<Compartment, 'kept'>, name: string): SpiffeRole =>
  roleOfLogin<SpiffeRole>(from, {
    prefix: rolesPrefix,
    name,
    unknown: (given) => `role "${given}" could not be found`,
  });

export const roleFields = {
  display_name: field.string('What tokens are shown as; the name of the role without.'),
  workload_id_patterns: field.list(
    'Workload ids that log in: the path of a SPIFFE ID, "+" for one segment of it, "*" at the end for any rest.',
  ),
  ...tokenFields,
};

export type GivenRole = Values<typeof roleFields>;

/** `given` over what was there. Throws `badRequest`. */
export function changedRole(name: string, before: SpiffeRole | undefined, given: GivenRole): SpiffeRole {
  const patterns = given.workload_id_patterns ?? before?.patterns ?? [];
  if (patterns.length === 0) throw fail('badRequest', 'workload_id_patterns must be set: nobody could log in');
  for (const pattern of patterns) checkWorkloadPattern(pattern);
  return {
    displayName: given.display_name ?? before?.displayName ?? name,
    patterns,
    token: applyTokenFields(before?.token ?? NO_TOKEN_SETTINGS, given),
  };
}

export const shownRole = (name: string, { displayName, patterns, token }: SpiffeRole): JsonObject => ({
  display_name: displayName,
  name,
  workload_id_patterns: patterns,
  ...shownTokenSettings(token),
});
