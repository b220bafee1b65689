/** `sys/health` and `sys/leader`: for load balancers and for clients that look for the active node. */
import type { Node } from '../core/node.ts';
import { field } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import type { Reply } from '../framework/reply.ts';
import { redacted } from './redacted.ts';

const at = pathsOf<Node>();

function statusCode(node: Node, codes: Readonly<Record<'active' | 'sealed' | 'uninit', number>>): number {
  if (!node.initialized) return codes.uninit;
  return node.sealed ? codes.sealed : codes.active;
}

const health = at('health', {
  help: 'Whether this node serves: 200 active, 429 standby, 472/473 secondaries, 501 not initialised, 503 sealed.',
  namespaces: true,
  access: 'open',
  sealed: true,
  fields: {
    standbyok: field.boolean('A standby answers as an active node does.', { default: false }),
    perfstandbyok: field.boolean('A performance standby answers as an active node does.', { default: false }),
    activecode: field.integer('Status of an active node.', { default: 200 }),
    standbycode: field.integer('Status of a standby.', { default: 429 }),
    drsecondarycode: field.integer('Status of a disaster-recovery secondary.', { default: 472 }),
    performancestandbycode: field.integer('Status of a performance standby.', { default: 473 }),
    sealedcode: field.integer('Status while sealed.', { default: 503 }),
    uninitcode: field.integer('Status before initialisation.', { default: 501 }),
  },
  operations: {
    read: {
      summary: 'Health of this node',
      writes: 'nothing',
      replies: { 200: 'any', 429: 'any', 472: 'any', 473: 'any', 501: 'any', 503: 'any' },
      otherReplies: 'any',
      form: 'bare',
      run: (node, values, call): Reply => {
        const codes = { active: values.activecode, sealed: values.sealedcode, uninit: values.uninitcode };
        const wanted = statusCode(node, codes);
        // A status that HTTP does not know would break the reply.
        const status = wanted >= 200 && wanted <= 599 ? wanted : 400;
        return { status, bare: redacted(node.health(), call) };
      },
    },
  },
});

const leader = at('leader', {
  help: 'Which node is active. Without high availability a node leads itself.',
  namespaces: true,
  access: 'open',
  fields: {},
  operations: {
    read: {
      summary: 'The leader',
      writes: 'nothing',
      replies: { 200: 'any' },
      form: 'bare',
      run: (_node, _values, call) => ({
        status: 200,
        bare: redacted(
          {
            ha_enabled: false,
            is_self: false,
            active_time: '0001-01-01T00:00:00Z',
            leader_address: '',
            leader_cluster_address: '',
            performance_standby: false,
            performance_standby_last_remote_wal: 0,
          },
          call,
        ),
      }),
    },
  },
});

export const healthPaths = [health, leader];
