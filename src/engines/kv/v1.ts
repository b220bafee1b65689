/** KV version 1: one value a path, no versions. */
import { fail } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import { field, type JsonObject } from '../../framework/field.ts';
import { children, descendants, listed, pageFields } from '../../framework/listing.ts';
import { pathsOf } from '../../framework/path.ts';
import type { DataChange, MountView } from '../../framework/plugin.ts';
import { reply } from '../../framework/reply.ts';
import { durationSeconds } from '../../lib/duration.ts';
import { encodeRecord, recordAt } from '../../lib/record.ts';
import type { Transaction, Write } from '../../storage/store.ts';

export interface KvV1 {
  readonly view: MountView;
}

const at = pathsOf<KvV1>();
const DATA = 'v1/';
/** There once the mount has versions: what a request of before would write then is nowhere to be read. */
const UPGRADED = 'upgraded';

/** Of stored secrets, so many at most. */
export const v1Keys = (tx: Pick<Transaction, 'list'>, limit: number): readonly string[] => tx.list(DATA, { limit });

export function markUpgraded(tx: Transaction): void {
  tx.put(UPGRADED, encodeRecord(true));
}

function assertUnversioned(tx: Pick<Transaction, 'has'>): void {
  if (tx.has(UPGRADED)) throw fail('conflict', 'the mount has been given versions meanwhile');
}

/** A `ttl` (or `lease`) among the data is the client's own word on when to read again. */
function leaseDuration(data: JsonObject, fallback: number): number {
  const own = data['ttl'] ?? data['lease'];
  if (own === undefined) return fallback;
  try {
    return durationSeconds(own, 'ttl');
  } catch {
    return fallback;
  }
}

const secret = at(':path...', {
  help: 'A secret: an object of names and values.',
  body: 'anything',
  fields: { path: field.name('Where the secret lies.'), ...pageFields },
  exists: ({ view }, { path }) => view.shared.has(DATA + path),
  operations: {
    read: {
      summary: 'Read a secret',
      writes: 'nothing',
      replies: { 200: 'any', 404: 'empty' },
      run: ({ view }, { path }) => {
        const data = recordAt<JsonObject>(view.shared, DATA + path);
        if (data === undefined) return reply.missing;
        return { ...reply.ok(data), leaseDuration: leaseDuration(data, view.ttl().default) };
      },
    },
    update: {
      summary: 'Write a secret',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ view }, { path }, call) => {
        if (path === '' || path.endsWith('/')) throw fail('badRequest', 'path cannot be empty or end in a slash');
        if (Object.keys(call.body).length === 0) throw fail('badRequest', 'missing data fields');
        await view.shared.transact((tx) => {
          assertUnversioned(tx);
          tx.put(DATA + path, encodeRecord(call.body));
        });
        return reply.empty;
      },
    },
    delete: {
      summary: 'Delete a secret',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ view }, { path }) => {
        await view.shared.transact((tx) => {
          assertUnversioned(tx);
          tx.delete(DATA + path);
        });
        return reply.empty;
      },
    },
    list: {
      summary: 'List secrets',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Names; folders end in a slash.') }, 404: 'empty' },
      run: ({ view }, { path, after, limit }) => listed(children(view.shared, DATA + path), { after, limit }),
    },
    scan: {
      summary: 'List secrets at any depth',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Paths.') }, 404: 'empty' },
      run: ({ view }, { path, after, limit }) => listed(descendants(view.shared, DATA + path), { after, limit }),
    },
  },
});

export const v1Paths = [secret];

/** A path holds one value, and deleting it is no order to destroy it: what stood there then. */
export function v1Recovered({ past }: { readonly past: KvV1 }, call: Pick<Call, 'path'>): JsonObject | undefined {
  return recordAt<JsonObject>(past.view.shared, DATA + call.path);
}

/** There are no versions: without one it is the data of now, and of any version nothing can be told. */
export function v1DataAt({ view }: KvV1, dataPath: string, version: number | undefined): JsonObject | undefined {
  return version === undefined ? recordAt<JsonObject>(view.shared, DATA + dataPath) : undefined;
}

/** `kv-v1/write` and `kv-v1/delete`. */
export function v1Changes(writes: readonly Write[]): readonly DataChange[] {
  return writes.flatMap(({ key, value }) => {
    const path = v1LogicalPath(key);
    if (path === undefined) return [];
    const operation = value === undefined ? 'delete' : 'write';
    return [{ type: `kv-v1/${operation}`, operation, path, dataPath: path }];
  });
}

export function v1LogicalPath(key: string): string | undefined {
  return key.startsWith(DATA) ? key.slice(DATA.length) : undefined;
}
