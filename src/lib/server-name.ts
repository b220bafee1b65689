/** What a server is called that a connection is opened to. */
import { isIP } from 'node:net';

/** Of a URL: an IPv6 address stands in brackets there. */
export const hostOf = ({ hostname }: Pick<URL, 'hostname'>): string => hostname.replace(/^\[(.*)\]$/, '$1');

/**
 * The name that is sent in a TLS handshake, and that the certificate is checked for; empty for an address, which is no name (RFC 6066 section 3). Servers
 * do not know the dot that a full name may end with.
 */
export const serverNameOf = (host: string): string => (isIP(host) === 0 ? host.replace(/\.$/, '') : '');
