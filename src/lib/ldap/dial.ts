/** To a directory: over TCP, then TLS at once (ldaps) or by StartTLS (RFC 4511 section 4.14). */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { ConnectionOptions, SecureVersion } from 'node:tls';
import { authorities } from '../outgoing/authorities.ts';
import { hostOf, serverNameOf } from '../server-name.ts';
import { LdapConnection } from './connection.ts';
import { codeName, DirectoryUnavailable } from './unavailable.ts';

export interface TlsSettings {
  /** PEM: these authorities alone; undefined: those of Node and of this machine. */
  readonly ca: string | undefined;
  /** PEM, of the client; undefined: none. */
  readonly client: { readonly certificate: string; readonly key: string } | undefined;
  readonly minVersion: SecureVersion;
  readonly maxVersion: SecureVersion;
  /** Whether the server's certificate is looked at. */
  readonly verify: boolean;
}

export interface Target {
  readonly url: URL;
  readonly startTls: boolean;
  readonly tls: TlsSettings;
}

const START_TLS = '1.3.6.1.4.1.1466.20037';
const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'ldap:': 389, 'ldaps:': 636 };

function tlsOptions(host: string, { ca, client, verify, minVersion, maxVersion }: TlsSettings): ConnectionOptions {
  return {
    ...{ host, ca: ca ?? authorities(), minVersion, maxVersion, rejectUnauthorized: verify },
    servername: serverNameOf(host),
    ...(client === undefined ? {} : { cert: client.certificate, key: client.key }),
  };
}

async function secured(socket: Socket, target: Target, signal: AbortSignal): Promise<Socket> {
  const tls = process.getBuiltinModule('node:tls');
  const secure = tls.connect({ ...tlsOptions(hostOf(target.url), target.tls), socket });
  const stop = (): void => {
    secure.destroy();
    socket.destroy();
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    await once(secure, 'secureConnect', { signal });
    return secure;
  } catch (error) {
    stop();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** What came in the clear is read by a connection of its own, so that none of it is part of what TLS brings. */
async function startTls(socket: Socket, signal: AbortSignal): Promise<void> {
  const plain = new LdapConnection(socket);
  const code = await plain.extended(START_TLS, signal);
  if (code !== 0) throw new DirectoryUnavailable(`it refuses StartTLS: ${codeName(code)}`);
  plain.detach();
}

/** Nothing is asked yet. Rejects with what went wrong on the way, or the signal's reason. */
export async function dial(target: Target, signal: AbortSignal): Promise<LdapConnection> {
  signal.throwIfAborted();
  const { url } = target;
  const port = url.port === '' ? (DEFAULT_PORTS[url.protocol] ?? 389) : Number(url.port);
  const socket = connect({ host: hostOf(url), port, noDelay: true });
  // Between those who read it, nobody else would take its errors; what they mean shows when it is read next.
  socket.on('error', () => undefined);
  try {
    await once(socket, 'connect', { signal });
    if (url.protocol === 'ldaps:') return new LdapConnection(await secured(socket, target, signal));
    if (!target.startTls) return new LdapConnection(socket);
    await startTls(socket, signal);
    return new LdapConnection(await secured(socket, target, signal));
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
