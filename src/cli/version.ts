import { version as own } from '../lib/version.ts';
import { command } from './command.ts';
import { CommandError, during, exit } from './errors.ts';
import { toText } from './go-format.ts';
import { headedTable } from './table.ts';

export const version = command({
  summary: 'Print the version of this program',
  local: true,
  run: async ({ out }) => {
    out.print(`Lockstep v${own}`);
    return Promise.resolve(0);
  },
});

export const versionHistory = command({
  summary: 'Print which versions the server has run, and since when',
  output: 'format',
  examples: [{ note: 'The oldest comes first:', line: 'version-history' }],
  run: async (context) => {
    const found = await during('Error listing version history', context.client.list('sys/version-history'));
    if (found === undefined || found.data === null) throw new CommandError('No version history found', exit.server);
    const { keys, key_info: known } = found.data as {
      readonly keys: readonly string[];
      readonly key_info: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    };
    const row = (key: string): readonly string[] => {
      const { timestamp_installed: installed, build_date: built } = known[key] ?? {};
      return [key, toText(installed), toText(built)];
    };
    await context.out.value(found, () => headedTable(['Version', 'Installation Time', 'Build Date'], keys.map(row)));
    return exit.ok;
  },
});
