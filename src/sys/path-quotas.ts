/** `sys/quotas/…`: how often requests may come. Set in the root namespace alone, for all of them. */
import { keysBelow } from '../core/keys-below.ts';
import { keys } from '../core/keys.ts';
import type { Node } from '../core/node.ts';
import type { QuotaConfig } from '../core/quotas/quotas.ts';
import { groupings, type RateLimit } from '../core/quotas/rate-limit.ts';
import { fail } from '../errors.ts';
import { field, type JsonObject, type Values } from '../framework/field.ts';
import { listed, pageFields } from '../framework/listing.ts';
import { pathsOf } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';
import { defined } from '../lib/defined.ts';
import { LONGEST_WINDOW_MS } from '../lib/threads/shared-windows.ts';

const at = pathsOf<Node>();

/** More would be no limit, and is not counted. */
const HIGHEST_RATE = 1e8;
const MOST_QUOTAS = 10_000;

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
        const given: Partial<QuotaConfig> = defined({
          auditLogging: values.enable_rate_limit_audit_logging,
          responseHeaders: values.enable_rate_limit_response_headers,
          exemptPaths: values.rate_limit_exempt_paths,
        });
        await services.quotas.configure(given);
        return reply.empty;
      },
    },
  },
});

const settings = {
  path: field.string('A namespace, a mount, a path, or one with `*` at its end. Empty: every request.'),
  role: field.string('Of an auth mount: logins by this role alone.'),
  rate: field.number('Requests in an interval.'),
  interval: field.duration('How long an interval is. Default: a second.'),
  block_interval: field.duration(
    'How long all is refused after one request too many. Default: until the interval ends.',
  ),
  inheritable: field.boolean('Of a namespace: whether it holds in those below it too.'),
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

/** As it is kept: a namespace or a mount with its closing slash. Throws `badRequest` for one that is neither, nor below a mount. */
function placed({ services }: Node, asked: string, role: string): string {
  const { namespaces, mounts } = services;
  const path = asked.replace(/^\/+/, '');
  if (path === '') return '';
  const folder = path.endsWith('/') || path.endsWith('*') ? path : `${path}/`;
  const { namespace, path: below } = namespaces.place('', folder);
  if (below === '') return namespace.path;
  const routed = mounts.route(namespace.id, below);
  if (routed === undefined)
    throw fail('badRequest', `invalid mount path "${below}": there is no mount and no namespace`);
  const { mounted, rest } = routed;
  if (role !== '' && (rest !== '' || mounted.record.table !== 'auth')) {
    const why = 'is not a valid auth method and therefore unsuitable for use with role-based quotas';
    throw fail('badRequest', `Mount path "${below}" ${why}`);
  }
  return rest === '' ? mounted.fullPath : path;
}

/** Vault's defaults. */
const NEW: Omit<RateLimit, 'name'> = {
  ...{ path: '', role: '', rate: 0, interval: 1, blockInterval: 0 },
  ...{ inheritable: false, groupBy: 'ip', secondaryRate: 0 },
};

function quotaOf(node: Node, before: RateLimit | undefined, values: Values<typeof fields>): RateLimit {
  const given = defined({
    ...{ path: values.path, role: values.role, rate: values.rate, inheritable: values.inheritable },
    // 0 is the default, as by Vault.
    interval: values.interval === 0 ? NEW.interval : values.interval,
    ...{ blockInterval: values.block_interval, groupBy: values.group_by, secondaryRate: values.secondary_rate },
  });
  const asked = { ...NEW, ...before, ...given, name: values.name };
  const path = placed(node, asked.path, asked.role);
  if (asked.role !== '' && path === '') throw fail('badRequest', 'a quota of a role names the path of its auth mount');
  const quota: RateLimit = { ...asked, path, inheritable: path === '' || asked.inheritable };
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

const list = at('quotas/rate-limit', {
  help: 'Names of all rate limit quotas.',
  fields: pageFields,
  operations: {
    list: {
      summary: 'List rate limit quotas',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Names.') }, 404: 'empty' },
      run: ({ services }, asked) => listed(keysBelow(services.store, keys.rateLimits), asked),
    },
  },
});

const one = at('quotas/rate-limit/:name', {
  help: 'One rate limit quota.',
  fields,
  operations: {
    read: {
      summary: 'Read a rate limit quota',
      writes: 'nothing',
      replies: { 200: fields, 404: 'empty' },
      run: ({ services }, { name }) => {
        const quota = services.quotas.get(name);
        return quota === undefined ? reply.missing : reply.ok(shown(quota));
      },
    },
    update: {
      summary: 'Write a rate limit quota',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async (node, values) => {
        const { quotas } = node.services;
        const before = quotas.get(values.name);
        if (before === undefined && quotas.all().length >= MOST_QUOTAS)
          throw fail('badRequest', 'there are too many quotas');
        await quotas.put(quotaOf(node, before, values));
        return reply.empty;
      },
    },
    delete: {
      summary: 'Delete a rate limit quota',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, { name }) => {
        await services.quotas.delete(name);
        return reply.empty;
      },
    },
  },
});

export const quotaPaths = [config, list, one];
