/** The `socket` device: TCP, UDP or a Unix socket; each entry is a line, or a datagram. */
import { fail } from '../../../../errors.ts';
import { checkAllowed, parseHostPort, parseSocketPath, parseTimeout } from '../addresses.ts';
import { parseFormatOptions, type RawOptions } from '../../options.ts';
import { openRemoteDevice } from '../../spool/device.ts';
import { UDP_BYTES, udpSink, UNIX_BYTES, unixDatagramSink } from '../../spool/datagram-sink.ts';
import type { OpenSink } from '../../spool/remote-sink.ts';
import { StreamSink } from '../../spool/stream-sink.ts';
import type { ParseDevice } from '../kind.ts';

export const socketOptionNames = ['address', 'socket_type', 'write_timeout'] as const;

export interface Endpoint {
  readonly open: OpenSink;
  /** As `allow_audit_addresses` has it. */
  readonly address: string;
  /** Of one entry; undefined for any. */
  readonly mostBytes: number | undefined;
}

export const parseSocket: ParseDevice = (options, permissions) => {
  const format = parseFormatOptions(options, socketOptionNames, permissions);
  const { open, address, mostBytes } = endpointOf(options);
  checkAllowed(address, permissions);
  return {
    format: { ...format, mostBytes },
    open: ({ warn, shared, spool }) =>
      openRemoteDevice({ type: 'socket', frame: (line) => line, open }, { ...spool, warn, shared }),
  };
};

function endpointOf(options: RawOptions): Endpoint {
  const address = options['address'] ?? '';
  if (address === '') throw fail('badRequest', 'audit option `address` is missing');
  return endpoint(options['socket_type'] ?? 'tcp', address, parseTimeout(options, '2s'));
}

/** `type`: as Go's `net.Dial` names networks. Throws `badRequest`. */
export function endpoint(type: string, written: string, timeout: number): Endpoint {
  if (type === 'unix' || type === 'unixgram') {
    const path = parseSocketPath(written, 'address');
    if (type === 'unixgram') return { open: () => unixDatagramSink(path), address: path, mostBytes: UNIX_BYTES };
    const target = { to: { path }, name: path, timeout };
    return { open: (lost) => new StreamSink(target, lost), address: path, mostBytes: undefined };
  }
  const network = /^(tcp|udp)([46]?)$/.exec(type);
  if (network === null) {
    throw fail('badRequest', 'audit option `socket_type` must be "tcp", "udp", "unix" or "unixgram"');
  }
  const [, kind, version] = network;
  const { host, port } = parseHostPort(written, 'address');
  if (kind === 'udp') {
    const six = version === '6' || (version === '' && host.includes(':'));
    const target = { type: six ? 'udp6' : 'udp4', host, port, name: written } as const;
    return { open: (lost) => udpSink(target, lost), address: written, mostBytes: UDP_BYTES };
  }
  const family = version === '' ? {} : { family: Number(version) };
  const target = { to: { host, port, ...family }, name: written, timeout };
  return { open: (lost) => new StreamSink(target, lost), address: written, mostBytes: undefined };
}
