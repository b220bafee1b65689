import { isIP } from 'node:net';
import { Mismatch } from './schema.ts';

/** A host and a port. An empty host stands for every address of this machine. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:8200`, `[::1]:8200`, `:8200`. Throws Mismatch. */
export function parseAddress(text: string): Address {
  if (text.includes('{{')) throw new Mismatch('an address without a template');
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^[\]:\s/]*)):([0-9]{1,5})$/.exec(text);
  const [, bracketed, plain] = match ?? [];
  const port = Number(match?.[3]);
  if (match === null || port > 65_535 || (bracketed !== undefined && isIP(bracketed) !== 6)) {
    throw new Mismatch('a host and a port, such as "127.0.0.1:8200" or "[::]:8200"');
  }
  return { host: bracketed ?? plain ?? '', port };
}

export function formatAddress({ host, port }: Address): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

/** An http, https or unix URL without credentials; a trailing slash is cut off. Throws Mismatch. */
export function parseUrl(text: string): string {
  if (/^unix:\/\/\/[^\0]/.test(text)) return text;
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.hostname === '' || url.username !== '') {
    throw new Mismatch('a URL, such as "https://lockstep.example:8200"');
  }
  return text.endsWith('/') ? text.slice(0, -1) : text;
}

/** What a client calls: a URL, or `unix:///path` of a socket. Throws Mismatch. */
export function parseEndpoint(text: string): string {
  return /^unix:\/\/\/./.test(text) ? text : parseUrl(text);
}

/** One address or network in CIDR form, as it was given. Throws Mismatch. */
export function parseNetwork(text: string): string {
  const [address = '', bits, ...rest] = text.split('/');
  const most = isIP(address) === 4 ? 32 : 128;
  const valid = bits === undefined || (/^[0-9]{1,3}$/.test(bits) && Number(bits) <= most);
  if (isIP(address) === 0 || !valid || rest.length > 0) {
    throw new Mismatch('a list of addresses and networks, such as "10.0.0.0/8"');
  }
  return text;
}
