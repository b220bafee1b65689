/** `sys/events/subscribe/…`: what a plain request to the events WebSocket is told. */
import type { Node } from '../core/node.ts';
import { fail } from '../errors.ts';
import { field } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';

const at = pathsOf<Node>();

const subscribe = at('events/subscribe/:type...', {
  help: 'Tells of changes as they happen: open it as a WebSocket over HTTP/1.1.',
  description: 'See docs/events.md for the two dialects, what a policy must grant, and how to resume.',
  namespaces: true,
  fields: { type: field.name('The event type, such as `kv-v2/data-write`; `*` stands for any text.') },
  operations: {
    read: {
      summary: 'Subscribe to changes',
      writes: 'nothing',
      replies: { 400: 'empty' },
      run: () => {
        throw fail('badRequest', 'this path is a WebSocket: send Connection: Upgrade over HTTP/1.1');
      },
    },
  },
});

export const eventPaths = [subscribe];
