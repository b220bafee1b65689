/**
 * Which addresses a store may name. What is answered there is read by whoever may write a store, so a SecretStore reaches neither
 * the controller's own machine nor the addresses where clouds hand out credentials; who may write a ClusterSecretStore may more.
 */
import { lookup as resolve, type LookupAddress, type LookupOptions } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import { ProviderProblem } from './contract.ts';

const closed = new BlockList();
for (const [address, bits] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  // Alibaba's metadata.
  ['100.100.100.200', 32],
  // Azure's agent of virtual machines.
  ['168.63.129.16', 32],
] as const) {
  closed.addSubnet(address, bits, 'ipv4');
}
for (const [address, bits] of [
  ['::', 127],
  ['fe80::', 10],
  // AWS's metadata, and credentials of pods.
  ['fd00:ec2::', 32],
  // Google's, and Scaleway's.
  ['fd20:ce::254', 128],
  ['fd00:42::42', 128],
  // IPv4 by way of NAT64 (RFC 6052): its own form, of which all is closed that is closed above.
  ['64:ff9b::', 104],
  ['64:ff9b::7f00:0', 104],
  ['64:ff9b::a9fe:0', 112],
  ['64:ff9b::6464:64c8', 128],
  ['64:ff9b::a83f:8110', 128],
] as const) {
  closed.addSubnet(address, bits, 'ipv6');
}

/** IPv4 in the guise of IPv6 (`::ffff:127.0.0.1`) counts as itself: `BlockList` sees to that. */
const isClosed = (address: string): boolean => closed.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');

const refused = (host: string): ProviderProblem =>
  new ProviderProblem('invalid', `"${host}" is no address that a SecretStore may ask: name it in a ClusterSecretStore`);

type Done = (error: Error | null, address: string | LookupAddress[], family?: number) => void;

/** As `dns.lookup` for a socket, which then connects to an address that was looked at, and to no other. Fails with `ProviderProblem`. */
export function openLookup(host: string, options: LookupOptions, done: Done): void {
  resolve(host, { ...options, all: true }, (error, found) => {
    const open = error === null ? found.filter(({ address }) => !isClosed(address)) : [];
    const [first] = open;
    if (error !== null) done(error, []);
    else if (first === undefined) done(refused(host), []);
    else if (options.all === true) done(null, open);
    else done(null, first.address, first.family);
  });
}

/** Of a host that is an address already, which is never looked up. Throws `ProviderProblem`. */
export function mustBeOpen(hostname: string): void {
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(address) !== 0 && isClosed(address)) throw refused(hostname);
}
