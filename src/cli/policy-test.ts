/** `policy test`: may somebody do something, and by which line; asked of the server, without a login. */
import { isObject } from '../client/json.ts';
import { defined } from '../lib/defined.ts';
import { command } from './command.ts';
import { cleanPath } from './data.ts';
import { CommandError, during, exit } from './errors.ts';
import { flag } from './flags.ts';
import { toText } from './go-format.ts';
import { parsePairs } from './pairs.ts';
import { operations, isOperation } from './policy-operations.ts';
import { headedTable } from './table.ts';

const COLUMNS = ['policy', 'line', 'path', 'capabilities', 'effect'] as const;

type Data = Readonly<Record<string, unknown>>;

function shown(found: Data): string {
  const rules = Array.isArray(found['rules']) ? found['rules'].filter((rule) => isObject(rule)) : [];
  const rows = rules.map((rule) => COLUMNS.map((column) => cell(rule, column)));
  const verdict = `${found['allowed'] === true ? 'allowed' : 'refused'}: ${toText(found['reason'])}`;
  return rows.length === 0 ? verdict : `${verdict}\n\n${headedTable(COLUMNS, rows)}`;
}

function cell(rule: Data, column: (typeof COLUMNS)[number]): string {
  const value = rule[column];
  if (column === 'policy') return toText(rule['namespace']) + toText(value);
  return Array.isArray(value) ? value.map(toText).join(', ') : toText(value);
}

const looksLikeId = (text: string): boolean => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(text);

export const test = command({
  summary: 'Say whether somebody may do something, and by which line of which policy',
  description:
    `OPERATION is one of ${operations.join(', ')}. Nothing is done. Of whom it is asked: of an accessor's token, of an entity ` +
    'with its groups, of policies, or of the own token. Ends with 0 when it is allowed, and with 2 when it is not, as the ' +
    'request itself would.',
  args: { usage: 'OPERATION PATH [K=V...]', least: 2, most: Number.POSITIVE_INFINITY },
  flags: {
    accessor: flag.text('The accessor of a token.'),
    entity: flag.text('An entity, by its name or id.'),
    policy: flag.list('A policy; beside -entity, one that a login would add.', { value: 'name' }),
    'wrap-ttl-asked': flag.duration('How long the reply would be wrapped.'),
    'event-type': flag.text('For subscribe: the type of the event.'),
  },
  output: 'format',
  examples: [
    { note: 'The own token:', line: 'policy test read secret/data/web/db' },
    { note: 'Somebody, with what they would send:', line: 'policy test -entity=ada update secret/data/web/db ttl=1h' },
    { note: 'A policy before anybody has it:', line: 'policy test -policy=web delete secret/data/web/db' },
  ],
  run: async (context, { values, args: [operation = '', path = '', ...pairs] }) => {
    if (!isOperation(operation)) {
      throw new CommandError(`no operation "${operation}": it is one of ${operations.join(', ')}`);
    }
    const { entity = '', policy } = values;
    const body = defined({
      operation,
      path: cleanPath(path),
      accessor: values.accessor,
      ...(entity === '' ? {} : { [looksLikeId(entity) ? 'entity_id' : 'entity_name']: entity }),
      policies: policy.length === 0 ? undefined : policy,
      parameters: pairs.length === 0 ? undefined : await parsePairs(context, pairs),
      wrap_ttl: values['wrap-ttl-asked'],
      event_type: values['event-type'],
    });
    const work = context.client.write('sys/policies/test', body, { replay: 'safe' });
    const found = (await during('Error testing policies', work))?.data ?? {};
    await context.out.value(found, () => shown(found));
    return found['allowed'] === true ? exit.ok : exit.server;
  },
});
