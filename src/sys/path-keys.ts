/** `sys/key-status` and `sys/rotate`: the keys of the barrier. */
import type { Node } from '../core/node.ts';
import type { NamespaceRecord } from '../core/namespaces/namespace.ts';
import type { Call } from '../framework/call.ts';
import { field } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';
import { formatDuration } from '../lib/duration.ts';

const at = pathsOf<Node>();

/** The namespace whose keys are meant; undefined in the root one. One without any is refused. */
function withKeys({ services }: Node, { namespace }: Call): NamespaceRecord | undefined {
  return services.namespaces.record(namespace.id);
}

const keyStatus = at('key-status', {
  help: 'The encryption key in use; of a namespace with a seal of its own, its own.',
  namespaces: true,
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
      run: (node, _values, call) => {
        const own = withKeys(node, call);
        const status = own === undefined ? node.keyStatus() : node.services.namespaceSeals.keyStatus(own);
        const { term, installTime, encryptions } = status;
        return { ...reply.ok({ term, install_time: new Date(installTime).toISOString(), encryptions }), flat: true };
      },
    },
  },
});

const rotation = (pattern: string) =>
  at(pattern, {
    help: 'Makes a new encryption key: what is written from now on is under it; older records stay readable.',
    namespaces: true,
    access: 'root',
    fields: {},
    operations: {
      update: {
        summary: 'Rotate the encryption key',
        writes: 'local',
        replies: { 204: 'empty' },
        run: async (node, _values, call) => {
          const own = withKeys(node, call);
          await (own === undefined ? node.rotate() : node.services.namespaceSeals.rotate(own));
          return reply.empty;
        },
      },
    },
  });

const rotationConfig = (pattern: string) =>
  at(pattern, {
    help: 'When the encryption key rotates by itself: after so many encryptions, or at such an age.',
    access: 'root',
    fields: {
      max_operations: field.integer('Encryptions under one key, from 1,000,000 to 90 % of 2^32, which is the default.'),
      interval: field.duration('Age of a key, from 24 hours on; 0, the default, for none.'),
      enabled: field.boolean('Whether it does so at all. At 2^32 encryptions a key is refused all the same.'),
    },
    operations: {
      read: {
        summary: 'When the key rotates by itself',
        writes: 'nothing',
        replies: {
          200: {
            max_operations: field.integer('Encryptions under one key.'),
            interval: field.any('Age of a key, as Go writes durations; 0 for none.'),
            enabled: field.boolean('Whether it does so at all.'),
          },
        },
        run: ({ keyRotation }) => {
          const { enabled, interval, maxOperations } = keyRotation.config;
          return reply.ok({
            enabled,
            interval: interval === 0 ? 0 : formatDuration(interval),
            max_operations: maxOperations,
          });
        },
      },
      update: {
        summary: 'Set when the key rotates by itself; what is not given stays',
        writes: 'local',
        replies: { 204: 'empty' },
        run: async ({ keyRotation }, { enabled, interval, max_operations: maxOperations }) => {
          await keyRotation.configure({ enabled, interval, maxOperations });
          return reply.empty;
        },
      },
    },
  });

export const keyPaths = [
  keyStatus,
  rotation('rotate'),
  rotation('rotate/keyring'),
  rotationConfig('rotate/config'),
  rotationConfig('rotate/keyring/config'),
];
