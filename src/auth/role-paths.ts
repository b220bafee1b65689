/** What the paths of roles have alike, whatever logs in by them. Records lie under `prefix` and the name in lower case. */
import { field, type Fields, type JsonObject } from '../framework/field.ts';
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

interface Reading<R> {
  /** The fields of what is told; 'any': not declared. */
  readonly told: Fields | 'any';
  readonly find: (from: MountView['shared'], name: string) => R | undefined;
  /** `name`: in lower case. */
  readonly show: (role: R, name: string) => JsonObject;
}

/** GET of one. */
export const roleReading = <R>({ told, find, show }: Reading<R>): Operation<{ readonly name: string }, Mount> => ({
  summary: 'Read a role',
  writes: 'nothing',
  replies: { 200: told, 404: 'empty' },
  run: ({ view }, { name }) => {
    const found = find(view.shared, name);
    return found === undefined ? reply.missing : reply.ok(show(found, name.toLowerCase()));
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
