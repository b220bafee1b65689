/** What the configuration says about a listener's certificate by ACME. */
import type { Listener } from '../../config/server.ts';
import type { Secret } from '../../lib/secret.ts';

export type Challenge = 'tls-alpn-01' | 'http-01';
export type KeyType = 'p256' | 'p384' | 'rsa2048' | 'rsa4096';

export interface AcmeSettings {
  /** In small letters, at least one. */
  readonly domains: readonly string[];
  /** URL of the ACME server's directory (RFC 8555, section 7.1.1). */
  readonly directory: string;
  /** PEM file of the authorities that the ACME server is verified by. */
  readonly rootFile: string | undefined;
  readonly cachePath: string;
  readonly email: string | undefined;
  /** External account binding (RFC 8555, section 7.3.4). */
  readonly external: { readonly id: string; readonly key: Secret<string> } | undefined;
  readonly keyType: KeyType;
  /** At least one, the preferred one first. */
  readonly challenges: readonly Challenge[];
  /** Where HTTP-01 is answered. */
  readonly http: { readonly host: string; readonly port: number };
}

/** undefined where the certificate comes from elsewhere. */
export function acmeSettings(listener: Listener): AcmeSettings | undefined {
  if (listener.type !== 'tcp' || listener.tls_disable || listener.tls_acme_domains.length === 0) return undefined;
  const { tls_acme_ca_directory: directory, tls_acme_cache_path: cachePath } = listener;
  const { tls_acme_eab_key_id: id, tls_acme_eab_mac_key: key } = listener;
  if (directory === undefined || cachePath === undefined) return undefined;
  return {
    ...{ directory, cachePath, domains: listener.tls_acme_domains, rootFile: listener.tls_acme_ca_root },
    email: listener.tls_acme_email,
    external: id === undefined || key === undefined ? undefined : { id, key },
    keyType: listener.tls_acme_key_type,
    challenges: [
      ...(listener.tls_acme_disable_alpn_challenge ? [] : (['tls-alpn-01'] as const)),
      ...(listener.tls_acme_disable_http_challenge ? [] : (['http-01'] as const)),
    ],
    http: { host: listener.tls_acme_challenge_host, port: listener.tls_acme_http_challenge_port },
  };
}
