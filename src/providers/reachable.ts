/**
 * Which addresses a store may name. What is answered there is read by whoever may write a store, so a SecretStore reaches neither
 * the controller's own machine nor the addresses where clouds hand out credentials; who may write a ClusterSecretStore may more.
 */
import { lookup as resolve, type LookupAddress, type LookupOptions } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import type { Reach } from '../client/settings.ts';
import { hostOf } from '../lib/server-name.ts';
import { ProviderProblem, type Credentials } from './contract.ts';

/** An IPv4 subnet, and the same by way of NAT64 (RFC 6052), which is IPv6. */
const LOCAL = [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['::', 127],
  ['64:ff9b::', 104],
  ['64:ff9b::7f00:0', 104],
] as const;
const LINK_LOCAL = [
  ['169.254.0.0', 16],
  // Alibaba's metadata.
  ['100.100.100.200', 32],
  // Azure's agent of virtual machines.
  ['168.63.129.16', 32],
  ['fe80::', 10],
  // AWS's metadata, and credentials of pods.
  ['fd00:ec2::', 32],
  // Google's, and Scaleway's.
  ['fd20:ce::254', 128],
  ['fd00:42::42', 128],
  ['64:ff9b::a9fe:0', 112],
  ['64:ff9b::6464:64c8', 128],
  ['64:ff9b::a83f:8110', 128],
] as const;

type Subnet = readonly [address: string, bits: number];

const typeOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

function listOf(...subnets: readonly Subnet[]): BlockList {
  const list = new BlockList();
  for (const [address, bits] of subnets) list.addSubnet(address, bits, typeOf(address));
  return list;
}

const closed = listOf(...LOCAL, ...LINK_LOCAL);
const closedBeside = listOf(...LINK_LOCAL);

/** IPv4 in the guise of IPv6 (`::ffff:127.0.0.1`) counts as itself: `BlockList` sees to that. */
const isIn = (list: BlockList, address: string): boolean => list.check(address, typeOf(address));

const refused = (host: string): ProviderProblem =>
  new ProviderProblem('invalid', `"${host}" is no address that a SecretStore may ask: name it in a ClusterSecretStore`);

type Done = (error: Error | null, address: string | LookupAddress[], family?: number) => void;

const lookupBut =
  (list: BlockList) =>
  (host: string, options: LookupOptions, done: Done): void => {
    resolve(host, { ...options, all: true }, (error, found) => {
      const open = error === null ? found.filter(({ address }) => !isIn(list, address)) : [];
      const [first] = open;
      if (error !== null) done(error, []);
      else if (first === undefined) done(refused(host), []);
      else if (options.all === true) done(null, open);
      else done(null, first.address, first.family);
    });
  };

const checkBut =
  (list: BlockList) =>
  (hostname: string): void => {
    const address = hostOf({ hostname });
    if (isIP(address) !== 0 && isIn(list, address)) throw refused(hostname);
  };

/** As `dns.lookup` for a socket, which then connects to an address that was looked at, and to no other. Fails with `ProviderProblem`. */
export const openLookup = lookupBut(closed);

/** Of a host that is an address already, which is never looked up. Throws `ProviderProblem`. */
export const mustBeOpen: (hostname: string) => void = checkBut(closed);

const OPEN: Reach = { check: mustBeOpen, lookup: openLookup };
const BESIDE: Reach = { check: checkBut(closedBeside), lookup: lookupBut(closedBeside) };

/** Of a server of the Vault API; undefined: anywhere. */
export function reachOf({ store, localServers }: Pick<Credentials, 'store' | 'localServers'>): Reach | undefined {
  if (store.kind === 'ClusterSecretStore') return undefined;
  return localServers ? BESIDE : OPEN;
}
