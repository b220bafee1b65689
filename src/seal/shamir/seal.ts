import type { Seal } from '../seal.ts';

/** The default: people hold shares of the unseal key and bring them to each start (`shares.ts`). */
export function shamirSeal(): Seal {
  return { type: 'shamir', check: async () => 'healthy' };
}
