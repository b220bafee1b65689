/** `sys/mounts` and `sys/auth`: the two mount tables, made by one table of paths. */
import { emptyMount } from '../core/leases/lease-ending.ts';
import type { Mounted } from '../core/mounts/mount-table.ts';
import { NO_CONFIG, type MountRecord, type MountTableName } from '../core/mounts/mount.ts';
import type { Node } from '../core/node.ts';
import { fail } from '../errors.ts';
import type { Call } from '../framework/call.ts';
import { field, type JsonObject } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply, type Reply } from '../framework/reply.ts';
import {
  applyConfig,
  configFields,
  configValues,
  describeMount,
  describeTune,
  mountPath,
  type ConfigValues,
} from './mount-description.ts';
import { assertLocksOut } from './mount-lockout.ts';

const at = pathsOf<Node>();

const words = {
  secret: { area: 'mounts', thing: 'secret engine', prefix: '' },
  auth: { area: 'auth', thing: 'auth method', prefix: 'auth/' },
} as const;

const path = field.name('Path of the mount.');

function tableOf(node: Node, call: Call, table: MountTableName): readonly Mounted[] {
  return node.services.mounts.all(call.namespace.id).filter(({ record }) => record.table === table);
}

function found(node: Node, call: Call, table: MountTableName, given: string): Mounted {
  const mounted = node.services.mounts.at(call.namespace.id, words[table].prefix + mountPath(given));
  if (mounted === undefined) {
    // `sys/mounts/auth/<path>/tune` is how clients tune an auth method.
    const method = table === 'auth' || mountPath(given).startsWith(words.auth.prefix);
    const { thing } = words[method ? 'auth' : table];
    throw fail('badRequest', `No ${thing} is mounted at "${mountPath(given)}"`);
  }
  return mounted;
}

interface Enabling {
  readonly path: string;
  readonly type: string;
  readonly description: string;
  readonly config: JsonObject;
  readonly options: Readonly<Record<string, string>> | undefined;
  readonly local: boolean;
  readonly seal_wrap: boolean;
  readonly external_entropy_access: boolean;
}

/** `kv-v2` is Vault's short form of `kv` with `version = 2`, `generic` its first name of version 1. */
function typeAndOptions(values: Enabling): Pick<MountRecord, 'type' | 'options'> {
  if (values.type === 'kv-v2') return { type: 'kv', options: { ...values.options, version: '2' } };
  if (values.type === 'kv-v1' || values.type === 'generic')
    return { type: 'kv', options: { ...values.options, version: '1' } };
  const version = values.options?.['version'];
  if (values.type === 'kv' && version !== undefined && version !== '1' && version !== '2') {
    throw fail('badRequest', 'options: the version of a kv engine is "1" or "2"');
  }
  return { type: values.type, options: values.options ?? null };
}

/** There from the start, and once only. */
const builtIn: ReadonlySet<string> = new Set(['cubbyhole', 'identity', 'system', 'token']);

async function enable(node: Node, call: Call, table: MountTableName, values: Enabling): Promise<Reply> {
  const { mountChanges } = node.services;
  const { type, options } = typeAndOptions(values);
  const plugins = table === 'auth' ? node.registry.auth : node.registry.engines;
  if (!Object.hasOwn(plugins, type)) {
    const known = Object.keys(plugins)
      .filter((name) => !builtIn.has(name))
      .sort()
      .join(', ');
    throw fail('badRequest', `plugin not found in the catalog: ${type} (this version has: ${known})`);
  }
  const config = configValues(values.config);
  if (config.user_lockout_config !== undefined) assertLocksOut(type, plugins[type]);
  if (builtIn.has(type)) throw fail('badRequest', `"${type}" is there from the start and cannot be mounted again`);
  await mountChanges.enable(call.namespace, {
    ...{ table, type, options },
    path: mountPath(values.path),
    description: values.description,
    local: values.local,
    sealWrap: values.seal_wrap,
    externalEntropyAccess: values.external_entropy_access,
    config: applyConfig(NO_CONFIG, config),
  });
  return reply.empty;
}

async function tune(node: Node, call: Call, mounted: Mounted, values: ConfigValues & Tuned): Promise<Reply> {
  const { record } = mounted;
  assertTunable(record, values);
  if (values.token_type !== undefined && record.table !== 'auth') {
    throw fail('badRequest', "'token_type' can only be modified on auth mounts");
  }
  if (values.user_lockout_config !== undefined) assertLocksOut(record.type, mounted.plugin);
  const change = (before: MountRecord): MountRecord => ({
    ...before,
    config: applyConfig(before.config, values),
    ...(values.description === undefined ? {} : { description: values.description }),
    ...(values.options === undefined ? {} : { options: tunedOptions(before, values.options) }),
  });
  await node.services.mountChanges.change(call.namespace.id, record.uuid, change, ({ before, after, tx }) => {
    mounted.plugin.retune?.({ from: before.options ?? {}, to: after.options ?? {}, tx, now: call.now });
  });
  return reply.empty;
}

