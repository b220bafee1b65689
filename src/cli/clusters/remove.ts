/** `clusters remove`. */
import { command } from '../command.ts';
import { CommandError, during } from '../errors.ts';
import { flag } from '../flags.ts';
import { toText } from '../go-format.ts';
import { clusterName, mustRegistered } from './registered.ts';

export const remove = command({
  summary: 'Forget a cluster: nobody of it logs in any more',
  description:
    'Takes away the mount with its roles, and revokes all tokens that were given by it, at once. Policies and secrets stay. ' +
    'Without -force it is only told what would go.',
  args: { usage: 'NAME', least: 1, most: 1 },
  flags: { force: flag.boolean('Do it.', { aliases: ['f'] }) },
  examples: [
    { note: 'What would go:', line: 'clusters remove prod-eu' },
    { note: 'Do it:', line: 'clusters remove -force prod-eu' },
  ],
  run: async (context, { values, args: [given = ''] }) => {
    const name = clusterName(given);
    const cluster = await mustRegistered(context.inquirer, name);
    const roles = (await during('Error listing roles', context.inquirer.list(`auth/${name}/role`)))?.data?.['keys'];
    const of = Array.isArray(roles) ? roles.map(toText).join(', ') : 'none';
    const goes = `the mount auth/${name} of ${cluster.issuer}, its roles (${of}), and all tokens of its logins (${String(cluster.logins)} so far)`;
    if (values.force !== true) throw new CommandError(`This would take away ${goes}.\nGive -force to do it.`);
    await during(`Error removing the cluster ${name}`, context.client.delete(`sys/auth/${name}`));
    context.out.success(`Success! Removed ${goes}`);
  },
});
