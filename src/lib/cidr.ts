/** Sets of addresses given as CIDR blocks (RFC 4632) or single addresses. */
import { BlockList, isIP } from 'node:net';
import { fail } from '../errors.ts';

function family(address: string): 'ipv4' | 'ipv6' | undefined {
  const version = isIP(address);
  return version === 0 ? undefined : version === 4 ? 'ipv4' : 'ipv6';
}

/** Throws `badRequest` saying which block is not one, not what it is: it may be anything. */
export function parseCidrs(blocks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const [at, block] of blocks.entries()) {
    const [address = '', bits, ...more] = block.split('/');
    const kind = family(address);
    const width = kind === 'ipv4' ? 32 : 128;
    const prefix = bits === undefined ? width : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
    if (kind === undefined || more.length > 0 || prefix < 0 || prefix > width) {
      throw fail('badRequest', `address block ${String(at + 1)} is not a CIDR block such as 10.0.0.0/8`);
    }
    list.addSubnet(address, prefix, kind);
  }
  return list;
}

const normal = (address: string): string =>
  address.startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address;

const bitsOf = (block: string): number => {
  const [address = '', bits] = block.split('/');
  return Number(bits ?? (family(address) === 'ipv4' ? 32 : 128));
};

/** As Vault keeps and shows the blocks of tokens: one address without the width that says so. */
export function withoutFullWidth(blocks: readonly string[]): readonly string[] {
  return blocks.map((block) => (/^[\d.]+\/32$|:.*\/128$/.test(block) ? (block.split('/')[0] ?? '') : block));
}

/** Whether `inner` lies in `outer` as a whole; both are blocks that `parseCidrs` takes. */
function within(inner: string, outer: string): boolean {
  const [a, b] = [inner, outer].map((block) => family(block.split('/')[0] ?? ''));
  return a === b && bitsOf(inner) >= bitsOf(outer) && inCidrs([outer], inner.split('/')[0] ?? '');
}

/** Whether some of `blocks` lets in what `limits` do not. No limits let all in. */
export function outside(blocks: readonly string[], limits: readonly string[]): boolean {
  return limits.length > 0 && !blocks.every((block) => limits.some((limit) => within(block, limit)));
}

/** The addresses that are in both; either one empty is the other. Blocks are nested or apart, so these are blocks too. */
export function intersection(one: readonly string[], other: readonly string[]): readonly string[] {
  if (one.length === 0 || other.length === 0) return one.length === 0 ? other : one;
  const inner = (blocks: readonly string[], limits: readonly string[]): readonly string[] =>
    blocks.filter((block) => limits.some((limit) => within(block, limit)));
  return [...new Set([...inner(one, other), ...inner(other, one)])];
}

/** Whether `address` lies in one of the blocks. An IPv4 address mapped into IPv6 counts as the IPv4 one. No blocks: no. */
export function inCidrs(blocks: readonly string[], address: string): boolean {
  const plain = normal(address);
  const kind = family(plain);
  return kind !== undefined && parseCidrs(blocks).check(plain, kind);
}

/**
 * By what clients are told apart where each is to have its own share: an IPv4 address, or the 64 bits of an IPv6 network, in
 * which one machine can have any address (RFC 4291, section 2.5.1).
 */
export function clientNetwork(address: string): string {
  const plain = normal(address);
  if (family(plain) !== 'ipv6') return plain;
  const [before = '', after = ''] = plain.split('::').map((part) => part.replace(/%.*$/, ''));
  const [first, last] = [before, after].map((part) => part.split(':').filter((group) => group !== ''));
  const tail = (last ?? []).reduce((count, group) => count + (group.includes('.') ? 2 : 1), 0);
  const zeros = Array<string>(plain.includes('::') ? Math.max(0, 8 - (first?.length ?? 0) - tail) : 0).fill('0');
  const groups = [...(first ?? []), ...zeros, ...(last ?? [])].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}
