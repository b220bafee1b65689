import { parseHcl, type Body } from '../lib/hcl/index.ts';
import { Secret } from '../lib/secret.ts';
import { formatAddress, type Address } from './address.ts';
import { readDocuments } from './documents.ts';
import { deepFreeze } from './freeze.ts';
import { judgeInitialize } from './initialize.ts';
import { overlayOf, secretVariable, variable, type Environment } from './overlay.ts';
import { Reader } from './reader.ts';
import type { Read } from './schema.ts';
import { keyMaterial, sealConfigs, type SealConfig } from './seals.ts';
import { serverKeys } from './server-schema.ts';
import { snapshotConfigs, type SnapshotConfig } from './snapshot.ts';

type Values = Read<typeof serverKeys>;
type GivenListener = Values['listener'][number];
type WithDuration<L> = L extends unknown
  ? Omit<L, 'max_request_duration'> & { readonly max_request_duration: number }
  : never;

/** A listener, with the request time that holds for it, in seconds. */
export type Listener = WithDuration<GivenListener>;
export type StorageConfig = { readonly type: 'inmem' } | { readonly type: 'lmdb'; readonly path: string };

/** This node is a region: its name at the hub, the hub's address, and what it enrols with. */
export interface RegionConfig {
  readonly name: string;
  readonly hub: Address;
  readonly join_token_file: string | undefined;
  /** From LOCKSTEP_JOIN_TOKEN; it goes before the file. */
  readonly join_token: Secret<string> | undefined;
}

/** This node is a hub. */
export interface HubConfig {
  /** Where it listens for its regions. */
  readonly cluster_address: Address;
  /** The URL that join tokens carry; undefined where only `cluster_addr` could say it (every address, or port 0). */
  readonly advertised: string | undefined;
}

/** `-dev`: in memory, initialised and unsealed at start. */
export interface DevConfig {
  readonly root_token_id: Secret<string> | undefined;
}

/** An audit device, with the variables that its options name as `env://NAME`. */
export type AuditConfig = Values['audit'][number] & { readonly variables: Readonly<Record<string, string>> };

/** A server's configuration, frozen. Durations are seconds, sizes bytes; a limit of Infinity is no limit. */
export interface ServerConfig extends Omit<
  Values,
  'listener' | 'storage' | 'seal' | 'region' | 'hub' | 'snapshot' | 'audit'
> {
  readonly audit: readonly AuditConfig[];
  readonly listener: readonly Listener[];
  readonly storage: StorageConfig;
  /** At least one; the ones that are enabled are `shamir` alone, or seals that unseal by themselves. */
  readonly seal: readonly SealConfig[];
  readonly region: RegionConfig | undefined;
  readonly hub: HubConfig | undefined;
  readonly snapshot: readonly SnapshotConfig[];
  readonly dev: DevConfig | undefined;
  /** What `env` sources of `initialize` blocks read, once: the variables may be gone at a later start. */
  readonly variable: (name: string) => string | undefined;
  /** For tests: where the process kills itself, from LOCKSTEP_FAILPOINTS. */
  readonly failpoints: string;
  /** What was accepted without effect and why, a line each, with its place. */
  readonly warnings: readonly string[];
}

export interface DevTlsFiles {
  readonly certificate: string;
  readonly key: string;
}

/** Text as it stood on the command line. */
export interface ServerFlags {
  readonly log_level?: string;
  readonly log_format?: string;
  readonly log_file?: string;
  readonly dev?: boolean;
  /** Also VAULT_DEV_ROOT_TOKEN_ID. */
  readonly dev_root_token_id?: string;
  /** Also VAULT_DEV_LISTEN_ADDRESS. */
  readonly dev_listen_address?: string;
  /** Files for -dev; without them it serves without TLS. */
  readonly dev_tls?: DevTlsFiles;
}

export interface ServerSources {
  /** Files and directories, as `-config` names them. */
  readonly files: readonly string[];
  readonly flags?: ServerFlags;
  /** By default the process's own. */
  readonly env?: Environment;
}

/** Reads a server's configuration. Throws `invalidConfig` with every problem, a line each, naming key and place. */
export function loadServerConfig({ files, flags = {}, env = process.env }: ServerSources): ServerConfig {
  return serverConfig(readDocuments(files), flags, env);
}

/** The names stand in texts and in the JSON of headers. One that is not set is left out: its device says so. */
function variablesIn(options: Readonly<Record<string, string>>, env: Environment): Readonly<Record<string, string>> {
  const names = Object.values(options).flatMap((text) => [...text.matchAll(/env:\/\/(\w+)/g)].map(([, name]) => name));
  return Object.fromEntries(names.flatMap((name = '') => (env[name] === undefined ? [] : [[name, env[name]]])));
}

