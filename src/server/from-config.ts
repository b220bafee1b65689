/** From the configuration's listeners to what the HTTP server is told. */
import { keyExchangeGroups } from '../config/key-exchange.ts';
import { customHeaders } from '../config/response-headers.ts';
import type { Listener } from '../config/server.ts';
import { defined } from '../lib/defined.ts';
import { groupId, userId } from '../lib/system-account.ts';
import { acmeSettings } from './acme/settings.ts';
import { placeOf } from './acme/place.ts';
import type { Limits, ListenerSettings, TlsSettings, TlsVersion } from './listener.ts';

const seconds = (value: number): number => value * 1000;
const TLS_VERSIONS: Readonly<Record<'tls12' | 'tls13', TlsVersion>> = { tls12: 'TLSv1.2', tls13: 'TLSv1.3' };

function limits(listener: Listener): Partial<Limits> {
  return {
    maxBody: listener.max_request_size,
    maxJsonDepth: listener.max_json_depth,
    maxJsonString: listener.max_json_string_value_length,
    maxJsonKeys: listener.max_json_object_entry_count,
    maxJsonElements: listener.max_json_array_element_count,
    maxJsonStrings: listener.max_request_json_strings,
    maxJsonMemory: listener.max_request_json_memory,
    maxTokenBytes: listener.max_token_header_size,
    headerTimeout: seconds(listener.http_read_header_timeout),
    readTimeout: seconds(listener.http_read_timeout),
    idleTimeout: seconds(listener.http_idle_timeout),
    maxDuration: seconds(listener.max_request_duration),
  };
}

type Tcp = Extract<Listener, { type: 'tcp' }>;

function clientCert(listener: Tcp): NonNullable<TlsSettings['clientCert']> {
  if (listener.tls_disable_client_certs) return 'off';
  return listener.tls_require_and_verify_client_cert ? 'required' : 'optional';
}

type Files = Pick<TlsSettings, 'certFile' | 'keyFile' | 'challenges'>;

/** Where an ACME client of ours puts them, or where they are put by somebody else. */
function filesOf(listener: Tcp): Files | undefined {
  const acme = acmeSettings(listener);
  if (acme !== undefined) {
    const { certificate, challenges } = placeOf(acme);
    const answers = acme.challenges.includes('tls-alpn-01') ? { challenges } : {};
    return { certFile: certificate, keyFile: certificate, ...answers };
  }
  const { tls_cert_file: certFile, tls_key_file: keyFile } = listener;
  return certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile };
}

function tls(listener: Tcp): TlsSettings | undefined {
  const { tls_client_ca_file: clientCaFile } = listener;
  const files = filesOf(listener);
  if (listener.tls_disable || files === undefined) return undefined;
  const ciphers = listener.tls_cipher_suites.join(':');
  return {
    ...files,
    minVersion: TLS_VERSIONS[listener.tls_min_version],
    maxVersion: TLS_VERSIONS[listener.tls_max_version],
    ...(ciphers === '' ? {} : { ciphers }),
    ...defined({ groups: keyExchangeGroups(listener.tls_key_exchange_preferences) }),
    ...(clientCaFile === undefined ? {} : { clientCaFile }),
    clientCert: clientCert(listener),
  };
}

function metrics(listener: Listener): NonNullable<ListenerSettings['metrics']> {
  if (listener.metrics_only) return 'only';
  return listener.disallow_metrics ? 'never' : 'too';
}

export function listenerSettings(listener: Listener): ListenerSettings {
  const { redact_addresses: addresses, redact_cluster_name: clusterName, redact_version: version } = listener;
  const common = {
    ...defined({ chroot: listener.chroot_namespace, headers: customHeaders(listener.custom_response_headers) }),
    ...(addresses || clusterName || version ? { redacted: { addresses, clusterName, version } } : {}),
    limits: limits(listener),
    unauthenticatedMetrics: listener.telemetry.unauthenticated_metrics_access,
    unauthenticatedRekey: !listener.disable_unauthed_rekey_endpoints,
    unauthenticatedGenerateRoot: !listener.disable_unauthed_generate_root_endpoints,
    metrics: metrics(listener),
  };
  if (listener.type === 'unix') {
    const { address: path, socket_mode: mode, socket_user: user, socket_group: group } = listener;
    return {
      ...{ kind: 'unix', path, mode, ...common },
      ...(user === undefined ? {} : { user: userId(user) }),
      ...(group === undefined ? {} : { group: groupId(group) }),
    };
  }
  const { host, port } = listener.address;
  const secured = tls(listener);
  const authorized = listener.x_forwarded_for_authorized_addrs;
  return {
    ...{ kind: 'tcp', host, port, ...common },
    ...(secured === undefined ? {} : { tls: secured }),
    ...(authorized.length === 0
      ? {}
      : {
          forwardedFor: {
            authorized,
            hopSkips: listener.x_forwarded_for_hop_skips,
            rejectNotPresent: listener.x_forwarded_for_reject_not_present,
            rejectNotAuthorized: listener.x_forwarded_for_reject_not_authorized,
          },
        }),
  };
}
