/** What the paths of roles have alike, whatever logs in by them. Records lie under `prefix` and the name in lower case. */
import { field } from '../framework/field.ts';
import { children, listed, pageFields, type Asked } from '../framework/listing.ts';
import type { Declaration, Operation } from '../framework/path.ts';
import type { MountView } from '../framework/plugin.ts';
import { reply } from '../framework/reply.ts';

interface Mount {
  readonly view: Pick<MountView, 'shared'>;
}

/** LIST of their names. */
export const roleNames = (prefix: string): Declaration<typeof pageFields, Asked, Mount> => ({
  help: 'Names of all roles.',
  fields: pageFields,
  operations: {
    list: {
      summary: 'List roles',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Names.') }, 404: 'empty' },
      run: ({ view }, asked) => listed(children(view.shared, prefix), asked),
    },
  },
});

/** DELETE of one, of which nothing but its record is kept. */
export const roleDeletion = (prefix: string): Operation<{ readonly name: string }, Mount> => ({
  summary: 'Delete a role',
  writes: 'shared',
  replies: { 204: 'empty' },
  run: async ({ view }, { name }) => {
    await view.shared.transact((tx) => {
      tx.delete(prefix + name.toLowerCase());
    });
    return reply.empty;
  },
});
