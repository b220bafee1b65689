/** What a server is called that a connection is opened to. */
import { isIP } from 'node:net';
import { checkServerIdentity, type ConnectionOptions } from 'node:tls';

/** Of a URL: an IPv6 address stands in brackets there. */
export const hostOf = ({ hostname }: Pick<URL, 'hostname'>): string => hostname.replace(/^\[(.*)\]$/, '$1');

/**
 * The name that is sent in a TLS handshake, and that the certificate is checked for; empty for an address, which is no name (RFC 6066 section 3). Servers
 * do not know the dot that a full name may end with.
 */
export const serverNameOf = (host: string): string => (isIP(host) === 0 ? host.replace(/\.$/, '') : '');

/**
 * Options of TLS to a server whose certificate is checked for what an operator named, whatever the connection goes to. An address
 * is checked, too, but not sent: Node 26 refuses to (RFC 6066 section 3).
 */
export function checkedFor(name: string): Pick<ConnectionOptions, 'servername' | 'checkServerIdentity'> {
  if (isIP(name) === 0) return { servername: serverNameOf(name) };
  return { servername: '', checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate) };
}