/** As `loadServerConfig`, from documents that have been parsed. */
export function serverConfig(bodies: readonly Body[], flags: ServerFlags, env: Environment): ServerConfig {
  const reader = new Reader();
  const { dev, dev_root_token_id: token, dev_listen_address: address, dev_tls: tls, ...keyFlags } = flags;
  const all = dev === true ? [devDocument(reader, { address, tls }, env), ...bodies] : bodies;
  const values = reader.read(all, serverKeys, overlayOf(env, keyFlags));
  reader.finish();
  const listener = values.listener.map((given) => withDuration(given, values.default_max_request_duration));
  judgeTogether(reader, values);
  const config: ServerConfig = {
    ...values,
    listener,
    audit: values.audit.map((device) => ({ ...device, variables: variablesIn(device.options, env) })),
    storage: storageConfig(reader, values),
    seal: sealConfigs(reader, values.seal, env),
    region: values.region && { ...values.region, join_token: secretVariable(env, 'JOIN_TOKEN') },
    hub: hubConfig(reader, values),
    snapshot: snapshotConfigs(reader, values.snapshot, (name, source) => keyMaterial(reader, name, source, env)),
    dev: dev === true ? { root_token_id: devToken(token, env) } : undefined,
    variable: (name) => env[name],
    failpoints: env['LOCKSTEP_FAILPOINTS'] ?? '',
    warnings: reader.warnings,
  };
  judgeInitialize(reader, config);
  reader.finish();
  return deepFreeze(config);
}

function withDuration(listener: GivenListener, standard: number): Listener {
  return { ...listener, max_request_duration: listener.max_request_duration ?? standard };
}

/** What `-dev` stands for; files come after it and win. */
function devDocument(
  reader: Reader,
  { address: flag, tls }: { readonly address: string | undefined; readonly tls: DevTlsFiles | undefined },
  env: Environment,
): Body {
  const address = flag ?? variable(env, 'DEV_LISTEN_ADDRESS') ?? '127.0.0.1:8200';
  if (!/^(127\.[0-9.]+|localhost|\[::1\]):/.test(address)) {
    const how = tls === undefined ? 'unsealed and without TLS' : 'unsealed';
    reader.warn('-dev', `the development server listens beyond this machine, ${how}`);
  }
  // Which port it will be is not known yet where any will do.
  const reached = address.endsWith(':0') ? {} : { api_addr: `${tls === undefined ? 'http' : 'https'}://${address}` };
  const served = tls === undefined ? { tls_disable: true } : { tls_cert_file: tls.certificate, tls_key_file: tls.key };
  const document = { listener: { tcp: { address, ...served } }, storage: { inmem: {} }, ...reached };
  return parseHcl(JSON.stringify(document), '-dev');
}

function devToken(flag: string | undefined, env: Environment): Secret<string> | undefined {
  return flag === undefined ? secretVariable(env, 'DEV_ROOT_TOKEN_ID') : new Secret(flag);
}

function judgeTogether(reader: Reader, values: Values): void {
  if (values.listener.length === 0) {
    reader.problem('configuration', '`listener` is missing: listener "tcp" { address = "127.0.0.1:8200" … }');
  }
  if (values.default_lease_ttl > values.max_lease_ttl) {
    reader.problem('configuration', '`default_lease_ttl` is longer than `max_lease_ttl`');
  }
  if (values.region !== undefined && values.hub !== undefined) {
    reader.problem('configuration', '`region` and `hub` exclude each other: a node is one or the other');
  }
  const taken = new Set<string>();
  for (const { type, address } of values.listener) {
    const shown = type === 'tcp' ? formatAddress(address) : address;
    if (taken.has(shown)) reader.problem('configuration', `two listeners have the address ${shown}`);
    if (type === 'unix' || address.port !== 0) taken.add(shown);
  }
}

/** `raft` and `file` are taken as `lmdb`, so that Vault's files work; data that Vault wrote is not read. */
function storageConfig(reader: Reader, { storage }: Values): StorageConfig {
  if (storage === undefined) {
    reader.problem('configuration', '`storage` is missing: storage "lmdb" { path = "/var/lib/lockstep" }');
    return { type: 'inmem' };
  }
  if (storage.type === 'inmem') return { type: 'inmem' };
  if (storage.type !== 'lmdb') {
    reader.warn(
      'configuration',
      `storage "${storage.type}" is kept as "lmdb" in the same path; data of Vault is not read`,
    );
  }
  return { type: 'lmdb', path: storage.path };
}

/** A node is a hub if it says so or if a listener has a `cluster_address`, unless it is a region. */
function hubConfig(reader: Reader, { hub, region, listener, cluster_addr }: Values): HubConfig | undefined {
  const tcp = listener.filter((given) => given.type === 'tcp');
  const listed = tcp.flatMap(({ cluster_address }) => cluster_address ?? []);
  if (region !== undefined) {
    if (listed.length > 0)
      reader.warn('configuration', '`cluster_address` is ignored: a region has no regions of its own');
    return undefined;
  }
  const address = hub?.cluster_address ?? listed[0] ?? (hub && portAbove(tcp[0]?.address));
  if (address === undefined) {
    if (hub !== undefined) reader.problem('configuration', '`hub` needs a `cluster_address`');
    return undefined;
  }
  return { cluster_address: address, advertised: cluster_addr ?? reachable(address) };
}

function reachable(address: Address): string | undefined {
  const anywhere = ['', '0.0.0.0', '::'].includes(address.host) || address.port === 0;
  return anywhere ? undefined : `https://${formatAddress(address)}`;
}

function portAbove(address: Address | undefined): Address | undefined {
  return address && { host: address.host, port: address.port === 0 ? 0 : address.port + 1 };
}
