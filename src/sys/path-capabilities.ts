/** `sys/capabilities`, `-self`, `-accessor`: what a token may do on paths. */
import type { Node } from '../core/node.ts';
import { tokenIn } from '../core/tokens/path-lookup.ts';
import { holderOf, type Token } from '../core/tokens/token.ts';
import type { Call } from '../framework/call.ts';
import { fail } from '../errors.ts';
import { field } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply, type Reply } from '../framework/reply.ts';

const at = pathsOf<Node>();

const fields = {
  path: field.list('Old name of `paths`.'),
  paths: field.list('Paths to ask about.'),
};

interface Asked {
  readonly path: readonly string[] | undefined;
  readonly paths: readonly string[] | undefined;
}

function answer(node: Node, token: Token | undefined, asked: Asked, { namespace }: Call): Reply {
  const paths = asked.paths ?? asked.path ?? [];
  if (paths.length === 0) throw fail('badRequest', 'paths must be supplied');
  if (paths.includes('')) throw fail('badRequest', 'missing path: one of the paths is empty');
  if (token === undefined) throw fail('badRequest', 'invalid token');
  const acl = node.services.policies.acl(holderOf(token));
  const data: Record<string, unknown> = {};
  for (const path of paths) data[path] = acl.capabilities(namespace.path + path.replace(/^\//, ''));
  const [only] = paths;
  if (paths.length === 1 && only !== undefined) data['capabilities'] = data[only];
  return { ...reply.ok(data), flat: true };
}

const self = at('capabilities-self', {
  help: 'What the calling token may do.',
  namespaces: true,
  fields,
  operations: {
    update: {
      summary: 'Capabilities of the calling token',
      writes: 'nothing',
      replies: { 200: 'any' },
      run: (node, values, call) => answer(node, node.services.tokens.find(call.token ?? ''), values, call),
    },
  },
});

const ofToken = at('capabilities', {
  help: 'What a token may do.',
  namespaces: true,
  fields: { ...fields, token: field.secret('The token.') },
  operations: {
    update: {
      summary: 'Capabilities of a token',
      writes: 'nothing',
      replies: { 200: 'any' },
      run: (node, values, call) => answer(node, tokenIn(node, call, values.token ?? ''), values, call),
    },
  },
});

const ofAccessor = at('capabilities-accessor', {
  help: 'What the token of an accessor may do.',
  namespaces: true,
  fields: { ...fields, accessor: field.string('The accessor.') },
  operations: {
    update: {
      summary: 'Capabilities of the token of an accessor',
      writes: 'nothing',
      replies: { 200: 'any' },
      run: (node, values, call) =>
        answer(node, node.services.tokens.byAccessor(call.namespace.id, values.accessor ?? ''), values, call),
    },
  },
});

export const capabilityPaths = [self, ofToken, ofAccessor];
