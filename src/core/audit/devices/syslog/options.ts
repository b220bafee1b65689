/** The `syslog` device: the system's own log, or one elsewhere. Messages are those of Go's `log/syslog`, as Vault's are. */
import { fail } from '../../../../errors.ts';
import { checkAllowed, parseTimeout } from '../addresses.ts';
import { endpoint, type Endpoint } from '../socket/options.ts';
import { parseFormatOptions, type RawOptions } from '../../options.ts';
import { openRemoteDevice } from '../../spool/device.ts';
import type { ParseDevice } from '../kind.ts';
import { facilities, HEADER_BYTES, syslogMessage } from './message.ts';

export const syslogOptionNames = ['facility', 'tag', 'address', 'write_timeout'] as const;

const LOCAL = '/dev/log';

export const parseSyslog: ParseDevice = (options, permissions) => {
  const format = parseFormatOptions(options, syslogOptionNames, permissions);
  const facility = parseFacility(options['facility'] ?? 'AUTH');
  const tag = parseTag(options['tag'] ?? 'vault');
  const { remote, open, address, mostBytes } = placeOf(options);
  checkAllowed(address, permissions);
  const frame = syslogMessage({ facility, tag, remote });
  return {
    format: { ...format, mostBytes: mostBytes === undefined ? undefined : mostBytes - HEADER_BYTES },
    open: ({ warn, shared, spool }) => openRemoteDevice({ type: 'syslog', frame, open }, { ...spool, warn, shared }),
  };
};

interface Place extends Endpoint {
  /** Over a network: messages then name the host. */
  readonly remote: boolean;
}

/** Vault knows the local one alone. Here `address` can be a socket's path, or `udp://`, `tcp://` and HOST:PORT. */
function placeOf(options: RawOptions): Place {
  const written = options['address'] ?? '';
  const timeout = parseTimeout(options, '2s');
  if (written === '' || written.startsWith('/')) {
    return { remote: false, ...endpoint('unixgram', written === '' ? LOCAL : written, timeout) };
  }
  const [, type, at = ''] = /^(tcp|udp):\/\/(.+)$/.exec(written) ?? [];
  if (type === undefined) {
    throw fail('badRequest', 'audit option `address` must be a path, or udp://HOST:PORT, or tcp://HOST:PORT');
  }
  return { remote: true, ...endpoint(type, at, timeout), address: written };
}

function parseFacility(written: string): number {
  const found = facilities.indexOf(written.toUpperCase());
  if (found < 0) throw fail('badRequest', 'audit option `facility` must be one of syslog, such as AUTH or LOCAL7');
  return found;
}

/** Whoever chose a tag could begin a message of another facility with it. */
function parseTag(written: string): string {
  if (!/^[\w./-]{1,48}$/.test(written)) {
    throw fail('badRequest', 'audit option `tag` has 1 to 48 letters, digits, `.`, `_`, `/` and `-`');
  }
  return written;
}
