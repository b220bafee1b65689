/** `sys/consumers`: who is registered on this node to be told of changes, and how far each has them in place. */
import type { ConsumerState } from '../core/consumers/consumers.ts';
import { nameOf } from '../core/consumers/record.ts';
import { patternOf } from '../core/events/patterns.ts';
import { mayName } from '../core/events/rights.ts';
import type { Node } from '../core/node.ts';
import type { Call } from '../framework/call.ts';
import { field, type JsonObject } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';

const at = pathsOf<Node>();

const rfc3339 = (ms: number): string => new Date(ms).toISOString();

function shown({ record, connected, acknowledged, expires }: ConsumerState, { now, namespace }: Call): JsonObject {
  return {
    id: nameOf(record.id).name,
    display_name: record.identity.displayName,
    auth_path: record.identity.path,
    role: record.identity.role,
    accessor_hmac: record.accessor,
    paths: record.paths.map((path) => path.slice(namespace.path.length)),
    region: record.region,
    consumer_ttl: record.ttl,
    registered_time: rfc3339(record.registeredAt),
    last_connected_time: connected ? rfc3339(now) : rfc3339(record.seenAt),
    state: connected ? 'connected' : expires !== undefined && expires <= now ? 'expired' : 'offline',
    expire_time: expires === undefined ? null : rfc3339(expires),
    acknowledged_index: acknowledged?.index ?? null,
    acknowledged_time: acknowledged === undefined ? null : rfc3339(acknowledged.at),
  };
}

/** Only who may read what a consumer reads is shown it. */
function visible(node: Node, { record }: ConsumerState, call: Call): boolean {
  const acl = node.services.policies.acl(call.client);
  return acl.root || record.paths.every((path) => mayName(acl, patternOf(path), ['read']));
}

const all = at('consumers', {
  help: 'Consumers that are registered on this node.',
  namespaces: true,
  fields: {},
  operations: {
    list: {
      summary: 'List consumers of paths that you may read',
      writes: 'nothing',
      replies: {
        200: { keys: field.list('Their ids.'), key_info: field.object('How each stands, by id.') },
        404: 'empty',
      },
      run: (node, _values, call) => {
        const found = node.services.consumers.list(call.namespace).filter((each) => visible(node, each, call));
        const info = found.map((each) => [nameOf(each.record.id).name, shown(each, call)] as const);
        return reply.keys(
          info.map(([id]) => id),
          { key_info: Object.fromEntries(info) },
        );
      },
    },
  },
});

const fields = { id: field.name('The consumer, as it named itself.') };

const one = at('consumers/:id', {
  help: 'One consumer.',
  namespaces: true,
  fields,
  operations: {
    read: {
      summary: 'Show how a consumer stands',
      writes: 'nothing',
      replies: { 200: 'any', 404: 'empty' },
      run: (node, { id }, call) => {
        const found = node.services.consumers.get({ id, namespace: call.namespace });
        return found === undefined || !visible(node, found, call) ? reply.missing : reply.ok(shown(found, call));
      },
    },
    delete: {
      summary: 'Deregister a consumer: nobody waits for it any more',
      writes: 'local',
      replies: { 204: 'empty', 404: 'empty' },
      run: async (node, { id }, call) => {
        const { namespace } = call;
        const found = node.services.consumers.get({ id, namespace });
        if (found === undefined || !visible(node, found, call)) return reply.missing;
        await node.services.consumers.remove({ id, namespace });
        return reply.empty;
      },
    },
  },
});

export const consumerPaths = [all, one];
