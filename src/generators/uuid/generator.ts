import { uuid as random } from '../../lib/crypto/random.ts';
import type { Generator } from '../contract.ts';

/** A UUID of version 4 (RFC 9562), under `uuid`. */
export const uuid: Generator<unknown> = {
  kind: 'UUID',
  generate: async () => ({ values: new Map([['uuid', Buffer.from(random(), 'ascii')]]) }),
};
