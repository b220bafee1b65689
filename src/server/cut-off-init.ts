import type { StorageConfig } from '../config/server.ts';

/** What to do with a store whose `initialize` requests did not all succeed: nobody has keys to it. */
export function cutOff(storage: StorageConfig): string {
  const where = storage.type === 'lmdb' ? `the data directory ${storage.path}` : 'the store';
  return (
    `${where} was initialised from the configuration, but not to the end (a request failed, or the process was ended): ` +
    'empty it and start again; nobody holds a token or key of it'
  );
}
