/** Which type a new token is of: what a mount or a role insists on, else what is asked for, else its default. */
import { fail } from '../../errors.ts';
import type { Grant } from '../../framework/reply.ts';
import type { TokenRecord } from './token.ts';

export type TokenType = TokenRecord['type'];

/** Of a mount or a token role: `service`, `batch`, or with `default-` before it where the request may choose. */
export function chosenType(setting: string, asked: Grant['type'] | undefined): TokenType {
  if (setting === 'service' || setting === 'batch') return setting;
  if (asked === 'service' || asked === 'batch') return asked;
  return setting === 'default-batch' ? 'batch' : 'service';
}

/** Throws `badRequest` for what a token cannot keep that is stored nowhere. */
export function checkBatch(
  policies: readonly string[],
  { numUses, period, explicitMaxTtl }: { numUses: number; period: number; explicitMaxTtl: number },
): void {
  if (policies.includes('root')) throw fail('badRequest', 'batch tokens cannot be root tokens');
  const set = [
    ...(numUses > 0 ? ['num_uses'] : []),
    ...(period > 0 ? ['period'] : []),
    ...(explicitMaxTtl > 0 ? ['explicit_max_ttl'] : []),
  ];
  if (set.length > 0) throw fail('badRequest', `batch tokens cannot have "${set.join('", "')}" set`);
}
