/** Options that every audit device takes, as `sys/audit` and the configuration give them: text to text. */
import { fail } from '../../errors.ts';
import { didYouMean } from '../../lib/suggest.ts';
import { parseExclusions, type Exclusions } from './filter/exclusions.ts';
import { parseFilter, type Filter } from './filter/filter.ts';

export type RawOptions = Readonly<Record<string, string>>;

export interface FormatOptions {
  /** Nothing is hashed: the log then holds secrets. */
  readonly raw: boolean;
  readonly hmacAccessor: boolean;
  /** The `keys` and `key_info` of LIST and SCAN are counted instead of written. */
  readonly elideListResponses: boolean;
  /** Stands before each line. */
  readonly prefix: string;
  /** Enable the device without writing a first entry to it. */
  readonly skipTest: boolean;
  /** Only entries that match are recorded; undefined: all. */
  readonly filter?: Filter | undefined;
  /** Only entries that no other device records. */
  readonly fallback: boolean;
  /** Fields that are left out. */
  readonly exclude?: Exclusions | undefined;
  /** Bytes of the longest line that the device can take; undefined: any. */
  readonly mostBytes?: number | undefined;
}

const known = [
  ...['format', 'log_raw', 'hmac_accessor', 'elide_list_responses', 'prefix', 'skip_test'],
  ...['filter', 'fallback', 'exclude'],
] as const;

/** What an operator allows in the server's own configuration (OpenBao: `allow_audit_log_prefixing`). */
export interface FormatPermissions {
  readonly prefixing: boolean;
}

/** What a device may do: one made through the API what the configuration allows, a declared one anything. */
export interface DevicePermissions extends FormatPermissions {
  /** Files and directories (with all below them) that it may write. */
  readonly paths: 'any' | readonly string[];
  /** Addresses that it may send to. */
  readonly addresses: 'any' | readonly string[];
  /**
   * What `env://` in its options stands for. undefined: its options may name neither variables nor files of this machine,
   * since their text would be sent.
   */
  readonly variables: Readonly<Record<string, string>> | undefined;
}

/** `others`: names that the device itself reads. Throws `badRequest` that names the option. */
export function parseFormatOptions(
  options: RawOptions,
  others: readonly string[],
  permissions: FormatPermissions,
): FormatOptions {
  const all = [...known, ...others];
  for (const name of Object.keys(options)) {
    if (!all.includes(name)) throw fail('badRequest', `unknown audit option \`${name}\`${didYouMean(name, all)}`);
  }
  if ((options['format'] ?? 'json') !== 'json') throw fail('badRequest', 'audit option `format`: only "json" is known');
  const prefix = options['prefix'] ?? '';
  // A line that begins with text of one's own choice can be made a script (CVE-2025-6000).
  if (prefix !== '' && !permissions.prefixing) {
    throw fail('badRequest', 'audit option `prefix` needs `allow_audit_log_prefixing = true` in the configuration');
  }
  if (/[\r\n]/.test(prefix)) throw fail('badRequest', 'audit option `prefix` must stand on one line');
  return {
    raw: parseBoolean(options, 'log_raw', false),
    hmacAccessor: parseBoolean(options, 'hmac_accessor', true),
    elideListResponses: parseBoolean(options, 'elide_list_responses', false),
    prefix,
    skipTest: parseBoolean(options, 'skip_test', false),
    exclude: parseExclusions(options['exclude'] ?? ''),
    ...parseSelection(options),
  };
}

function parseSelection(options: RawOptions): Pick<FormatOptions, 'filter' | 'fallback'> {
  const filter = options['filter'] ?? '';
  const fallback = parseBoolean(options, 'fallback', false);
  if (filter === '') return { fallback };
  if (fallback) throw fail('badRequest', 'audit options `filter` and `fallback`: give one of them to a device');
  return { filter: parseFilter(filter), fallback };
}

export function parseBoolean(options: RawOptions, name: string, fallback: boolean): boolean {
  const text = options[name]?.toLowerCase();
  if (text === undefined || text === '') return fallback;
  if (text === 'true' || text === '1' || text === 't') return true;
  if (text === 'false' || text === '0' || text === 'f') return false;
  throw fail('badRequest', `audit option \`${name}\` must be true or false`);
}
