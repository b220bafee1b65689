/** What the command line would use. */
import { command, group } from './command.ts';

const token = command({
  summary: 'Print the token in use',
  description: 'From VAULT_TOKEN, or from the token file that "login" writes. Nothing where there is none.',
  examples: [{ note: 'The token that other commands send:', line: 'print token' }],
  run: async (context) => {
    context.out.print(context.inquirer.settings.token ?? '');
    return Promise.resolve();
  },
});

export const print = group({
  summary: 'Print what the command line would use',
  examples: [{ note: 'The token in use:', line: 'print token' }],
  commands: { token },
});
