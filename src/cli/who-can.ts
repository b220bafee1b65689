/** `who-can`: by which policies, groups, entities and logins something can be done. */
import { isObject } from '../client/json.ts';
import { defined } from '../lib/defined.ts';
import { command } from './command.ts';
import { cleanPath } from './data.ts';
import { CommandError, during, exit } from './errors.ts';
import { flag } from './flags.ts';
import { toText } from './go-format.ts';
import { policyPathHint } from './kv-path.ts';
import { isOperation, operations } from './policy-operations.ts';
import { headedTable } from './table.ts';

type Data = Readonly<Record<string, unknown>>;

/** What is shown of each kind. */
const TABLES: Readonly<Record<string, readonly string[]>> = {
  policies: ['name', 'line', 'path'],
  groups: ['name', 'policies'],
  entities: ['name', 'id', 'policies', 'logins'],
  logins: ['mount', 'name', 'policies', 'conditional', 'by_program'],
};

function tables(found: Data): string {
  const shown = Object.entries(TABLES).flatMap(([kind, columns]) => {
    const list = found[kind];
    const rows = (Array.isArray(list) ? list : []).filter((each) => isObject(each));
    if (rows.length === 0) return [];
    return [
      headedTable([kind.slice(0, 1).toUpperCase() + kind.slice(1), ...columns.slice(1)], rows.map(rowOf(columns))),
    ];
  });
  return shown.length === 0 ? 'Nobody but holders of a root token' : shown.join('\n\n');
}

const rowOf =
  (columns: readonly string[]) =>
  (each: Data): readonly string[] =>
    columns.map((column, at) => {
      const value = each[column];
      const text = Array.isArray(value) ? value.map(toText).join(', ') : toText(value);
      return at === 0 ? toText(each['namespace']) + text : text;
    });

export const whoCan = command({
  summary: 'Say who can do something: by which policies, groups, entities and logins',
  description:
    `OPERATION is one of ${operations.join(', ')}. Entities and logins are decided as requests are; a policy or a group is ` +
    'shown where it could grant, though another rule may go first for some who have it. Holders of a root token can do all, ' +
    'and are not shown; nor are tokens that were made by hand.',
  args: { usage: 'OPERATION PATH', least: 2, most: 2 },
  flags: { limit: flag.integer('Of each kind at most so many; default 1000.') },
  output: 'format',
  examples: [
    { note: 'Who reads a secret:', line: 'who-can read secret/data/prod/db' },
    { note: 'Who may change policies:', line: 'who-can update sys/policies/acl/web' },
  ],
  run: async (context, { values, args: [operation = '', path = ''] }) => {
    if (!isOperation(operation)) {
      throw new CommandError(`no operation "${operation}": it is one of ${operations.join(', ')}`);
    }
    const body = defined({ operation, path: cleanPath(path), limit: values.limit });
    const work = context.client.write('sys/policies/who-can', body, { replay: 'safe' });
    const found = (await during('Error asking who can', work))?.data ?? {};
    const { truncated } = found;
    if (Array.isArray(truncated) && truncated.length > 0) {
      context.out.note(
        `There are more ${truncated.map(toText).join(', ')} than are shown: ask with -limit, up to 10000`,
      );
    }
    await context.out.value(found, () => tables(found));
    const hint = await policyPathHint(context, path);
    if (hint !== undefined) context.out.note(hint);
    return exit.ok;
  },
});
