import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentOptions } from 'node:https';
import { getCACertificates } from 'node:tls';
import { checkedFor } from '../lib/server-name.ts';
import { ConnectionError } from './connection-error.ts';
import type { TlsSettings } from './settings.ts';

/** Whether the caller named the CAs to trust; if not, the built-in ones count. */
function namesCa(settings: TlsSettings): boolean {
  return settings.caCert !== undefined || settings.caPath !== undefined || settings.caCertText !== undefined;
}

/** `systemCa` adds the CAs of this machine to the built-in ones; reading them takes some 70 ms. */
export function tlsOptions(settings: TlsSettings, systemCa: boolean): AgentOptions {
  const ca = namesCa(settings) ? namedCa(settings) : systemCa ? trustedHere() : undefined;
  return {
    minVersion: 'TLSv1.2',
    ...(ca === undefined ? {} : { ca }),
    ...ownCertificate(settings),
    ...(settings.serverName === undefined ? {} : checkedFor(settings.serverName)),
    ...(settings.skipVerify === true ? { rejectUnauthorized: false } : {}),
  };
}

function ownCertificate({ clientCert, clientKey, clientCertText, clientKeyText }: TlsSettings): AgentOptions {
  const cert = clientCertText ?? (clientCert === undefined ? undefined : read(clientCert, 'client certificate'));
  const key = clientKeyText ?? (clientKey === undefined ? undefined : read(clientKey, 'client key'));
  return { ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) };
}

function trustedHere(): string[] {
  return [...getCACertificates('default'), ...getCACertificates('system')];
}

function namedCa(settings: TlsSettings): string[] {
  if (settings.caCertText !== undefined) return [settings.caCertText];
  if (settings.caCert !== undefined) return [read(settings.caCert, 'CA certificate')];
  const folder = settings.caPath ?? '';
  const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => !entry.isDirectory());
  const certificates = files
    .map((entry) => read(join(folder, entry.name), 'CA certificate'))
    .filter((text) => text.includes('-----BEGIN CERTIFICATE-----'));
  if (certificates.length === 0) throw local(`${folder}: no PEM certificate in this folder`);
  return certificates;
}

function read(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw local(`cannot read the ${what} ${path}: ${error instanceof Error ? error.message : 'unknown error'}`, error);
  }
}

function local(message: string, cause?: unknown): ConnectionError {
  return new ConnectionError(message, { code: 'LOCAL_FILE', transient: false, sent: false }, { cause });
}
