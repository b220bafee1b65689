/** How secrets of key-value engines are shown. */
import type { Envelope } from '../client/envelope.ts';
import { isObject } from '../client/json.ts';
import type { Context } from './context.ts';
import { sortedEntries } from './go-format.ts';
import { dataRows, type Row } from './secret-view.ts';
import { centredHeading, keyValueTable } from './table.ts';

type Data = Readonly<Record<string, unknown>>;

/** `== Secret Path ==` over the API path, which differs from what was typed. */
export function pathSection(title: string, path: string): string {
  return `${centredHeading(title, path.length)}\n${path}`;
}

export function section(title: string, rows: readonly Row[]): string {
  const widest = Math.max(0, ...rows.map(([name]) => name.length));
  return `${centredHeading(title, widest + '    Value'.length)}\n${keyValueTable(rows)}`;
}

/** A reply whose `data` is the metadata of the version written. */
export async function showVersion(context: Context, reply: Envelope, path: string): Promise<void> {
  const { out } = context;
  if (!out.isTable || reply.data === null || reply.wrap_info !== undefined) return out.envelope(reply);
  out.print(`${pathSection('Secret Path', path)}\n\n${section('Metadata', dataRows(reply.data))}`);
  out.warnings(reply);
}

/** A version with its data; a deleted one has none. */
export async function showSecret(context: Context, found: Envelope, path: string, version: 1 | 2): Promise<void> {
  const { out } = context;
  if (found.wrap_info !== undefined) return out.envelope(found);
  const data = version === 1 ? found.data : found.data?.['data'];
  if (out.field !== undefined) {
    const value = isObject(data) && Object.hasOwn(data, out.field) ? data[out.field] : undefined;
    return out.oneField(value, 'map');
  }
  if (out.format !== 'table') return out.envelope(found);
  const metadata = version === 1 ? undefined : found.data?.['metadata'];
  if (isObject(metadata)) {
    out.print(`${pathSection('Secret Path', path)}\n\n${section('Metadata', dataRows(metadata))}\n`);
  }
  if (isObject(data)) out.print(section('Data', dataRows(data)));
  out.warnings(found);
}

export async function showMetadata(context: Context, found: Envelope, path: string): Promise<void> {
  const { out } = context;
  if (!out.isTable || found.data === null || found.wrap_info !== undefined) return out.envelope(found);
  const { versions, ...own } = found.data;
  const parts = [pathSection('Metadata Path', path), section('Metadata', dataRows(own))];
  for (const [number, version] of versionsOf(versions)) parts.push(section(`Version ${number}`, dataRows(version)));
  out.print(parts.join('\n\n'));
  out.warnings(found);
}

/** In order of their numbers. */
function versionsOf(versions: unknown): readonly (readonly [string, Data])[] {
  const entries = sortedEntries(isObject(versions) ? versions : {});
  const known = entries.filter((entry): entry is readonly [string, Data] => isObject(entry[1]));
  return known.toSorted(([a], [b]) => Number(a) - Number(b));
}
