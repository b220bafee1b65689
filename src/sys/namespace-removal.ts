import type { Node } from '../core/node.ts';
import { isLockstepError } from '../errors.ts';

/** In the background: the namespace is gone already, and an order on disk has it finished after a restart too. */
export function removeLater({ services }: Node, id: string): void {
  services.namespaceChanges.remove(id).catch((error: unknown) => {
    if (isLockstepError(error, 'sealed') || isLockstepError(error, 'storeClosed')) return;
    const reason = error instanceof Error ? error.message : 'unknown';
    services.log.error('a namespace is not removed yet: the next start goes on with it', { namespace: id, reason });
  });
}
