/** `operator diagnose`: asks the server's own program, which alone knows what it needs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { command } from './command.ts';
import { flag } from './flags.ts';

const EXECUTABLE = fileURLToPath(new URL('../../bin/lockstep', import.meta.url));

export const diagnose = command({
  summary: 'Say what would go wrong with a configuration',
  description:
    'Looks at listeners, certificates, the data directory, the seals, audit files, places of snapshots, the clock and ' +
    'limits, and starts nothing. Exits with 0 if all is well, 1 if something fails, 2 if something is to be looked at.',
  local: true,
  flags: {
    config: flag.list('A file, or a directory of .hcl and .json files.', { value: 'path' }),
    skip: flag.list('Checks to leave out, such as "listener" while a server runs: listener, storage, autounseal.', {
      value: 'check',
    }),
    debug: flag.boolean('Taken, without effect: everything that was found is shown anyway.'),
    format: flag.text('How to print it; default table.', { choices: ['table', 'json'] }),
  },
  examples: [
    { note: 'Before a start:', line: 'operator diagnose -config=/etc/lockstep/hub.hcl' },
    { note: 'While the server runs:', line: 'operator diagnose -config=/etc/lockstep/hub.hcl -skip=listener' },
  ],
  run: async (context, { values }) => {
    const args = [
      ...values.config.map((path) => `-config=${path}`),
      ...values.skip.map((check) => `-skip=${check}`),
      ...(values.format === undefined ? [] : [`-format=${values.format}`]),
    ];
    const child = spawn(EXECUTABLE, ['server', '-diagnose', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (chunk: Buffer) => context.terminal.stdout.write(chunk));
    child.stderr.on('data', (chunk: Buffer) => context.terminal.stderr.write(chunk));
    const [code] = (await once(child, 'close')) as [number | null];
    return code ?? 1;
  },
});
