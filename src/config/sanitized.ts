/** A server's configuration as `sys/config/state/sanitized` shows it: what is named here, and nothing else. */
import type { JsonObject } from '../framework/field.ts';
import { formatAddress } from './address.ts';
import { shownSnapshot } from './snapshot.ts';
import type { Listener, ServerConfig } from './server.ts';

function listenerOf(listener: Listener): JsonObject {
  if (listener.type === 'unix') return { type: 'unix', config: { address: listener.address } };
  return {
    type: 'tcp',
    config: { address: formatAddress(listener.address), tls_disable: listener.tls_disable },
  };
}

/** Vault's names. Keys of seals, tokens and contents of options never come in. */
export function sanitizedConfig(config: ServerConfig): JsonObject {
  const { storage, seal, region, hub } = config;
  return {
    api_addr: config.api_addr ?? '',
    cluster_addr: config.cluster_addr ?? '',
    cluster_name: config.cluster_name ?? '',
    default_lease_ttl: config.default_lease_ttl,
    max_lease_ttl: config.max_lease_ttl,
    default_max_request_duration: config.default_max_request_duration,
    log_level: config.log_level,
    log_format: config.log_format,
    pid_file: config.pid_file ?? '',
    workers: config.workers ?? null,
    listeners: config.listener.map(listenerOf),
    storage: { type: storage.type, ...(storage.type === 'lmdb' ? { path: storage.path } : {}) },
    seals: seal.map(({ type, name, priority, disabled }) => ({ type, name, priority, disabled })),
    snapshots: config.snapshot.map((each) => ({ name: each.name, ...shownSnapshot(each) })),
    audits: config.audit.map(({ type, path, description }) => ({ type, path: `${path}/`, description })),
    allow_unauthenticated_workflows: config.allow_unauthenticated_workflows,
    allow_audit_log_prefixing: config.allow_audit_log_prefixing,
    unsafe_allow_api_audit_creation: config.unsafe_allow_api_audit_creation,
    allow_audit_paths: config.allow_audit_paths,
    allow_audit_addresses: config.allow_audit_addresses,
    allow_bundle_paths: config.allow_bundle_paths,
    audit_spool_limit: config.audit_spool_limit,
    telemetry: { prometheus_retention_time: config.telemetry.prometheus_retention_time },
    region: region === undefined ? null : { name: region.name, hub: formatAddress(region.hub) },
    hub: hub === undefined ? null : { cluster_address: formatAddress(hub.cluster_address) },
    staleness_budget: config.staleness_budget,
    offline_login_max: config.offline_login_max,
    log_retention: config.log_retention,
    log_retention_bytes: config.log_retention_bytes,
  };
}
