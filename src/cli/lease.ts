import { command, group } from './command.ts';
import type { Context } from './context.ts';
import { cleanPath, showFound } from './data.ts';
import { during } from './errors.ts';
import { flag, UsageError } from './flags.ts';
import { defined } from '../lib/defined.ts';
import { seconds } from './token.ts';

const leaseId = { usage: 'LEASE_ID', least: 1, most: 1 } as const;

const lookup = command({
  summary: 'Show a lease',
  args: leaseId,
  output: 'field',
  examples: [{ note: 'Show it:', line: 'lease lookup database/creds/readonly/2f6a614c' }],
  run: async (context, { args: [id = ''] }) => {
    const work = context.client.write('sys/leases/lookup', { lease_id: id }, { replay: 'safe' });
    return showFound(context, await during(`error looking up lease id ${id}`, work), id);
  },
});

const renew = command({
  summary: 'Give a lease more time',
  args: leaseId,
  flags: { increment: flag.duration('How long to ask for; the server may give less.', { aliases: ['i'] }) },
  output: 'field',
  examples: [{ note: 'Renew it:', line: 'lease renew database/creds/readonly/2f6a614c' }],
  run: async (context, { values, args: [id = ''] }) => {
    const body = defined({ lease_id: id, increment: seconds(values.increment) });
    return showFound(context, await during(`Error renewing ${id}`, context.client.write('sys/leases/renew', body)), id);
  },
});

const revoke = command({
  summary: 'End a lease, or all below a prefix',
  args: { usage: 'LEASE_ID', least: 1, most: 1 },
  flags: {
    force: flag.boolean('Forget the leases even where the engine cannot revoke them; needs -prefix.', {
      aliases: ['f'],
    }),
    prefix: flag.boolean('The argument is a prefix.'),
    sync: flag.boolean('Wait until it is done.'),
  },
  examples: [
    { note: 'One lease:', line: 'lease revoke database/creds/readonly/2f6a614c' },
    { note: 'All of a role:', line: 'lease revoke -prefix database/creds/readonly' },
  ],
  run: async (context, { values, args: [id = ''] }) => {
    const { force = false, prefix = false, sync = false } = values;
    if (force && !prefix) throw new UsageError('Specifying -force requires also specifying -prefix');
    if (force) context.out.note('Warning! Leases removed by force may leave credentials behind that still work.');
    const work = prefix ? revokeBelow(context, id, { force, sync }) : revokeOne(context, id, sync);
    await during(`Error revoking ${prefix ? 'leases with prefix ' : ''}${id}`, work);
    context.out.print(sync || force ? 'Success! Revoked' : 'All revocation operations queued successfully!');
  },
});

function revokeOne(context: Context, id: string, sync: boolean): Promise<unknown> {
  return context.client.write('sys/leases/revoke', { lease_id: id, sync });
}

function revokeBelow(context: Context, prefix: string, how: { force: boolean; sync: boolean }): Promise<unknown> {
  if (how.force) return context.client.write(`sys/leases/revoke-force/${cleanPath(prefix)}`);
  return context.client.write(`sys/leases/revoke-prefix/${cleanPath(prefix)}`, { sync: how.sync });
}

export const lease = group({
  summary: 'Look up, renew and revoke leases',
  examples: [{ note: 'Revoke one:', line: 'lease revoke database/creds/readonly/2f6a614c' }],
  commands: { lookup, renew, revoke },
});
