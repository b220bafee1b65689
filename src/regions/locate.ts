/** Where a region's cursor lies in the hub's history: what the shell answers to `locate`. */

import type { Store } from '../storage/store.ts';
import type { Place } from './hub-state.ts';
import { sameBytes } from './protocol.ts';
import type { Cursor } from './protocol.ts';

export function locate(store: Pick<Store, 'log' | 'position' | 'oldest' | 'hashAt'>, cursor: Cursor): Place {
  const { position, hash } = cursor;
  if (cursor.log !== store.log) return 'otherLog';
  if (position.epoch !== store.position.epoch) return 'otherEpoch';
  if (position.sequence > store.position.sequence) return 'ahead';
  if (position.sequence < store.oldest.sequence) return 'compacted';
  const own = store.hashAt(position);
  if (own === undefined) return 'compacted';
  return sameBytes(own, hash) ? 'here' : 'fork';
}
