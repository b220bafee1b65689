/** Waits until a write has been acknowledged by every region and consumer (`sys/wait`, docs/regions.md). */
import { fail } from '../../errors.ts';
import type { Fleet } from './fleet.ts';

interface Acknowledged {
  readonly kind: string;
  readonly name: string;
}

/** Gives who has acknowledged `index`, as `region eu`, in order; throws when not all have within a minute. */
export async function everywhere(fleet: Fleet, index: string): Promise<readonly string[]> {
  const answer = await fleet.client('hub').write('sys/wait', { index, timeout: '60s' }, { timeoutMs: 70_000 });
  if (answer?.data?.['state'] !== 'done')
    throw fail('timeout', `not everywhere within a minute: ${JSON.stringify(answer?.data)}`);
  const by = (answer.data['acknowledged'] as readonly Acknowledged[] | undefined) ?? [];
  return by.map(({ kind, name }) => `${kind} ${name}`).sort();
}
