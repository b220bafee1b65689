/** `sys/wait`: returns when every region and every registered consumer has an index, or names who has not. */
import { decodeIndex } from '../core/freshness.ts';
import { nameOf } from '../core/consumers/record.ts';
import type { Node } from '../core/node.ts';
import { isAllowedOutright } from '../core/policy/index.ts';
import { fail } from '../errors.ts';
import { field } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';
import type { Position } from '../storage/store.ts';

const at = pathsOf<Node>();
const LONGEST_S = 600;

/** The hub's own part of an index; a number counts in this hub's epoch. */
function positionOf(node: Node, index: string | undefined, latest: boolean): Position | undefined {
  if (latest || index === undefined || index === '') return undefined;
  const { store } = node.services;
  if (/^\d{1,15}$/.test(index)) return { epoch: store.position.epoch, sequence: Number(index) };
  const position = decodeIndex(index)?.[store.log];
  if (position === undefined)
    throw fail('badRequest', '"index" is no index of this hub: take the X-Vault-Index of a reply');
  return position;
}

const wait = at('wait', {
  help: 'Waits until a change has arrived everywhere.',
  fields: {
    index: field.string('The X-Vault-Index of the reply to a write.'),
    latest: field.boolean('The newest change.', { default: false }),
    timeout: field.duration('How long to wait at most.', { default: 30 }),
  },
  operations: {
    update: {
      summary: 'Wait for convergence',
      writes: 'nothing',
      replies: {
        200: {
          state: field.enum('What was found.', ['done', 'missing', 'nobody']),
          index: field.integer('What was waited for.'),
          acknowledged: field.objects('Who has it.'),
          missing: field.objects('Who has not, and why.'),
          released: field.objects('Who no longer counts, and why.'),
        },
      },
      run: async (node, { index, latest, timeout }, { signal, client }) => {
        const position = positionOf(node, index, latest);
        const timeoutMs = Math.min(timeout, LONGEST_S) * 1000;
        const acl = node.services.policies.acl(client);
        const shows = (consumer: string): boolean => {
          const { name, namespace } = nameOf(consumer);
          const found = node.services.namespaces.byId(namespace);
          return found !== undefined && isAllowedOutright(acl.allows('read', `${found.path}sys/consumers/${name}`));
        };
        return reply.ok(await node.hub.wait({ position, timeoutMs, signal: signal(), shows }));
      },
    },
  },
});

export const waitPaths = [wait];
