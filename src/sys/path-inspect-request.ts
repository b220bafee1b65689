/** `sys/internal/inspect/request`: how a request is understood, for whoever wonders what a proxy made of it. */
import type { Node } from '../core/node.ts';
import type { Call } from '../framework/call.ts';
import { field, type JsonObject } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';

const at = pathsOf<Node>();

/** Without the token, in whatever form. */
function described(call: Call): JsonObject {
  const { client, origin, namespace } = call;
  return {
    id: call.id,
    operation: 'read',
    namespace: { id: namespace.id, path: namespace.path },
    mount_point: call.mountPath,
    path: call.path,
    client_token_accessor: client.accessor,
    display_name: client.displayName,
    policies: client.policies,
    entity_id: client.entity,
    connection: {
      remote_addr: client.address,
      remote_port: origin.port,
      peer_certificates: origin.clientCertificates?.length ?? 0,
      verified_peer: origin.peer?.subject ?? null,
    },
    wrap_ttl: call.wrapTtl,
  };
}

function identityOf({ services }: Node, { client }: Call): JsonObject {
  if (client.entity === '') return { entity: null, groups: null };
  const found = services.identities.known.identity(client.entityNamespace, client.entity);
  if (found === undefined) return { entity: null, groups: null };
  const { id, name, disabled } = found.record;
  return { entity: { id, name, disabled }, groups: found.groups.map((group) => ({ id: group.id, name: group.name })) };
}

export const inspectRequest = at('internal/inspect/request', {
  help: 'How this request is understood: who asks, from where, in which namespace.',
  access: 'root',
  namespaces: true,
  fields: {},
  operations: {
    read: {
      summary: 'This request',
      writes: 'nothing',
      replies: {
        200: {
          req: field.object('The request, without its token.'),
          data: field.object('What stood in its query.'),
          entity: field.any('Who asks; null where that is nobody.'),
          groups: field.any('Whose groups.'),
        },
      },
      run: (node, _values, call) =>
        reply.ok({ req: described(call), data: { ...call.query }, ...identityOf(node, call) }),
    },
  },
});
