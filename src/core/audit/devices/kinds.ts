/** The kinds of audit devices, by their names in `sys/audit` and in the configuration. */
import { fail } from '../../../errors.ts';
import { openFileDevice } from './file/device.ts';
import { parseFileOptions } from './file/options.ts';
import { parseHttp } from './http/options.ts';
import type { ParseDevice } from './kind.ts';
import { parseSocket } from './socket/options.ts';
import { parseSyslog } from './syslog/options.ts';

const parseFile: ParseDevice = (options, permissions) => {
  const parsed = parseFileOptions(options, permissions);
  return { format: parsed.format, open: (context) => openFileDevice(parsed, context) };
};

const kinds: Readonly<Record<string, ParseDevice>> = {
  file: parseFile,
  http: parseHttp,
  socket: parseSocket,
  syslog: parseSyslog,
};

/** Throws `badRequest` for a type that is none, in Vault's words. */
export function kindOf(type: string): ParseDevice {
  const found = Object.hasOwn(kinds, type) ? kinds[type] : undefined;
  if (found !== undefined) return found;
  throw fail('badRequest', `unknown backend type: "${type}" (there are: ${Object.keys(kinds).join(', ')})`);
}
