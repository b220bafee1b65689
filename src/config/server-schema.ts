/** The keys of a server configuration: Vault's and OpenBao's names, and Lockstep's own for hub and regions. */
import { initialize } from './initialize-schema.ts';
import { key } from './kinds.ts';
import { checkListener, tcpKeys, unixKeys } from './listener-schema.ts';
import { lockoutKeys } from './lockout-schema.ts';
import { snapshot } from './snapshot-schema.ts';
import { seal } from './seal-schema.ts';
import { alias, ignored, ignoredAll, many, named, one, section, settings, textMap } from './schema.ts';

const DAY = 86_400;

/** Where processes log to; the agent takes the same keys. */
export const logKeys = {
  log_level: key.oneOf(['trace', 'debug', 'info', 'warn', 'error'])('What is logged.', {
    default: 'info',
    env: 'LOG_LEVEL',
    flag: true,
  }),
  log_format: key.oneOf(['standard', 'json'])('Form of a log line.', {
    default: 'standard',
    env: 'LOG_FORMAT',
    flag: true,
  }),
  log_file: key.path('A file to log to besides standard error.', { env: 'LOG_FILE', flag: true }),
  pid_file: key.path('A file that holds the process id while it runs.'),
  ...ignoredAll('rotate the file from outside and send SIGHUP', [
    'log_rotate_duration',
    'log_rotate_bytes',
    'log_rotate_max_files',
  ]),
} as const;

const raftOnly = ignoredAll('the store is not raft', [
  'node_id',
  'performance_multiplier',
  'trailing_logs',
  'snapshot_threshold',
  'snapshot_interval',
  'max_entry_size',
  'max_mount_and_namespace_table_entry_size',
  'max_transaction_size',
  'autopilot_reconcile_interval',
  'autopilot_update_interval',
  'autopilot_upgrade_version',
  'autopilot_redundancy_zone',
  'retry_join',
  'retry_join_as_non_voter',
  'raft_wal',
  'raft_log_verifier_enabled',
  'raft_log_verification_interval',
]);
const storagePath = key.path('The data directory.', { required: true });

const storage = one('Where the state lies.', {
  lmdb: { path: storagePath },
  inmem: {},
  raft: { path: storagePath, ...raftOnly },
  file: { path: storagePath },
});

const listener = many('Where the API is served; can be repeated.', { tcp: tcpKeys, unix: unixKeys }, checkListener);

const audit = named('An audit device, made at start: its type and its path.', {
  labels: ['type', 'path'],
  many: true,
  keys: {
    description: key.text('What it is for.', { default: '' }),
    local: key.boolean('Not carried to other regions.', { default: false }),
    options: textMap('Options of the device, as `sys/audit` takes them.'),
  },
  check: ({ type }) =>
    ['file', 'http', 'socket', 'syslog'].includes(type)
      ? undefined
      : 'the types of audit devices are "file", "http", "socket" and "syslog"',
});

const telemetry = settings('Metrics.', {
  prometheus_retention_time: key.duration('0 turns metrics for Prometheus off; any other time turns them on.', {
    default: DAY,
  }),
  metrics_prefix: ignored('the names of metrics are fixed'),
  disable_hostname: ignored('host names are never part of the names of metrics'),
  enable_hostname_label: ignored('the scraper adds the instance'),
  ...ignoredAll('metrics are collected by Prometheus', [
    'statsite_address',
    'statsd_address',
    'dogstatsd_addr',
    'dogstatsd_tags',
    'circonus_api_token',
    'circonus_api_app',
    'circonus_api_url',
    'circonus_submission_interval',
    'circonus_submission_url',
    'circonus_check_id',
    'circonus_check_force_metric_activation',
    'circonus_check_instance_id',
    'circonus_check_search_tag',
    'circonus_check_display_name',
    'circonus_check_tags',
    'circonus_broker_id',
    'circonus_broker_select_tag',
    'stackdriver_project_id',
    'stackdriver_location',
    'stackdriver_namespace',
    'stackdriver_debug_logs',
  ]),
  ...ignoredAll('there are no such gauges', [
    'usage_gauge_period',
    'maximum_gauge_cardinality',
    'lease_metrics_epsilon',
    'num_lease_metrics_buckets',
    'add_lease_metrics_namespace_labels',
    'add_mount_point_rollback_metrics',
    'rollback_metrics_include_mount_point',
  ]),
  ...ignoredAll('the scraper filters metrics', ['filter_default', 'prefix_filter']),
});

/** Lockstep's own: which role this node has, and what that role keeps and promises. */
const regionKeys = {
  region: named('Makes this node a region of a hub; the label is its name there.', {
    labels: ['name'],
    many: false,
    keys: {
      hub: key.address("The hub's address for regions, its `cluster_address`.", { required: true }),
      join_token_file: key.path(
        'File with the one-time token of `lockstep regions add`; needed until the region has enrolled. ' +
          'Or LOCKSTEP_JOIN_TOKEN; never an argument.',
      ),
    },
    check: ({ name, hub }) => {
      if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) {
        return 'a region is named with up to 63 lower-case letters, digits and inner dashes';
      }
      return hub.host === '' || hub.port === 0 ? '`hub` needs a host and a port' : undefined;
    },
  }),
  hub: section('Makes this node the hub, which its regions connect to.', {
    cluster_address: key.address("Where to listen for regions; by default the first tcp listener's."),
  }),
  staleness_budget: key.duration('How long a region that is cut off from its hub serves what it holds.', {
    default: DAY,
  }),
  offline_login_max: key.duration('How long logins work in a region that is cut off from its hub.', {
    default: DAY / 2,
  }),
  log_retention: key.duration('How long the log is kept for regions and consumers that are behind.', {
    default: 7 * DAY,
  }),
  log_retention_bytes: key.bytes('How large the log may grow before its oldest part goes.', { default: 1024 ** 3 }),
  ack: key.oneOf(['hub'])('What an acknowledged write is flushed on; `hub` is all that is offered yet.', {
    default: 'hub',
  }),
} as const;

