import { fail } from '../../errors.ts';
import type { Place } from '../local/medium.ts';
import type { Environment } from './environment.ts';
import { placeOf, type Meta } from './meta.ts';
import { LmdbView } from './view.ts';

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

/** The log reaches from the oldest place to the head. */
function checkSpan(environment: Environment, from: number, to: number): void {
  const found = span(environment);
  const isWhole = from === to ? found === undefined : found?.first === from + 1 && found.last === to;
  if (isWhole) return;
  const holds = found === undefined ? 'nothing' : `${found.first} to ${found.last}`;
  throw fail('corrupt', `the log should hold the records ${from + 1} to ${to}, and holds ${holds}`);
}

/** The hashes of its end chain up to the head's. */
function checkChain(view: LmdbView, oldest: Place, head: Place): void {
  const [from, to] = [oldest.position.sequence, head.position.sequence];
  let hash = Buffer.from(head.hash);
  for (let sequence = to; sequence > Math.max(from, to - TAIL); sequence--) {
    const { batch, previousHash } = view.record(sequence);
    if (!hash.equals(batch.hash)) throw fail('corrupt', `the hash of log record ${sequence} does not chain`);
    hash = Buffer.from(previousHash);
    if (sequence === from + 1 && !hash.equals(oldest.hash)) {
      throw fail('corrupt', `the hash of log record ${sequence} does not chain with the place before it`);
    }
  }
}

/** Checks the log of a store that is opened, without reading all of it. Throws `corrupt`. */
export function checkTail(environment: Environment, meta: Meta): void {
  const [oldest, head] = [placeOf(meta.oldest), placeOf(meta.head)];
  checkSpan(environment, oldest.position.sequence, head.position.sequence);
  const view = new LmdbView(environment);
  try {
    checkChain(view, oldest, head);
  } finally {
    view.close();
  }
}
