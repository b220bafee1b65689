import { command, group } from './command.ts';
import { cleanPath } from './data.ts';
import { CommandError, during, exit } from './errors.ts';
import { isObject } from '../client/json.ts';
import { loginMethods, methodHelp } from './login-methods.ts';
import { disableCommand, enableCommand, listCommand, moveCommand, tuneCommand, type Mounts } from './mount-commands.ts';

const mounts: Mounts = { verb: 'auth', noun: 'auth method', base: 'sys/auth', prefix: 'auth/', example: 'approle' };

const help = command({
  summary: 'Show how to log in with an auth method',
  args: { usage: 'TYPE | PATH', least: 1, most: 1 },
  examples: [{ note: 'Show it:', line: 'auth help approle' }],
  run: async (context, { args: [target = ''] }) => {
    const known = Object.hasOwn(loginMethods, target) ? target : undefined;
    const path = `${cleanPath(target)}/`;
    const type = known ?? (await typeAt(context, path));
    if (type === undefined) throw new CommandError(`No auth method available on the server at "${path}"`, exit.local);
    const method = Object.hasOwn(loginMethods, type) ? loginMethods[type] : undefined;
    if (method === undefined) throw new CommandError(`No help for the auth method "${type}"`, exit.local);
    context.out.print(methodHelp(type, method));
  },
});

async function typeAt(context: Parameters<typeof help.run>[0], path: string): Promise<string | undefined> {
  const found = await during('Error listing auth methods', context.client.read('sys/auth'));
  const mount = found?.data?.[path];
  return isObject(mount) && typeof mount['type'] === 'string' ? mount['type'] : undefined;
}

export const auth = group({
  summary: 'Enable, tune and disable auth methods',
  examples: [{ note: 'Enable AppRole:', line: 'auth enable approle' }],
  commands: {
    disable: disableCommand(mounts),
    enable: enableCommand(mounts),
    help,
    list: listCommand(mounts),
    move: moveCommand(mounts),
    tune: tuneCommand(mounts),
  },
});
