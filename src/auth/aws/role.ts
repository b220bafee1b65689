/** A role: which users and roles of AWS log in by it, and what they get. */
import { fail } from '../../errors.ts';
import { field, type JsonObject, type Values } from '../../framework/field.ts';
import type { Compartment } from '../../framework/plugin.ts';
import { recordAt } from '../../lib/record.ts';
import { roleOfLogin } from '../role-records.ts';
import {
  applyTokenFields,
  NO_TOKEN_SETTINGS,
  type oldTokenFields,
  shownTokenSettings,
  tokenFields,
  withOldNames,
  type TokenSettings,
} from '../token-fields.ts';
import { boundPrincipalOf, isPattern, isPrincipalPattern, type Principal } from './principal.ts';

export interface AwsRole {
  /** Made once: an alias can be named by it. */
  readonly roleId: string;
  readonly bound: readonly string[];
  readonly resolveUniqueIds: boolean;
  /** Of those that are no patterns, in their order. */
  readonly uniqueIds: readonly string[];
  readonly token: TokenSettings;
}

export const rolesPrefix = 'role/';

export const readRole = (from: Pick<Compartment, 'get'>, name: string): AwsRole | undefined =>
  recordAt<AwsRole>(from, rolesPrefix + name.toLowerCase());

/** Throws `badRequest`. */
export const mustReadRole = (from: Pick<Compartment, 'kept'>, name: string): AwsRole =>
  roleOfLogin<AwsRole>(from, { prefix: rolesPrefix, name, unknown: (given) => `entry for role "${given}" not found` });

export const roleFields = {
  auth_type: field.enum('How it is logged in: iam; ec2 is not offered.', ['iam', 'ec2']),
  bound_iam_principal_arn: field.list(
    'ARNs of the users and roles that log in; "*" at the end for any rest: arn:aws:iam::123456789012:*.',
  ),
  resolve_aws_unique_ids: field.boolean(
    'Ask IAM for their unique ids, so that whoever is made anew under an old name does not log in; true by default.',
  ),
  inferred_entity_type: field.string('Not offered: what is inferred of EC2 instances.'),
  ...tokenFields,
} as const;

export type GivenRole = Values<typeof roleFields> & Partial<Values<typeof oldTokenFields>>;

const refuse = (message: string): Error => fail('badRequest', message);

/** What is bound, each one that names somebody. Throws `badRequest`. */
function checkBound(bound: readonly string[]): void {
  if (bound.length === 0) throw refuse('bound_iam_principal_arn must be set: nobody could log in');
  const odd = bound.find((arn) => (isPattern(arn) ? !isPrincipalPattern(arn) : boundPrincipalOf(arn) === undefined));
  if (odd === undefined) return;
  throw refuse(
    `bound_iam_principal_arn: "${odd.slice(0, 256)}" names no user and no role, such as arn:aws:iam::123456789012:role/web`,
  );
}

const fresh = (roleId: string): AwsRole => ({
  roleId,
  ...{ bound: [], resolveUniqueIds: true, uniqueIds: [], token: NO_TOKEN_SETTINGS },
});

/** `given` over what was there; unique ids are still those of before. Throws `badRequest`. */
export function changedRole(before: AwsRole | undefined, given: GivenRole, roleId: string): AwsRole {
  if (given.auth_type === 'ec2' || (given.inferred_entity_type ?? '') !== '') {
    throw refuse(
      'logins of EC2 instances by their identity document are not offered: bind the role of the instance profile',
    );
  }
  const from = before ?? fresh(roleId);
  const bound = given.bound_iam_principal_arn ?? from.bound;
  checkBound(bound);
  const resolveUniqueIds = given.resolve_aws_unique_ids ?? from.resolveUniqueIds;
  return { ...from, bound, resolveUniqueIds, token: applyTokenFields(from.token, withOldNames(given)) };
}

/**
 * Whether a role binds who logs in; `fullArn` is asked only where the path of a role decides. Where unique ids were resolved they
 * count and names do not.
 */
export async function binds(role: AwsRole, principal: Principal, fullArn: () => Promise<string>): Promise<boolean> {
  const { uniqueId, canonicalArn, kind, partition, accountId } = principal;
  const exact = role.bound.filter((arn) => !isPattern(arn));
  const isBound = role.resolveUniqueIds
    ? role.uniqueIds.includes(uniqueId)
    : exact.some((arn) => boundPrincipalOf(arn)?.canonicalArn === canonicalArn);
  if (isBound) return true;
  const beginnings = role.bound.filter(isPattern).map((arn) => arn.slice(0, -1));
  const upToPath = `arn:${partition}:iam::${accountId}:${kind}/`;
  if (beginnings.some((beginning) => upToPath.startsWith(beginning))) return true;
  const deeper = beginnings.filter((beginning) => beginning.startsWith(upToPath));
  if (deeper.length === 0) return false;
  const full = await fullArn();
  return deeper.some((beginning) => full.startsWith(beginning));
}

export const shownRole = ({ roleId, bound, resolveUniqueIds, uniqueIds, token }: AwsRole): JsonObject => ({
  auth_type: 'iam',
  bound_iam_principal_arn: bound,
  bound_iam_principal_id: uniqueIds,
  inferred_entity_type: '',
  resolve_aws_unique_ids: resolveUniqueIds,
  role_id: roleId,
  ...shownTokenSettings(token),
});
