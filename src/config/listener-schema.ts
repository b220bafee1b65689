/** The keys of `listener "tcp"` and `listener "unix"`, with Vault's and OpenBao's names. */
import { key } from './kinds.ts';
import { keyExchangeProblem } from './key-exchange.ts';
import { headersProblem } from './response-headers.ts';
import { alias, free, ignored, ignoredAll, refusedAll, settings, type OneOf } from './schema.ts';

const MIB = 1024 * 1024;

/** TLS of a listener; the agent's listeners take the same keys. */
export const tlsKeys = {
  tls_disable: key.boolean('Serve plain HTTP.', { default: false }),
  tls_cert_file: key.path('Certificate chain in PEM, the leaf first. Read again on SIGHUP and when it changes.'),
  tls_key_file: key.path('Private key in PEM. Read again with the certificate.'),
  tls_client_ca_file: key.path(
    'CA certificates in PEM that client certificates are checked against; auth methods have authorities of their own.',
  ),
  tls_require_and_verify_client_cert: key.boolean('Refuse connections without a valid client certificate.', {
    default: false,
  }),
  tls_disable_client_certs: key.boolean(
    'Do not ask clients for a certificate: browsers show no dialogue, sessions are resumed, and nobody logs in by one.',
    { default: false },
  ),
  tls_min_version: key.tlsMinimum('Oldest TLS version; `tls10` and `tls11` are raised to `tls12`.', {
    default: 'tls12',
  }),
  tls_max_version: key.tlsMaximum('Newest TLS version.', { default: 'tls13' }),
  tls_cipher_suites: key.list('Cipher suites of TLS 1.2, by their IANA names; empty leaves the choice to Node.', {
    default: [],
  }),
  tls_prefer_server_cipher_suites: ignored('the server always prefers its own order'),
} as const;

/** Only listeners of a server have it. */
interface AcmeValues {
  readonly tls_acme_domains?: readonly string[];
  readonly tls_acme_ca_directory?: string | undefined;
  readonly tls_acme_cache_path?: string | undefined;
  readonly tls_acme_eab_key_id?: string | undefined;
  readonly tls_acme_eab_mac_key?: unknown;
  readonly tls_acme_disable_http_challenge?: boolean;
  readonly tls_acme_disable_alpn_challenge?: boolean;
}

/** Wildcards need a challenge by DNS, which is not answered (RFC 8555, section 7.1.3); addresses are no names. */
const DOMAIN = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?=[a-z0-9-]*[a-z])[a-z0-9-]{1,63}$/;
const LOOPBACK = /^http:\/\/(?:127\.[\d.]+|localhost|\[::1\])(?::\d+)?(?:\/|$)/;

function acmeProblem(given: AcmeValues & { readonly tls_cert_file: string | undefined }): string | undefined {
  const { tls_acme_domains: domains = [], tls_acme_ca_directory: directory = '' } = given;
  if (given.tls_cert_file !== undefined) return '`tls_acme_domains` and `tls_cert_file` exclude each other';
  const wrong = domains.find((domain) => !DOMAIN.test(domain));
  if (wrong !== undefined)
    return `\`tls_acme_domains\`: "${wrong}" is no name in small letters, such as "vault.example.org"`;
  if (directory === '') return '`tls_acme_domains` needs `tls_acme_ca_directory`';
  if (!directory.startsWith('https://') && !LOOPBACK.test(directory)) {
    return '`tls_acme_ca_directory` must be https: http is for this machine alone';
  }
  if (given.tls_acme_cache_path === undefined) return '`tls_acme_domains` needs `tls_acme_cache_path`';
  if ((given.tls_acme_eab_key_id === undefined) !== (given.tls_acme_eab_mac_key === undefined)) {
    return '`tls_acme_eab_key_id` and `tls_acme_eab_mac_key` go together';
  }
  return given.tls_acme_disable_http_challenge === true && given.tls_acme_disable_alpn_challenge === true
    ? 'with both challenges disabled ACME cannot give a certificate'
    : undefined;
}

interface TlsValues extends AcmeValues {
  readonly tls_disable: boolean;
  readonly tls_cert_file: string | undefined;
  readonly tls_key_file: string | undefined;
  readonly tls_client_ca_file: string | undefined;
  readonly tls_require_and_verify_client_cert: boolean;
  readonly tls_disable_client_certs: boolean;
  readonly tls_min_version: 'tls12' | 'tls13';
  readonly tls_max_version: 'tls12' | 'tls13';
}

