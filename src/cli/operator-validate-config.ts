/** `operator validate-config`: the files alone, wherever they lie; `operator diagnose` looks at the machine too. */
import { loadServerConfig } from '../config/server.ts';
import { command } from './command.ts';

export const validateConfig = command({
  summary: 'Say whether configuration files are valid',
  description:
    'Reads them as the server would and starts nothing; what has no effect is told too. Unlike "operator diagnose" it ' +
    'does not look at ports, certificates and directories, so that it can run anywhere.',
  args: { usage: 'PATH...', least: 1, most: Number.POSITIVE_INFINITY },
  local: true,
  examples: [{ note: 'Before it is rolled out:', line: 'operator validate-config hub.hcl' }],
  run: async (context, { args }) => {
    const { warnings } = await Promise.resolve(loadServerConfig({ files: args }));
    for (const warning of warnings) context.out.note(warning);
    context.out.print('Success! The configuration is valid.');
  },
});
