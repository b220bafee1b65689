/** Secrets engines and auth methods: their places and settings, not yet what is in them. */
import type { Client } from '../../client/client.ts';
import { isObject } from '../../client/json.ts';
import type { Data } from '../pairs.ts';
import { normal, settle, withResets, type Definition } from './definition.ts';
import { strangeness } from './names.ts';
import { again, readData, structural, type Run, type Scope } from './run.ts';

export interface Mount {
  /** With a closing slash. */
  readonly path: string;
  readonly type: string;
  /** Of a `kv` mount. */
  readonly version: string;
  readonly description: Data;
}

export type Table = 'mounts' | 'auth';

/** There from the start in every namespace. */
const BUILT_IN = new Set(['system', 'cubbyhole', 'identity', 'token', 'agent_registry']);

/** Of `config`, what both sides know. */
const TUNABLE = [
  'default_lease_ttl',
  'max_lease_ttl',
  'audit_non_hmac_request_keys',
  'audit_non_hmac_response_keys',
  'listing_visibility',
  'passthrough_request_headers',
  'allowed_response_headers',
];
/** Two names of one thing. */
const DEFAULT_TYPES = new Set<unknown>(['default', 'default-service']);
const UNTOLD = new Set([...TUNABLE, 'token_type', 'force_no_cache', 'plugin_version']);

export async function mountsOf(client: Client | undefined, table: Table): Promise<readonly Mount[]> {
  const found = (await readData(client, `sys/${table}`)) ?? {};
  return Object.entries(found).flatMap(([path, value]) => (isObject(value) ? [mountOf(path, value)] : []));
}

function mountOf(path: string, found: Data): Mount {
  const type = String(found['type']).replace(/^ns_/, '');
  const options = isObject(found['options']) ? found['options'] : {};
  // Vault's first name of version 1.
  const kv = type === 'generic' ? 'kv' : type;
  const version = kv === 'kv' ? (options['version'] === '2' ? '2' : '1') : '';
  const config = isObject(found['config']) ? found['config'] : {};
  const tuned = Object.fromEntries(TUNABLE.flatMap((name) => (name in config ? [[name, config[name]]] : [])));
  const tokenType = DEFAULT_TYPES.has(config['token_type']) ? undefined : config['token_type'];
  const description = {
    type: kv,
    description: found['description'],
    local: found['local'] === true,
    ...(kv === 'kv' ? { options: { version } } : {}),
    ...tuned,
    ...(tokenType === undefined ? {} : { token_type: tokenType }),
    unknown: Object.keys(normal(config)).filter((name) => !UNTOLD.has(name)),
  };
  return { path, type: kv, version, description };
}

/** Makes the mounts, and resolves with those that are, or would be, at the target as they are at the source. */
export async function settleMounts(run: Run, scope: Scope, table: Table): Promise<readonly Mount[]> {
  const [listed, targets] = await Promise.all([mountsOf(scope.source, table), mountsOf(scope.target, table)]);
  const sources = canonical(run, scope, listed);
  const offered = await offeredBy(scope.target ?? run.root, table);
  const usable: Mount[] = [];
  for (const mount of sources) {
    const path = `${scope.path}${table === 'auth' ? 'auth/' : ''}${mount.path}`;
    if (!run.filter.reaches(path)) continue;
    if (BUILT_IN.has(mount.type)) {
      if (mount.type === 'token') await settleBuiltIn(run, scope, mount);
      continue;
    }
    const kind = table === 'auth' ? 'auth mount' : 'mount';
    if (!offered.has(mount.type)) {
      run.report.add({ kind, path, outcome: 'uncopied', reason: `the target has no "${mount.type}"` });
      continue;
    }
    // Without it, each of its contents would only be refused by name too.
    if (!(await settle(structural(run), scope, { ...definitionOf(mount, table), kind }))) continue;
    const target = targets.find((each) => each.path === mount.path);
    if (target === undefined || differs(mount.description, target.description) === undefined) usable.push(mount);
  }
  return usable;
}

/** A mount's path can have several segments; those of the others are told. */
function canonical(run: Run, scope: Scope, mounts: readonly Mount[]): readonly Mount[] {
  return mounts.filter(({ path }) => {
    const reason = strangeness(path);
    if (reason !== undefined) run.report.add({ kind: 'mount', path: scope.path + path, outcome: 'failed', reason });
    return reason === undefined;
  });
}

async function offeredBy(client: Client, table: Table): Promise<ReadonlySet<unknown>> {
  const list = (await readData(client, 'sys/plugins/catalog'))?.[table === 'auth' ? 'auth' : 'secret'];
  return new Set(Array.isArray(list) ? list : []);
}

function differs(source: Data, target: Data): string | undefined {
  const [one, other] = [source, target].map((data) => `${String(data['type'])} ${versionOf(data)}`.trim());
  if (one !== other) return `the source has ${String(one)}, the target ${String(other)}: move one of them first`;
  if (source['local'] !== target['local']) return 'one of them is local, the other is not: move one of them first';
  return undefined;
}

const versionOf = ({ options }: Data): string =>
  isObject(options) ? `version ${JSON.stringify(options['version'])}` : '';

function definitionOf(mount: Mount, table: Table): Omit<Definition, 'kind'> {
  const path = `sys/${table}/${mount.path.slice(0, -1)}`;
  const { unknown, ...source } = mount.description;
  return {
    path,
    source: () => Promise.resolve(source),
    target: async (client) => described((await mountsOf(client, table)).find((each) => each.path === mount.path)),
    incompatible: differs,
    note: () =>
      Array.isArray(unknown) && unknown.length > 0 ? `settings that are not taken: ${unknown.join(', ')}` : undefined,
    write: async (client, wanted, before) => {
      const { type, description, local, options, ...config } =
        before === undefined ? wanted : withResets(wanted, before);
      if (before === undefined) await client.write(path, { type, description, local, options, config }, again);
      else
        await client.write(
          `sys/mounts/${table === 'auth' ? 'auth/' : ''}${mount.path}tune`,
          { description, ...config },
          again,
        );
    },
  };
}

function described(mount: Mount | undefined): Data | undefined {
  if (mount === undefined) return undefined;
  const { unknown: _unknown, ...rest } = mount.description;
  return rest;
}

/** `auth/token` cannot be made, only tuned. One that nobody tuned has nothing to copy. */
async function settleBuiltIn(run: Run, scope: Scope, mount: Mount): Promise<void> {
  const definition = definitionOf(mount, 'auth');
  const tuned = ({ type: _type, description: _description, local: _local, ...rest }: Data): Data => rest;
  const untouched = (data: Data): boolean => Object.keys(normal(data)).length === 0;
  const source = tuned((await definition.source()) ?? {});
  if (untouched(source)) return;
  await settle(structural(run), scope, {
    ...definition,
    ...{ kind: 'auth mount', untouched },
    source: () => Promise.resolve(source),
    target: async (client) => tuned((await definition.target(client)) ?? {}),
    write: async (client, wanted, before) => {
      await client.write(`sys/mounts/auth/${mount.path}tune`, withResets(wanted, before), again);
    },
  });
}
