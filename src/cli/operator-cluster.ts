/** `operator members` and `operator step-down`: the nodes that share a log. */
import { isObject } from '../client/json.ts';
import { command } from './command.ts';
import { during } from './errors.ts';
import { toText } from './go-format.ts';
import { headedTable } from './table.ts';

const COLUMNS = [
  ['Host Name', 'hostname'],
  ['API Address', 'api_address'],
  ['Cluster Address', 'cluster_address'],
  ['Active Node', 'active_node'],
  ['Version', 'version'],
  ['Last Echo', 'last_echo'],
] as const;

export const members = command({
  summary: 'List the nodes of the cluster',
  output: 'format',
  examples: [{ note: 'Which node is active:', line: 'operator members' }],
  run: async (context) => {
    const found = await during('Error getting the members', context.client.read('sys/ha-status'));
    const nodes = found?.data?.['nodes'];
    const rows = (Array.isArray(nodes) ? nodes : [])
      .filter(isObject)
      .map((node) => COLUMNS.map(([, name]) => toText(node[name] ?? '')));
    await context.out.value(found?.data ?? {}, () =>
      headedTable(
        COLUMNS.map(([title]) => title),
        rows,
      ),
    );
  },
});

export const stepDown = command({
  summary: 'Let another node of the cluster become the active one',
  description: 'A node that is alone has nobody to give it to, and goes on.',
  examples: [{ note: 'Before maintenance:', line: 'operator step-down' }],
  run: async (context) => {
    const { client } = context;
    await during('Error stepping down', client.write('sys/step-down'));
    context.out.print(`Success! Stepped down: ${client.settings.address}`);
  },
});