/** What is wrong with the TLS keys of a listener together. */
export function checkTls(tls: TlsValues): string | undefined {
  if (tls.tls_min_version === 'tls13' && tls.tls_max_version === 'tls12')
    return '`tls_min_version` is above `tls_max_version`';
  if (tls.tls_require_and_verify_client_cert && tls.tls_disable_client_certs) {
    return '`tls_require_and_verify_client_cert` and `tls_disable_client_certs` exclude each other';
  }
  if (tls.tls_require_and_verify_client_cert && tls.tls_client_ca_file === undefined && !tls.tls_disable) {
    return '`tls_require_and_verify_client_cert` needs `tls_client_ca_file`, the authorities to verify by';
  }
  if (tls.tls_disable) {
    return tls.tls_require_and_verify_client_cert ? '`tls_require_and_verify_client_cert` needs TLS' : undefined;
  }
  return sourceProblem(tls);
}

/** Where the certificate comes from. */
function sourceProblem(tls: TlsValues): string | undefined {
  if (tls.tls_acme_domains !== undefined && tls.tls_acme_domains.length > 0) return acmeProblem(tls);
  if (tls.tls_cert_file !== undefined && tls.tls_key_file !== undefined) return undefined;
  return 'TLS needs `tls_cert_file` and `tls_key_file`; for plain HTTP say `tls_disable = true`';
}

const limitKeys = {
  max_request_size: key.limit('Bytes of a request body; 0 is the default, a negative number is no limit.', 32 * MIB),
  max_request_duration: key.duration('How long a request may take; by default `default_max_request_duration`.'),
  max_request_json_memory: key.limit('Bytes of memory that a JSON body may need.', 32 * MIB + 512 * 1024),
  max_request_json_strings: key.limit('Keys and strings in a JSON body.', 100_000),
  max_json_depth: key.limit('Depth of a JSON body.', 300),
  max_json_string_value_length: key.limit('Bytes of one string in a JSON body.', MIB),
  max_json_object_entry_count: key.limit('Keys of one object in a JSON body.', 10_000),
  max_json_array_element_count: key.limit('Elements of one list in a JSON body.', 10_000),
  max_token_header_size: key.limit('Bytes of a token in a header.', 8192),
  http_read_timeout: key.duration('Time for a whole request, body included.', { default: 30 }),
  http_read_header_timeout: key.duration("Time for a request's headers.", { default: 10 }),
  http_write_timeout: ignored('`max_request_duration` bounds the reply too'),
  http_idle_timeout: key.duration('How long an idle connection is kept.', { default: 300 }),
} as const;

const accessKeys = {
  telemetry: settings('Metrics on this listener.', {
    unauthenticated_metrics_access: key.boolean('Serve metrics without a token.', { default: false }),
  }),
  chroot_namespace: key.namespace(
    'The namespace that this listener serves, with all below it: what a request names counts from there. By default all.',
  ),
  disallow_metrics: key.boolean('Do not serve metrics here.', { default: false }),
  metrics_only: key.boolean('Serve nothing but metrics here.', { default: false }),
  redact_addresses: key.boolean('Leave addresses of nodes out of what is told without a token.', { default: false }),
  redact_cluster_name: key.boolean('Leave the name of the cluster out of it.', { default: false }),
  redact_version: key.boolean('Leave the version and the date of the build out of it.', { default: false }),
  ...ignoredAll('there is no such endpoint', ['profiling', 'inflight_requests_logging']),
  ...ignoredAll('browsers of other origins are never admitted', [
    'cors_enabled',
    'cors_allowed_origins',
    'cors_allowed_headers',
    'cors_allow_credentials',
  ]),
  ...ignoredAll('a request that names an index waits for it, up to the time that all listeners have', [
    'consistency_max_index_wait',
    'consistency_fallback_behavior',
    'consistency_missing_header_forward',
  ]),
  custom_response_headers: free(
    'a block',
    'Headers of replies by status (`default`, `4xx`, `404`; the narrower one wins), each with a list of texts. Not those ' +
      'that the server needs itself, such as `Content-Type`, `Cache-Control` and `X-Vault-…`.',
  ),
  disable_unauthed_rekey_endpoints: key.boolean(
    'Ask for a token with sudo at `sys/rekey` and `sys/rekey-recovery-key`; false serves whoever reaches this listener.',
    { default: true },
  ),
  disable_unauthed_generate_root_endpoints: key.boolean(
    'Ask for a token with sudo at `sys/generate-root`; false serves whoever reaches this listener.',
    { default: true },
  ),
  disable_replication_status_endpoints: ignored('there are no replication status endpoints'),
  disable_request_limiter: ignored('there is no adaptive request limiter'),
  max_json_token: ignored('the other limits on JSON bound it'),
  require_request_header: ignored('it belongs to the agent'),
  ...ignoredAll('listeners serve the API', ['purpose', 'role']),
} as const;

