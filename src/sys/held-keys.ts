import type { KeyHolders } from '../core/key-holders.ts';
import type { Node } from '../core/node.ts';
import type { Call } from '../framework/call.ts';

/**
 * Who has the shares: those of the node, or of the namespace that a request works in. Throws `badRequest` where that has no
 * seal of its own.
 */
export function holdersOf({ keyHolders, services }: Node, { namespace }: Pick<Call, 'namespace'>): KeyHolders {
  const record = services.namespaces.record(namespace.id);
  return record === undefined ? keyHolders : services.namespaceSeals.holders(record);
}
