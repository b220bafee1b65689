/** What is written at the hub in a history: records of every class, under mounts that move and filters that change. */

import { parseFilter } from '../../src/regions/filter.ts';
import type { Write } from '../../src/regions/protocol.ts';
import { bytesOf } from './hub-model.ts';
import { pick, Random } from './random.ts';

export const MOUNT_PATHS = ['secret/', 'kv/', 'apps/', 'secret-eu/'];
export const MOUNTS = ['m1', 'm2', 'm3'];
const NAMES = ['eu/db', 'eu/api/key', 'us/db', 'europe', 'all'];
const POLICIES = ['eu-app', 'us-app'];
export const FILTERS = [
  ['secret/eu/', 'sys/policies/acl/eu-*'],
  ['secret/', 'kv/'],
  ['*'],
  [],
  ['apps/us/', 'secret/eu'],
  ['kv', 'sys/policies/acl/'],
  ['secret*'],
].map((entries) => parseFilter(entries));

/** Draws writes; every value is another. */
export class Work {
  counter = 0;

  writes(count: number, seed: number): readonly Write[] {
    const random = new Random(seed);
    return Array.from({ length: count }, () => {
      this.counter += 1;
      const key = this.#key(random);
      const gone = random.word() % 5 === 0;
      const size = random.word() % 16 === 0 ? 300 : 1;
      return { key, value: gone ? undefined : bytesOf(`v${this.counter}`.padEnd(size, '.')) };
    });
  }

  #key(random: Random): string {
    const kind = random.word() % 10;
    if (kind === 0) return `h/root/tokens/${random.word() % 3}`;
    if (kind === 1) return `l/root/counters/${random.word() % 3}`;
    if (kind === 2) return `s/root/policies/${pick(POLICIES, random.word())}`;
    if (kind === 3) return `s/root/undeclared/${random.word() % 2}`;
    return `s/root/data/${pick(MOUNTS, random.word())}/${pick(NAMES, random.word())}`;
  }
}
