/** Options that every audit device takes, as `sys/audit` and the configuration give them: text to text. */
import { fail } from '../../errors.ts';
import { didYouMean } from '../../lib/suggest.ts';

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
}

const known = ['format', 'log_raw', 'hmac_accessor', 'elide_list_responses', 'prefix', 'skip_test'] as const;

/** What an operator allows in the server's own configuration (OpenBao: `allow_audit_log_prefixing`). */
export interface FormatPermissions {
  readonly prefixing: boolean;
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
  };
}

export function parseBoolean(options: RawOptions, name: string, fallback: boolean): boolean {
  const text = options[name]?.toLowerCase();
  if (text === undefined || text === '') return fallback;
  if (text === 'true' || text === '1' || text === 't') return true;
  if (text === 'false' || text === '0' || text === 'f') return false;
  throw fail('badRequest', `audit option \`${name}\` must be true or false`);
}