/** As Vault: of what is there from the start only what the audit shows of it changes. */
function assertTunable({ type, path, table }: MountRecord, values: ConfigValues & Tuned): void {
  if (type === 'token' && values.token_type !== undefined) {
    throw fail('badRequest', "'token_type' cannot be set for 'token' or 'ns_token' auth mounts");
  }
  if (table === 'auth' || !builtIn.has(type)) return;
  const given = [...Object.keys(configFields), 'description', 'options'] as readonly (
    keyof ConfigValues | keyof Tuned
  )[];
  const other = given.find((name) => values[name] !== undefined && !name.startsWith('audit_non_hmac_'));
  if (other !== undefined) throw fail('badRequest', `cannot tune parameter ${other} of ${path}`);
}

interface Tuned {
  readonly description: string | undefined;
  readonly options: Readonly<Record<string, string>> | undefined;
}

function tunedOptions(before: MountRecord, options: Readonly<Record<string, string>>): MountRecord['options'] {
  // As Vault: an empty one is taken out.
  return Object.fromEntries(Object.entries({ ...before.options, ...options }).filter(([, value]) => value !== ''));
}

function tablePaths(table: MountTableName) {
  const { area, thing } = words[table];
  const mountList = at(area, {
    help: `All ${thing}s.`,
    namespaces: true,
    fields: {},
    operations: {
      read: {
        summary: `List ${thing}s`,
        writes: 'nothing',
        replies: { 200: 'any' },
        run: (node, _values, call) => {
          const entries = tableOf(node, call, table).map((mounted) => [mounted.record.path, describeMount(mounted)]);
          return { ...reply.ok(Object.fromEntries(entries) as JsonObject), flat: true };
        },
      },
    },
  });
  return [mountList, tunePath(table), mountOne(table)];
}

function mountOne(table: MountTableName) {
  const { area, thing } = words[table];
  return at(`${area}/:path...`, {
    help: `Enables, shows and disables one ${thing}.`,
    namespaces: true,
    ...(table === 'auth' ? { access: 'root' as const } : {}),
    fields: {
      path,
      type: field.string(`Type of the ${thing}.`, { default: '' }),
      description: field.string('For people.', { default: '' }),
      config: field.object('Configuration, as in tune.', { default: {} }),
      options: field.map('Options of the type, such as version = 2 for kv.'),
      local: field.boolean('Contents stay in the region where they are written.', { default: false }),
      seal_wrap: field.boolean('Kept for old clients; has no effect.', { default: false }),
      external_entropy_access: field.boolean('Kept for old clients; has no effect.', { default: false }),
      plugin_name: field.string('Kept for old clients; has no effect.'),
      plugin_version: field.string('Kept for old clients; has no effect.'),
    },
    operations: {
      read: {
        summary: `Show a ${thing}`,
        writes: 'nothing',
        replies: { 200: 'any' },
        run: (node, values, call) => {
          const shown = describeMount(found(node, call, table, values.path));
          return { ...reply.ok(shown), flat: true };
        },
      },
      update: {
        summary: `Enable a ${thing}`,
        writes: 'shared',
        replies: { 204: 'empty' },
        run: (node, values, call) => enable(node, call, table, values),
      },
      delete: {
        summary: `Disable a ${thing} and delete its data`,
        writes: 'shared',
        replies: { 204: 'empty' },
        run: async (node, values, call) => {
          const key = words[table].prefix + mountPath(values.path);
          const mounted = node.services.mounts.at(call.namespace.id, key);
          if (mounted === undefined) return reply.empty;
          const { mountChanges, revocation } = node.services;
          using _emptied = await emptyMount(node.services, mounted);
          await mountChanges.disable(call.namespace.id, mounted.record);
          if (table === 'auth') await revocation.revokeLogins(call.namespace.id, mounted.record.uuid);
          return reply.empty;
        },
      },
    },
  });
}

function tunePath(table: MountTableName) {
  const { area, thing } = words[table];
  return at(`${area}/:path.../tune`, {
    help: `Settings of one ${thing}.`,
    namespaces: true,
    ...(table === 'auth' ? { access: 'root' as const } : {}),
    fields: {
      path,
      ...configFields,
      description: field.string('For people.'),
      options: field.map('Options of the type.'),
    },
    operations: {
      read: {
        summary: `Read the settings of a ${thing}`,
        writes: 'nothing',
        replies: { 200: 'any' },
        run: (node, values, call) => {
          const mounted = found(node, call, table, values.path);
          return { ...reply.ok(describeTune(mounted, node.services.ttl(mounted.record.config))), flat: true };
        },
      },
      update: {
        summary: `Change the settings of a ${thing}`,
        writes: 'shared',
        replies: { 204: 'empty' },
        run: (node, values, call) => tune(node, call, found(node, call, table, values.path), values),
      },
    },
  });
}

export const mountPaths = [...tablePaths('secret'), ...tablePaths('auth')];
