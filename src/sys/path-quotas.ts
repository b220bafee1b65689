/** `sys/quotas/…`: how often requests may come, and what holds for all quotas. Set in the root namespace alone, for all of them. */
import type { Node } from '../core/node.ts';
import { groupings, type RateLimit } from '../core/quotas/rate-limit.ts';
import { fail } from '../errors.ts';
import { field, type JsonObject, type Values } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';
import { defined } from '../lib/defined.ts';
import { LONGEST_WINDOW_MS } from '../lib/threads/shared-windows.ts';
import { leaseCountPaths } from './path-lease-count.ts';
import { listOf, placeFields, placeOf } from './quota-kind.ts';

const at = pathsOf<Node>();

/** More would be no limit, and is not counted. */
const HIGHEST_RATE = 1e8;

const recordsOf = ({ services }: Node) => services.quotas.records;

const configFields = {
  enable_rate_limit_audit_logging: field.boolean('Whether requests that are refused stand in the audit.'),
  enable_rate_limit_response_headers: field.boolean('Whether each reply tells what is left of its quota.'),
  rate_limit_exempt_paths: field.list('Paths that are never refused, from the root namespace on; `*` may end one.'),
} as const;

const config = at('quotas/config', {
  help: 'What holds for all quotas.',
  fields: configFields,
  operations: {
    read: {
      summary: 'Read what holds for all quotas',
      writes: 'nothing',
      replies: { 200: configFields },
      run: ({ services }) => {
        const { auditLogging, responseHeaders, exemptPaths } = services.quotas.config;
        return reply.ok({
          enable_rate_limit_audit_logging: auditLogging,
          enable_rate_limit_response_headers: responseHeaders,
          rate_limit_exempt_paths: exemptPaths,
        });
      },
    },
    update: {
      summary: 'Change what holds for all quotas',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, values) => {
        // As by Vault: the paths stay where none are given, the switches do not.
        await services.quotas.configure({
          auditLogging: values.enable_rate_limit_audit_logging ?? false,
          responseHeaders: values.enable_rate_limit_response_headers ?? false,
          ...defined({ exemptPaths: values.rate_limit_exempt_paths }),
        });
        return reply.empty;
      },
    },
  },
});

const settings = {
  ...placeFields,
  rate: field.number('Requests in an interval.'),
  interval: field.duration('How long an interval is. Default: a second.'),
  block_interval: field.duration(
    'How long all is refused after one request too many. Default: until the interval ends.',
  ),
  group_by: field.enum('By whom requests are counted.', groupings),
  secondary_rate: field.number('Requests in an interval of who has no entity, where others are counted by theirs.'),
} as const;

const fields = {
  name: field.name('Name of the quota.'),
  type: field.enum('Kind of the quota.', ['rate-limit']),
  ...settings,
} as const;

function shown(quota: RateLimit): JsonObject {
  return {
    name: quota.name,
    type: 'rate-limit',
    path: quota.path,
    role: quota.role,
    rate: quota.rate,
    interval: quota.interval,
    block_interval: quota.blockInterval,
    inheritable: quota.inheritable,
    group_by: quota.groupBy,
    secondary_rate: quota.secondaryRate,
  };
}

/** Vault's defaults. */
const NEW: Omit<RateLimit, 'name'> = {
  ...{ path: '', role: '', rate: 0, interval: 1, blockInterval: 0 },
  ...{ inheritable: false, groupBy: 'ip', secondaryRate: 0 },
};

/** What is not given is as in a new one, as by Vault: a quota is written as a whole. */
function quotaOf(node: Node, values: Values<typeof fields>): RateLimit {
  const given = defined({
    ...{ path: values.path, role: values.role, rate: values.rate, inheritable: values.inheritable },
    // 0 is the default, as by Vault.
    interval: values.interval === 0 ? NEW.interval : values.interval,
    ...{ blockInterval: values.block_interval, groupBy: values.group_by, secondaryRate: values.secondary_rate },
  });
  const asked = { ...NEW, ...given, name: values.name };
  const quota: RateLimit = { ...asked, ...placeOf(node, asked) };
  check(quota);
  return quota;
}

function check({ rate, secondaryRate, interval, blockInterval, groupBy }: RateLimit): void {
  if (rate <= 0 || rate > HIGHEST_RATE) throw fail('badRequest', "'rate' is invalid");
  if (secondaryRate < 0 || secondaryRate > HIGHEST_RATE) throw fail('badRequest', "'secondary_rate' is invalid");
  if (secondaryRate > 0 && !groupBy.startsWith('entity')) {
    throw fail('badRequest', "'secondary_rate' needs a 'group_by' that begins with entity_then");
  }
  for (const [name, seconds] of Object.entries({ interval, block_interval: blockInterval })) {
    if (seconds * 1_000 > LONGEST_WINDOW_MS) throw fail('badRequest', `'${name}' is longer than a year`);
  }
}

const one = at('quotas/rate-limit/:name', {
  help: 'One rate limit quota.',
  fields,
  operations: {
    read: {
      summary: 'Read a rate limit quota',
      writes: 'nothing',
      replies: { 200: fields, 404: 'empty' },
      run: (node, { name }) => {
        const quota = recordsOf(node).get(name);
        return quota === undefined ? reply.missing : reply.ok(shown(quota));
      },
    },
    update: {
      summary: 'Write a rate limit quota',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async (node, values) => {
        await recordsOf(node).put(quotaOf(node, values));
        return reply.empty;
      },
    },
    delete: {
      summary: 'Delete a rate limit quota',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async (node, { name }) => {
        await recordsOf(node).delete(name);
        return reply.empty;
      },
    },
  },
});

export const quotaPaths = [
  config,
  listOf({ kind: 'rate-limit', title: 'rate limit quotas', records: recordsOf }),
  one,
  ...leaseCountPaths,
];
