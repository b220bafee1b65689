/** Where a remote device sends to, and whether it may. */
import { isAbsolute, normalize } from 'node:path';
import { fail } from '../../../errors.ts';
import { durationMs } from '../../../lib/duration.ts';
import type { DevicePermissions, RawOptions } from '../options.ts';

export interface HostPort {
  /** `localhost` where none is given, as in Go. */
  readonly host: string;
  readonly port: number;
}

/** `host:port`, `[::1]:port`, `:port`. Throws `badRequest`. */
export function parseHostPort(written: string, option: string): HostPort {
  const [, six, host = six, port = ''] = /^(?:\[([0-9a-fA-F:.%]+)\]|([\w.-]*)):(\d{1,5})$/.exec(written) ?? [];
  const number = Number(port);
  if (host === undefined || number < 1 || number > 65_535) {
    throw fail('badRequest', `audit option \`${option}\` must be HOST:PORT`);
  }
  return { host: host === '' ? 'localhost' : host, port: number };
}

/** An absolute path of a socket. Throws `badRequest`. */
export function parseSocketPath(written: string, option: string): string {
  // sun_path of Linux, with its closing zero.
  if (!isAbsolute(written) || written.includes('\0') || Buffer.byteLength(written) > 107) {
    throw fail(
      'badRequest',
      `audit option \`${option}\` must be the absolute path of a Unix socket, of at most 107 bytes`,
    );
  }
  return normalize(written);
}

/** Throws `permissionDenied` unless the configuration allows the address. One that ends in a slash allows all below it. */
export function checkAllowed(address: string, { addresses }: DevicePermissions): void {
  if (addresses === 'any') return;
  if (addresses.some((each) => each === address || (each.endsWith('/') && address.startsWith(each)))) return;
  throw fail(
    'permissionDenied',
    `audit devices may not send to ${address}: add it to \`allow_audit_addresses\` in the configuration`,
  );
}

/** Milliseconds. */
export function parseTimeout(options: RawOptions, fallback: string): number {
  const ms = durationMs(options['write_timeout'] ?? fallback, 'audit option `write_timeout`');
  if (ms < 1 || ms > 3_600_000) throw fail('badRequest', 'audit option `write_timeout` must be 1ms to 1h');
  return ms;
}
