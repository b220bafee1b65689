/** `sys/internal/counters` and `sys/internal/inspect`: how much there is, and what is mounted where. */
import { identityKeys } from '../core/identity/identity-keys.ts';
import { keysBelow } from '../core/keys-below.ts';
import type { Mounted } from '../core/mounts/mount-table.ts';
import type { Node } from '../core/node.ts';
import { fail } from '../errors.ts';
import { field, type JsonObject } from '../framework/field.ts';
import { namesOf } from '../framework/listing.ts';
import { pathsOf } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';
import { inspectRequest } from './path-inspect-request.ts';

const at = pathsOf<Node>();

const counters = { counters: field.object('By what is counted.') };

const tokens = at('internal/counters/tokens', {
  help: 'How many tokens there are.',
  fields: {},
  operations: {
    read: {
      summary: 'Count tokens',
      writes: 'nothing',
      replies: { 200: counters },
      run: (node) => {
        const { tokens: total } = node.census;
        if (total === undefined) throw fail('tooManyRequests', 'the tokens are being counted: ask again soon');
        return reply.ok({ counters: { service_tokens: { total } } });
      },
    },
  },
});

const entities = at('internal/counters/entities', {
  help: 'How many entities there are in the namespace.',
  namespaces: true,
  fields: {},
  operations: {
    read: {
      summary: 'Count entities',
      writes: 'nothing',
      replies: { 200: counters },
      run: async ({ services }, _values, { namespace }) => {
        const names = keysBelow(services.store, identityKeys(namespace.id).entities);
        const total = (await namesOf({ ...names, most: Number.MAX_SAFE_INTEGER - 1 }, { after: '', limit: 0 })).length;
        return reply.ok({ counters: { entities: { total } } });
      },
    },
  },
});

const requests = at('internal/counters/requests', {
  help: 'Gone from Vault too: `vault.core.handle_request` of `sys/metrics` counts requests.',
  fields: {},
  operations: {
    read: {
      summary: 'Gone',
      writes: 'nothing',
      replies: { 404: 'empty' },
      run: () => {
        throw fail('unsupportedPath', 'The functionality has been removed on this path');
      },
    },
  },
});

const TAGS: ReadonlySet<string> = new Set(['root', 'uuid', 'accessor', 'storage']);

function described({ record, namespace }: Mounted, tag: string): JsonObject {
  const { uuid, accessor, path, type } = record;
  const known = { uuid, accessor, mount_namespace: '', mount_path: path, mount_type: type };
  if (tag === 'uuid' || tag === 'accessor') return known;
  return { ...known, tainted: false, storage_prefix: `${namespace}/data/${uuid}/` };
}

const router = at('internal/inspect/router/:tag', {
  help: 'What is mounted where.',
  access: 'root',
  fields: { tag: field.name('root, uuid, accessor or storage: what the mounts are looked up by.') },
  operations: {
    read: {
      summary: 'The routing table',
      writes: 'nothing',
      replies: { 200: 'any' },
      run: (node, { tag }, call) => {
        if (!TAGS.has(tag)) throw fail('unsupportedPath');
        const all = node.services.mounts.all(call.namespace.id);
        return reply.ok({ [tag]: all.map((mounted) => described(mounted, tag)) });
      },
    },
  },
});

export const counterPaths = [tokens, entities, requests, router, inspectRequest];
