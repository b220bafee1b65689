/** Options of the `file` device. */
import { isAbsolute, normalize, sep } from 'node:path';
import { fail } from '../../../../errors.ts';
import { isWithinOne } from '../../../../lib/within.ts';
import {
  parseBoolean,
  parseFormatOptions,
  type DevicePermissions,
  type FormatOptions,
  type RawOptions,
} from '../../options.ts';

export interface FileOptions {
  /** An absolute path, `stdout` or `discard`. */
  readonly path: string;
  /** Permission bits; undefined leaves an existing file's alone and makes a new one 0600 (written `"0000"`, as in Vault). */
  readonly mode: number | undefined;
  /** Each batch is flushed to the disk before its requests go on; otherwise once a second. */
  readonly sync: boolean;
  readonly format: FormatOptions;
}

export const fileOptionNames = ['file_path', 'path', 'mode', 'sync'] as const;

/** Throws `badRequest` that names the option, `permissionDenied` for a path outside of the allowed ones. */
export function parseFileOptions(options: RawOptions, permissions: DevicePermissions): FileOptions {
  const format = parseFormatOptions(options, fileOptionNames, permissions);
  return {
    path: parsePath(options['file_path'] ?? options['path'] ?? '', permissions.paths),
    mode: parseMode(options['mode'] ?? '0600'),
    sync: parseBoolean(options, 'sync', false),
    format,
  };
}

function parsePath(written: string, allowed: DevicePermissions['paths']): string {
  if (written === '') throw fail('badRequest', 'audit option `file_path` is missing');
  if (written === 'stdout' || written === 'discard') return written;
  if (!isAbsolute(written) || written.includes('\0') || written.length > 4_000) {
    throw fail('badRequest', 'audit option `file_path` must be an absolute path, "stdout" or "discard"');
  }
  const path = normalize(written);
  if (path.endsWith(sep)) throw fail('badRequest', 'audit option `file_path` must name a file, not a directory');
  if (allowed !== 'any' && !isWithinOne(path, allowed)) {
    throw fail(
      'permissionDenied',
      `audit devices may not write to ${path}: add it to \`allow_audit_paths\` in the configuration`,
    );
  }
  return path;
}

function parseMode(written: string): number | undefined {
  if (!/^0?[0-7]{3,4}$/.test(written)) throw fail('badRequest', 'audit option `mode` must be octal, such as "0600"');
  const mode = Number.parseInt(written, 8);
  // An executable log is a way to run what was sent (CVE-2025-6000); one that others write proves nothing.
  if ((mode & 0o7133) !== 0) {
    throw fail('badRequest', 'audit option `mode` may let others read, but neither write nor execute');
  }
  return mode === 0 ? undefined : mode;
}
