/** What whoever runs a server does with it. */
import { command, group } from './command.ts';
import type { Context } from './context.ts';
import { during } from './errors.ts';
import { flag } from './flags.ts';
import { toText } from './go-format.ts';
import { importing } from './import/command.ts';
import { diagnose } from './operator-diagnose.ts';
import { generateRoot } from './operator-generate-root.ts';
import { init } from './operator-init.ts';
import { rekey, rotateKeys } from './operator-rekey.ts';
import { members, stepDown } from './operator-cluster.ts';
import { raft, snapshot } from './operator-snapshot.ts';
import { validateConfig } from './operator-validate-config.ts';
import { unsealKeyFrom } from './key-input.ts';
import type { Data } from './pairs.ts';
import { showSealStatus } from './seal-view.ts';
import { alignColumns } from './table.ts';

const unseal = command({
  summary: 'Give one unseal key to the server',
  description:
    'Without an argument the key is asked for on the terminal; "-" reads it from standard input. A key given as an ' +
    'argument can be seen in the process list and in the history of the shell.',
  args: { usage: '[KEY]', least: 0, most: 1 },
  flags: {
    migrate: flag.boolean('The key is for a migration of the seal.'),
    reset: flag.boolean('Forget the keys given so far.'),
  },
  output: 'format',
  examples: [
    { note: 'Give a key, unseen:', line: 'operator unseal' },
    { note: 'Take it from a pipe:', line: 'operator unseal -' },
  ],
  run: async (context, { values, args: [given] }) => {
    if (values.reset === true) {
      const work = context.client.write('sys/unseal', { reset: true });
      await showSealStatus(context, (await during('Error resetting unseal process', work))?.data ?? {});
      return;
    }
    const key = await unsealKeyFrom(context, given, 'Give the key on standard input with "operator unseal -"');
    const body = { key, ...(values.migrate === true ? { migrate: true } : {}) };
    const reply = await during('Error unsealing', context.client.write('sys/unseal', body));
    await showSealStatus(context, reply?.data ?? {});
  },
});

const seal = command({
  summary: 'Seal the server',
  description: 'It forgets its keys and serves nothing until it is unsealed again.',
  examples: [{ note: 'Seal it:', line: 'operator seal' }],
  run: async (context) => {
    await during('Error sealing', context.client.write('sys/seal'));
    context.out.print('Success! Vault is sealed.');
  },
});

const keyStatus = command({
  summary: 'Show the key that encrypts the storage',
  output: 'format',
  examples: [{ note: 'Show its term:', line: 'operator key-status' }],
  run: async (context) => {
    const found = await during('Error reading key status', context.client.read('sys/key-status'));
    await showKey(context, found?.data ?? {}, '');
  },
});

const rotate = command({
  summary: 'Encrypt with a new key from now on',
  description: 'What was written before stays readable with its own key.',
  output: 'format',
  examples: [{ note: 'Rotate it:', line: 'operator rotate' }],
  run: async (context) => {
    await during('Error rotating key', context.client.write('sys/rotate'));
    const found = await during('Error reading key status', context.client.read('sys/key-status'));
    await showKey(context, found?.data ?? {}, 'Success! Rotated key\n\n');
  },
});

async function showKey(context: Context, data: Data, before: string): Promise<void> {
  const json = new Map<string, unknown>([
    ['term', data['term'] ?? 0],
    ['install_time', data['install_time'] ?? ''],
    ['encryptions', data['encryptions'] ?? 0],
  ]);
  const rows = [
    ['Key Term', toText(json.get('term'))],
    ['Install Time', shortTime(toText(json.get('install_time')))],
    ['Encryption Count', toText(json.get('encryptions'))],
  ] as const;
  await context.out.value(json, () => before + alignColumns(rows));
}

/** RFC 822, as Go prints it: `23 Nov 26 13:04 UTC`. */
function shortTime(text: string): string {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  const [, day, month, year, time] = date.toUTCString().split(' ');
  return `${day} ${month} ${year?.slice(2)} ${time?.slice(0, 5)} UTC`;
}

export const operator = group({
  summary: 'Initialise, seal, unseal, rotate and change keys',
  examples: [
    { note: 'Initialise a new server:', line: 'operator init' },
    { note: 'Unseal it:', line: 'operator unseal' },
  ],
  commands: {
    diagnose,
    'generate-root': generateRoot,
    import: importing,
    init,
    'key-status': keyStatus,
    members,
    rekey,
    rotate,
    'rotate-keys': rotateKeys,
    raft,
    seal,
    snapshot,
    'step-down': stepDown,
    unseal,
    'validate-config': validateConfig,
  },
});
