import { version as own } from '../lib/version.ts';
import { command } from './command.ts';

export const version = command({
  summary: 'Print the version of this program',
  local: true,
  run: async ({ out }) => {
    out.print(`Lockstep v${own}`);
    return Promise.resolve(0);
  },
});
