import { command } from './command.ts';
import { during, exit } from './errors.ts';
import { showSealStatus } from './seal-view.ts';

export const status = command({
  summary: 'Print whether the server is initialised, sealed and active',
  description: 'The exit code says it too: 0 unsealed, 1 an error, 2 sealed.',
  output: 'field',
  examples: [{ note: 'Ask the server at VAULT_ADDR:', line: 'status' }],
  run: async (context) => {
    const work = context.client.read('sys/seal-status');
    const found = await during('Error checking seal status', work, exit.local);
    const sealed = await during('Error checking leader', showSealStatus(context, found?.data ?? {}), exit.local);
    return sealed ? exit.server : exit.ok;
  },
});
