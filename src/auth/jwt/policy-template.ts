/** Policies of a role that are made from claims: `team-{{.team}}`, `{{.project.name}}`. */
import { fail } from '../../errors.ts';
import type { Claims } from '../../lib/jwt/claims.ts';
import { TokenRefused } from '../../lib/jwt/refusal.ts';
import { claimOf } from './claim.ts';

const PLACE = /\{\{\s*((?:\.[A-Za-z_]\w*)+)\s*\}\}/g;
/** What a claim may put into the name of a policy: nothing that makes another name look like it. */
const VALUE = /^[\w.:@/-]{0,256}$/;

/** Throws `badRequest` for a template of which something else than claims is asked. */
export function checkTemplate(policy: string): void {
  if (/\{\{|\}\}/.test(policy.replace(PLACE, ''))) {
    throw fail('badRequest', 'a policy template names claims alone: {{.claim}} or {{.claim.member}}');
  }
}

function valueOf(claims: Claims, path: string): string {
  const value = claimOf(claims, path.replaceAll('.', '/'));
  const text = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
  if (typeof text !== 'string') throw new TokenRefused('claim', `"${path}" of a policy template is missing`);
  if (!VALUE.test(text)) throw new TokenRefused('claim', `"${path}" does not fit into the name of a policy`);
  return text;
}

/** Empty ones are left out. Throws `TokenRefused` where a claim is missing, or does not fit. */
export function filledPolicies(policies: readonly string[], claims: Claims): readonly string[] {
  const filled = policies.map((policy) => policy.replace(PLACE, (_all, path: string) => valueOf(claims, path)));
  return filled.filter((policy) => policy !== '');
}
