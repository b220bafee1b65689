/** `operator validate-config`: the files alone, wherever they lie; `operator diagnose` looks at the machine too. */
import { loadServerConfig } from '../config/server.ts';
import { command } from './command.ts';
import { flag, UsageError } from './flags.ts';

export const validateConfig = command({
  summary: 'Say whether configuration files are valid',
  description:
    'Reads them as the server would and starts nothing; what has no effect is told too. Unlike "operator diagnose" it ' +
    'does not look at ports, certificates and directories, so that it can run anywhere.',
  local: true,
  flags: { config: flag.list('A file, or a directory of .hcl and .json files.', { value: 'path' }) },
  examples: [{ note: 'Before it is rolled out:', line: 'operator validate-config -config=hub.hcl' }],
  run: async (context, { values }) => {
    if (values.config.length === 0) throw new UsageError('Must specify at least one config path using -config');
    const { warnings } = await Promise.resolve(loadServerConfig({ files: values.config }));
    for (const warning of warnings) context.out.note(warning);
    context.out.print('Success! The configuration is valid.');
  },
});
