/** Syslog messages (RFC 3164) as Go's `log/syslog` writes them, which is what Vault sends. */
import { hostname } from 'node:os';

/** By their numbers; go-syslog's names. 12 to 15 have none there. */
export const facilities: readonly string[] = [
  ...['KERN', 'USER', 'MAIL', 'DAEMON', 'AUTH', 'SYSLOG', 'LPR', 'NEWS', 'UUCP', 'CRON', 'AUTHPRIV', 'FTP'],
  ...['', '', '', ''].map((_, at) => `(${String(at)})`),
  ...['LOCAL0', 'LOCAL1', 'LOCAL2', 'LOCAL3', 'LOCAL4', 'LOCAL5', 'LOCAL6', 'LOCAL7'],
];

const INFO = 6;
/** More than a header ever has: priority, time, a host's name, tag and process. */
export const HEADER_BYTES = 512;

export interface SyslogHeader {
  readonly facility: number;
  readonly tag: string;
  /** Over a network the message has the host's name, and its time is RFC 3339's. */
  readonly remote: boolean;
}

/** Gives the message of a line; its time is now, which is when it is recorded. */
export function syslogMessage(
  { facility, tag, remote }: SyslogHeader,
  now: () => Date = () => new Date(),
): (line: string) => string {
  const priority = `<${String(facility * 8 + INFO)}>`;
  const source = `${tag}[${String(process.pid)}]: `;
  const host = hostname()
    .slice(0, 255)
    .replaceAll(/[^\w.-]/g, '_');
  return (line) =>
    remote
      ? `${priority}${networkTime(now())} ${host} ${source}${line}`
      : `${priority}${localTime(now())} ${source}${line}`;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (value: number): string => String(value).padStart(2, '0');

/** `Jan  2 15:04:05`, in the zone of the machine. */
function localTime(at: Date): string {
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `${months[at.getMonth()] ?? ''} ${String(at.getDate()).padStart(2, ' ')} ${clock}`;
}

/** `2006-01-02T15:04:05Z`. */
function networkTime(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`;
}
