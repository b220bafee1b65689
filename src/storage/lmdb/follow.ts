import type { Board } from '../../lib/threads/board.ts';
import { FollowingStore, type Standing } from '../local/following-store.ts';
import { openEnvironment, type Environment, type ReadTransaction } from './environment.ts';
import { currentEnvironment } from './generation.ts';
import { decodeMeta, placeOf, type Meta } from './meta.ts';
import { LmdbView } from './view.ts';

function metaRecord<K extends keyof Meta>({ meta }: Environment, name: K, transaction: ReadTransaction): Meta[K] {
  // As in `view.ts`: the declarations leave the transaction out.
  const reads = meta as unknown as { getBinary(key: string, options: object): Buffer | undefined };
  return decodeMeta(name, reads.getBinary(name, { transaction }));
}

/**
 * Opens, in another thread of the process that holds it, the store in a directory, to read it. lmdb-js gives all threads
 * the same environment: it ends with the thread that opened it first, so nothing is closed here but the reader.
 */
export function followLmdbStore(path: string, board: Board): FollowingStore {
  const environment = openEnvironment(currentEnvironment(path), { betweenCheckpoints: true });
  const open = (): Standing => {
    const view = new LmdbView(environment);
    const place = (name: 'head' | 'oldest') => placeOf(metaRecord(environment, name, view.transaction));
    return { view, head: place('head'), oldest: place('oldest') };
  };
  const first = new LmdbView(environment);
  const { log, epoch } = metaRecord(environment, 'identity', first.transaction);
  first.close();
  return new FollowingStore({ log, epoch, open }, board);
}
