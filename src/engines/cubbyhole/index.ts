/** Each token's own drawer: nobody else reads it, and it goes with the token. */
import { fail } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import { field, type JsonObject } from '../../framework/field.ts';
import { children, listed, pageFields } from '../../framework/listing.ts';
import { pathsOf } from '../../framework/path.ts';
import { plugin, type AnyPlugin, type Compartment } from '../../framework/plugin.ts';
import { reply } from '../../framework/reply.ts';
import { encodeRecord, recordAt } from '../../lib/record.ts';

interface Cubbyhole {
  readonly data: Compartment;
}

const at = pathsOf<Cubbyhole>();

function owned({ client }: Call, path: string): string {
  // As Vault: nothing would take it away when the token is over.
  if (client.tokenKey === '') {
    throw fail('badRequest', "cubbyhole operations are only supported by 'service' type tokens");
  }
  return `${client.tokenKey}/${path}`;
}

const entry = at(':path...', {
  help: 'Data of the calling token.',
  body: 'anything',
  fields: { path: field.name('Where it lies.'), ...pageFields },
  exists: (mount, { path }, call) => call.client.tokenKey !== '' && mount.data.has(owned(call, path)),
  operations: {
    read: {
      summary: 'Read',
      writes: 'nothing',
      replies: { 200: 'any', 404: 'empty' },
      run: (mount, { path }, call) => {
        const found = recordAt<JsonObject>(mount.data, owned(call, path));
        return found === undefined ? reply.missing : reply.ok(found);
      },
    },
    update: {
      summary: 'Write',
      writes: 'local',
      replies: { 204: 'empty' },
      run: async (mount, { path }, call) => {
        if (path === '' || path.endsWith('/')) throw fail('badRequest', 'a path must not end in a slash');
        if (Object.keys(call.body).length === 0) throw fail('badRequest', 'missing data fields');
        await mount.data.transact((tx) => {
          tx.put(owned(call, path), encodeRecord(call.body));
        });
        return reply.empty;
      },
    },
    delete: {
      summary: 'Delete',
      writes: 'local',
      replies: { 204: 'empty' },
      run: async (mount, { path }, call) => {
        await mount.data.transact((tx) => {
          tx.delete(owned(call, path));
        });
        return reply.empty;
      },
    },
    list: {
      summary: 'List',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Names; folders end in a slash.') }, 404: 'empty' },
      run: (mount, { path, after, limit }, call) => listed(children(mount.data, owned(call, path)), { after, limit }),
    },
  },
});

export const cubbyhole: AnyPlugin = plugin<Cubbyhole>({
  type: 'cubbyhole',
  help: 'Data that belongs to one token and goes with it.',
  open: ({ local }) => ({ data: local }),
  paths: () => [entry],
  // Of the calling token alone, then as now.
  fromSnapshot: {
    recovered: ({ past }, call) => recordAt<JsonObject>(past.data, owned(call, call.path)),
    lists: () => true,
  },
});
