/** `sys/control-group/…`, `sys/config/control-group`: requests that wait for approval. */
import type { Found } from '../core/control/control-groups.ts';
import { isApprovedNow } from '../core/control/release.ts';
import type { Node } from '../core/node.ts';
import { fail } from '../errors.ts';
import type { Call } from '../framework/call.ts';
import { field } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';
import { formatShortDuration } from '../lib/duration.ts';

const at = pathsOf<Node>();

const accessor = field.string('The accessor of the wrapping token that was answered in place of the reply.');
const approved = field.boolean('Whether it has all approvals, and is done when it is unwrapped.');

/** Of the namespace that is asked in: the request was made there. */
function found({ services }: Node, given: string | undefined, { namespace }: Call): Found {
  if (given === undefined || given === '') throw fail('badRequest', 'missing accessor');
  return services.controls.byAccessor(namespace.id, given);
}

const authorize = at('control-group/authorize', {
  help: 'Approves a request of somebody else.',
  namespaces: true,
  fields: { accessor },
  operations: {
    update: {
      summary: 'Approve',
      writes: 'local',
      replies: { 200: { approved } },
      run: async (node, values, call) => {
        const { controls } = node.services;
        const request = found(node, values.accessor, call);
        const waiting = await controls.authorize(request, call);
        return reply.ok({ approved: isApprovedNow(node.services, { ...request, waiting }, call) });
      },
    },
  },
});

const request = at('control-group/request', {
  help: 'How a request stands that waits for approval.',
  namespaces: true,
  fields: { accessor },
  operations: {
    update: {
      summary: 'Look a request up',
      writes: 'nothing',
      replies: {
        200: {
          approved,
          request_operation: field.string('What it is, as policies name it: read, update, delete and so on.'),
          request_path: field.string('Its path, below the namespace.'),
          request_entity: field.object('Who asks: id and name of the entity.'),
          authorizations: field.objects('Who has approved, and may still: entity_id and entity_name of each.'),
        },
      },
      run: (node, values, call) => {
        const { controls } = node.services;
        const request = found(node, values.accessor, call);
        const { waiting } = request;
        const requester = controls.personNow(waiting.requester);
        return reply.ok({
          approved: isApprovedNow(node.services, request, call),
          request_operation: waiting.operation,
          request_path: waiting.request.path,
          request_entity:
            requester === undefined ? { id: '', name: '' } : { id: requester.entity, name: controls.nameOf(requester) },
          authorizations: controls
            .approversOf(waiting)
            .map((approver) => ({ entity_id: approver.entity, entity_name: controls.nameOf(approver) })),
        });
      },
    },
  },
});

const config = at('config/control-group', {
  help: 'How long requests wait for approval at most, on this node.',
  fields: { max_ttl: field.duration('The longest time, whatever policies say; 0 sets no bound.') },
  operations: {
    read: {
      summary: 'Show it',
      writes: 'nothing',
      replies: { 200: { max_ttl: field.string('Such as 4h.') }, 404: 'empty' },
      run: (node) => {
        const { max_ttl: seconds } = node.services.config.controlGroup ?? {};
        return seconds === undefined ? reply.missing : reply.ok({ max_ttl: formatShortDuration(seconds) });
      },
    },
    update: {
      summary: 'Set it',
      writes: 'local',
      replies: { 204: 'empty' },
      run: async (node, values) => {
        const { max_ttl: seconds } = values;
        if (seconds === undefined) throw fail('badRequest', 'missing max_ttl');
        if (seconds < 0) throw fail('badRequest', 'max_ttl must not be negative');
        await node.services.config.change('control-group', () => (seconds === 0 ? undefined : { max_ttl: seconds }));
        return reply.empty;
      },
    },
    delete: {
      summary: 'Set no bound any more',
      writes: 'local',
      replies: { 204: 'empty' },
      run: async (node) => {
        await node.services.config.change('control-group', () => undefined);
        return reply.empty;
      },
    },
  },
});

export const controlGroupPaths = [authorize, request, config];