const withoutMeaning = {
  ...ignoredAll('the store keeps its data in memory-mapped pages', ['cache_size', 'disable_cache']),
  enable_multiseal: ignored('several seals need no switch'),
  disable_mlock: ignored('memory is not locked: keep swap off or encrypted'),
  ...ignoredAll('the store is also the lock', ['ha_storage', 'ha_backend']),
  service_registration: ignored('services are found by their address'),
  ...ignoredAll('every engine is built in', [
    'plugin_directory',
    'plugin_tmpdir',
    'plugin_file_uid',
    'plugin_file_permissions',
    'plugin_download_behavior',
    'plugin_download_max_size',
    'plugin_auto_download',
    'plugin_auto_register',
    'plugin_oci_auth',
    'plugin',
    'plugins',
  ]),
  ui: ignored('there are no web pages yet'),
  ...ignoredAll('there is no such endpoint', ['introspection_endpoint', 'raw_storage_endpoint', 'enable_raw_endpoint']),
  ...ignoredAll('TLS between nodes is not configurable', ['cluster_cipher_suites', 'disable_clustering']),
  ...ignoredAll('every node serves reads', ['disable_performance_standby', 'disable_standby_reads']),
  ...ignoredAll('it belongs to an edition that Lockstep has no counterpart of', [
    'license_path',
    'entropy',
    'disable_sealwrap',
    'disable_indexing',
    'disable_sentinel_trace',
    'sentinel',
    'replication',
    'reporting',
    'experiments',
    'administrative_namespace_path',
    'hcp_link',
    'cloud',
    'request_limiter',
  ]),
  ...ignoredAll('there is nothing to set', [
    'disable_printable_check',
    'disable_ssc_tokens',
    'disable_ssct_tokens',
    'detect_deadlocks',
    'imprecise_lease_role_tracking',
    'enable_response_header_hostname',
    'enable_response_header_raft_node_id',
    'enable_post_unseal_trace',
    'post_unseal_trace_directory',
    'remove_irrevocable_lease_after',
    'log_requests_level',
    'unsafe_cross_namespace_identity',
    'unsafe_relative_paths',
    'feature_flags',
  ]),
  enable_unauthenticated_access: ignored('sensitive operations always need a token or shares'),
} as const;

export const serverKeys = {
  listener,
  storage,
  backend: alias('storage'),
  seal,
  audit,
  initialize,
  snapshot,
  telemetry,
  workers: key.count(
    'Threads that serve reads beside the first one, which writes, from the start on. By default they are started when reads need them, up to ' +
      'one less than the machine has processors (on Linux; 0 elsewhere); 0 serves everything on one thread. In memory there are none.',
  ),
  api_addr: key.url('URL that clients reach this node by: identity tokens name it as their issuer.', {
    env: 'API_ADDR',
  }),
  cluster_addr: key.url('URL that regions reach this hub by; join tokens carry it.', { env: 'CLUSTER_ADDR' }),
  cluster_name: key.text('Name of this cluster; generated by default.'),
  ...logKeys,
  default_lease_ttl: key.duration('TTL of tokens and leases that ask for none.', { default: 32 * DAY }),
  max_lease_ttl: key.duration('Longest TTL of tokens and leases.', { default: 32 * DAY }),
  default_max_request_duration: key.duration('How long a request may take.', { default: 90 }),
  allow_unauthenticated_workflows: key.boolean(
    'Let workflows that allow it be run without a token: `sys/workflows/unauthed-execute`.',
    { default: false },
  ),
  unsafe_allow_api_audit_creation: key.boolean(
    'Let the API make audit devices at any path and address, not only in `allow_audit_paths` and `allow_audit_addresses`.',
    {
      default: false,
    },
  ),
  allow_audit_log_prefixing: key.boolean('Let audit devices put a prefix before each line.', { default: false }),
  allow_audit_paths: key.list('Directories and files that audit devices made by the API may write to.', {
    default: [],
  }),
  allow_audit_addresses: key.list(
    'Addresses that audit devices made by the API may send to: `HOST:PORT`, the path of a socket, or a URL; what ends in `/` allows all below.',
    { default: [] },
  ),
  allow_bundle_paths: key.list('Directories and files that the auth method `spiffe` may read trust bundles from.', {
    default: [],
  }),
  audit_spool_limit: key.bytes('What may wait for one remote audit device; beyond it requests are refused.', {
    default: 1024 ** 3,
  }),
  ...lockoutKeys,
  ...regionKeys,
  ...withoutMeaning,
} as const;
