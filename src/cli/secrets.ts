import { group } from './command.ts';
import { disableCommand, enableCommand, listCommand, moveCommand, tuneCommand, type Mounts } from './mount-commands.ts';

const mounts: Mounts = { verb: 'secrets', noun: 'secrets engine', base: 'sys/mounts', prefix: '', example: 'kv' };

export const secrets = group({
  summary: 'Enable, tune and disable secrets engines',
  examples: [{ note: 'A key-value engine with versions:', line: 'secrets enable -path=secret -version=2 kv' }],
  commands: {
    disable: disableCommand(mounts),
    enable: enableCommand(mounts),
    list: listCommand(mounts),
    move: moveCommand(mounts),
    tune: tuneCommand(mounts),
  },
});
