import { fail } from '../../errors.ts';
import type { Medium } from '../local/medium.ts';
import type { Environment } from './environment.ts';
import { placeOf, type Meta } from './meta.ts';

/** Records at the end of the log that are checked when it is opened; the others when they are read. */
const TAIL = 64;

/** The sequences that the log begins and ends with. */
function span({ log }: Environment): { first: number; last: number } | undefined {
  const [first] = log.getKeys({ limit: 1, start: Buffer.alloc(1) });
  const [last] = log.getKeys({ limit: 1, reverse: true, start: Buffer.alloc(8, 0xff), end: Buffer.alloc(1) });
  if (first === undefined || last === undefined) return undefined;
  const sequence = (key: Uint8Array): number => Number(Buffer.from(key).readBigUInt64BE());
  return { first: sequence(first), last: sequence(last) };
}

/**
 * Checks that the log reaches from the oldest place to the head, and that the hashes of its end chain up to the head's.
 * Throws `corrupt`.
 */
export function checkTail(environment: Environment, meta: Meta, medium: Medium): void {
  const [head, oldest] = [placeOf(meta.head), placeOf(meta.oldest)];
  const [from, to] = [oldest.position.sequence, head.position.sequence];
  const found = span(environment);
  const isWhole = from === to ? found === undefined : found?.first === from + 1 && found.last === to;
  if (!isWhole) {
    const holds = found === undefined ? 'nothing' : `${found.first} to ${found.last}`;
    throw fail('corrupt', `the log should hold the records ${from + 1} to ${to}, and holds ${holds}`);
  }
  const view = medium.open();
  let hash = Buffer.from(head.hash);
  for (let sequence = to; sequence > Math.max(from, to - TAIL); sequence--) {
    const { batch, previousHash } = view.record(sequence);
    if (!hash.equals(batch.hash)) throw fail('corrupt', `the hash of log record ${sequence} does not chain`);
    hash = Buffer.from(previousHash);
    if (sequence === from + 1 && !hash.equals(oldest.hash)) {
      throw fail('corrupt', `the hash of log record ${sequence} does not chain with the place before it`);
    }
  }
  view.close();
}