const peerKeys = {
  ...refusedAll('the PROXY protocol is not read; use X-Forwarded-For', [
    'proxy_protocol_behavior',
    'proxy_protocol_authorized_addrs',
  ]),
  x_forwarded_for_authorized_addrs: key.networks('Peers whose X-Forwarded-For header counts; none, it is not read.', {
    default: [],
  }),
  x_forwarded_for_hop_skips: key.count('Addresses to skip from the end of the header.', { default: 0 }),
  x_forwarded_for_reject_not_authorized: key.boolean('Refuse the header from other peers.', { default: true }),
  x_forwarded_for_reject_not_present: key.boolean('Refuse authorised peers that send no header.', { default: true }),
  ...ignoredAll('certificates are taken from TLS connections only', [
    'x_forwarded_for_client_cert_header',
    'x_forwarded_for_client_cert_header_decoders',
    'x_forwarded_for_client_cert_decoders',
    'x_forwarded_for_client_cert_keep_not_forwarded',
    'x_forwarded_for_client_cert_keep_unauthorized',
  ]),
} as const;

const acmeKeys = {
  tls_acme_domains: key.list('Names to get a certificate for by ACME (RFC 8555), in place of `tls_cert_file`.', {
    default: [],
  }),
  tls_acme_ca_directory: key.endpoint('The directory of the ACME server: https, or http on this machine.'),
  tls_acme_ca_root: key.path(
    'CA certificates in PEM that the ACME server is verified by; by default those of the web.',
  ),
  tls_acme_cache_path: key.absolutePath(
    'A directory of the server’s user alone, for the account and the certificates with their keys, not encrypted.',
  ),
  tls_acme_email: key.text('Where the ACME server may write to.'),
  tls_acme_eab_key_id: key.text('Id of the key of an external account; goes with `tls_acme_eab_mac_key`.'),
  tls_acme_eab_mac_key: key.secret('That key, in base64url.'),
  tls_acme_key_type: key.oneOf(['p256', 'p384', 'rsa2048', 'rsa4096'])('Of the certificates.', { default: 'p256' }),
  tls_acme_disable_http_challenge: key.boolean('Never answer HTTP-01.', { default: false }),
  tls_acme_disable_alpn_challenge: key.boolean('Never answer TLS-ALPN-01, on this listener itself.', {
    default: false,
  }),
  tls_acme_http_challenge_port: key.count('Where HTTP-01 is answered, only while a certificate is ordered.', {
    default: 80,
  }),
  tls_acme_challenge_host: key.text('The address that HTTP-01 is answered on.', { default: '0.0.0.0' }),
  tls_acme_test_ca_directory: ignored('there is one directory'),
  tls_acme_alpn_challenge_port: ignored('TLS-ALPN-01 is answered on the listener itself'),
} as const;

export const tcpKeys = {
  address: key.address('Where to listen for the API; port 0 takes a free one.', {
    default: { host: '127.0.0.1', port: 8200 },
  }),
  cluster_address: key.address('Where a hub listens for its regions; by default the port above `address`.'),
  ...tlsKeys,
  tls_key_exchange_preferences: key.list(
    'How keys are agreed on, the preferred way first, by Go’s names: `X25519MLKEM768`, `X25519`, `CurveP256` …; others are not ' +
      'offered. Empty leaves the choice to Node.',
    { default: [] },
  ),
  ...ignoredAll('certificates are read anew whenever they change', ['tls_auto_reload', 'tls_auto_reload_interval']),
  ...limitKeys,
  ...accessKeys,
  ...peerKeys,
  ...acmeKeys,
} as const;

export const unixKeys = {
  address: key.absolutePath('Path of the socket.', { required: true }),
  path: alias('address'),
  socket_mode: key.mode('Permissions of the socket.', { default: 0o600 }),
  socket_user: key.owner('Owner of the socket.'),
  socket_group: key.owner('Group of the socket.'),
  ...limitKeys,
  ...accessKeys,
  tls_disable: ignored('sockets carry plain HTTP'),
} as const;

/** What is wrong with the keys of a listener together. */
export const checkListener = (value: OneOf<{ tcp: typeof tcpKeys; unix: typeof unixKeys }>): string | undefined =>
  (value.type === 'tcp' ? (checkTls(value) ?? keyExchangeProblem(value)) : undefined) ??
  headersProblem(value.custom_response_headers);
