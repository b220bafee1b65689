import { BlockList, isIP } from 'node:net';
import { fail } from '../errors.ts';
import type { ForwardedForSettings } from './listener.ts';

/** Vault's rules for `X-Forwarded-For`: it counts when it comes from a listed proxy, and from nobody else. */
export class ForwardedFor {
  readonly #authorized = new BlockList();
  readonly #hopSkips: number;
  readonly #rejectNotPresent: boolean;
  readonly #rejectNotAuthorized: boolean;

  constructor(settings: ForwardedForSettings) {
    this.#hopSkips = settings.hopSkips ?? 0;
    this.#rejectNotPresent = settings.rejectNotPresent ?? true;
    this.#rejectNotAuthorized = settings.rejectNotAuthorized ?? true;
    for (const block of settings.authorized) addBlock(this.#authorized, block);
  }

  /** The address that `remote` speaks for, or `remote` itself. Throws `badRequest` where the settings refuse. */
  clientOf(remote: string, header: string | undefined): string {
    if (header === undefined) {
      if (!this.#rejectNotPresent) return remote;
      throw fail('badRequest', 'missing x-forwarded-for header and configured to reject when not present');
    }
    if (!this.#authorized.check(remote, isIP(remote) === 6 ? 'ipv6' : 'ipv4')) {
      if (!this.#rejectNotAuthorized) return remote;
      throw fail('badRequest', 'client address not authorized for x-forwarded-for and configured to reject connection');
    }
    const chain = header.split(',');
    const client = chain[chain.length - 1 - this.#hopSkips]?.trim();
    if (client === undefined) {
      throw fail('badRequest', 'x-forwarded-for has fewer entries than the configured hops to skip');
    }
    if (isIP(client) === 0) throw fail('badRequest', 'x-forwarded-for does not hold an IP address');
    return client;
  }
}

function addBlock(list: BlockList, block: string): void {
  const [address = '', bits, ...rest] = block.trim().split('/');
  const family = isIP(address);
  const width = family === 6 ? 128 : 32;
  const prefix = bits === undefined ? width : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
  if (family === 0 || rest.length > 0 || !(prefix <= width)) {
    throw fail(
      'invalidConfig',
      `x_forwarded_for_authorized_addrs: "${block}" is neither an IP address nor a CIDR block`,
    );
  }
  list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
}
