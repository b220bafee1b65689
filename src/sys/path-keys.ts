/** `sys/key-status` and `sys/rotate`: the keys of the barrier. */
import type { Node } from '../core/node.ts';
import { field } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';

const at = pathsOf<Node>();

const keyStatus = at('key-status', {
  help: 'The encryption key in use.',
  access: 'root',
  fields: {},
  operations: {
    read: {
      summary: 'Term and age of the key',
      writes: 'nothing',
      replies: {
        200: {
          term: field.integer('Counts the keys.'),
          install_time: field.time('When it was made.'),
          encryptions: field.integer('Encryptions under this key, about.'),
        },
      },
      run: (node) => {
        const { term, installTime, encryptions } = node.keyStatus();
        return { ...reply.ok({ term, install_time: new Date(installTime).toISOString(), encryptions }), flat: true };
      },
    },
  },
});

const rotation = (pattern: string) =>
  at(pattern, {
    help: 'Makes a new encryption key: what is written from now on is under it; older records stay readable.',
    access: 'root',
    fields: {},
    operations: {
      update: {
        summary: 'Rotate the encryption key',
        writes: 'local',
        replies: { 204: 'empty' },
        run: async (node) => {
          await node.rotate();
          return reply.empty;
        },
      },
    },
  });

export const keyPaths = [keyStatus, rotation('rotate'), rotation('rotate/keyring')];
