/** What one batch of writes did to secrets of version 2, for subscribers; and the data that they say they have. */
import type { JsonObject } from '../../../framework/field.ts';
import type { DataChange } from '../../../framework/plugin.ts';
import type { Write } from '../../../storage/store.ts';
import { decodeMetadata, metadataPath, readData, readMetadata, v2LogicalPath } from './records.ts';
import type { KvV2, LastChange, Metadata } from './records.ts';

const DATA = 'data/';

const OPERATIONS: Readonly<Record<LastChange['type'], DataChange['operation']>> = {
  'data-write': 'write',
  'data-patch': 'write',
  'data-delete': 'delete',
  delete: 'delete',
  // The data can be read again, which is to a reader as if it had been written.
  undelete: 'write',
  destroy: 'destroy',
  'metadata-write': 'metadata',
  'metadata-patch': 'metadata',
};

/** Where requests of that kind go: `delete/…`, but `data/…` for `data-delete`. */
const folderOf = (type: LastChange['type']): string => (type.includes('-') ? (type.split('-')[0] ?? '') : type);

function told(path: string, metadata: Metadata, newData: boolean): DataChange {
  const { lastChange, currentVersion, oldestVersion } = metadata;
  const recorded: LastChange = lastChange ?? { type: 'metadata-write' };
  // A copy that gets a secret whole gets new data, whatever was done to it last.
  const change = newData && OPERATIONS[recorded.type] === 'metadata' ? ({ type: 'data-write' } as const) : recorded;
  const version = change.versions?.at(-1) ?? (newData ? currentVersion : undefined);
  return {
    type: `kv-v2/${change.type}`,
    operation: OPERATIONS[change.type],
    dataPath: DATA + path,
    path: `${folderOf(change.type)}/${path}`,
    ...(version === undefined ? {} : { version }),
    currentVersion,
    oldestVersion,
  };
}

const removed = (path: string): DataChange => ({
  type: 'kv-v2/metadata-delete',
  operation: 'delete',
  dataPath: DATA + path,
  path: `metadata/${path}`,
});

/** Each change of a secret writes its metadata record: that one tells what was done. */
export function v2Changes(writes: readonly Write[]): readonly DataChange[] {
  const withData = new Set<string>();
  const records = new Map<string, Uint8Array | undefined>();
  for (const write of writes) {
    const path = metadataPath(write.key);
    if (path !== undefined) records.set(path, write.value);
    else if (write.key.startsWith(DATA) && write.value !== undefined) withData.add(v2LogicalPath(write.key) ?? '');
  }
  return [...records].map(([path, value]) =>
    value === undefined ? removed(path) : told(path, decodeMetadata(value), withData.has(path)),
  );
}

/** Of a version that is destroyed there is no data; without a number it is the current one's. */
export function v2DataAt({ view }: KvV2, dataPath: string, version: number | undefined): JsonObject | undefined {
  if (!dataPath.startsWith(DATA)) return undefined;
  const path = dataPath.slice(DATA.length);
  const metadata = readMetadata(view.shared, path);
  const number = version ?? metadata?.currentVersion ?? 0;
  return readData(view.shared, path, number);
}
