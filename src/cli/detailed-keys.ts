import { isObject } from '../client/json.ts';
import { toText } from './go-format.ts';
import { headedTable } from './table.ts';

/** Keys with what is told of each (`key_info`): a column a field, in the order of their names. */
export function detailedTable(keys: readonly unknown[], info: Readonly<Record<string, unknown>>): string {
  const told = keys.map((key) => {
    const name = toText(key);
    return { name, about: isObject(info[name]) ? info[name] : {} };
  });
  const fields = [...new Set(told.flatMap(({ about }) => Object.keys(about)))].sort();
  const rows = told.map(({ name, about }, at) => {
    // As OpenBao's: nothing stands behind a last key of which nothing is told.
    const bare = at === told.length - 1 && Object.keys(about).length === 0;
    return [name, ...(bare ? [] : fields.map((field) => (field in about ? toText(about[field]) : '')))];
  });
  return headedTable(['Keys', ...fields], rows);
}
