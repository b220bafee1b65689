/** The kinds of audit devices, by their names in `sys/audit` and in the configuration. */
import { fail } from '../../../errors.ts';
import { openFileDevice } from './file/device.ts';
import { parseFileOptions } from './file/options.ts';
import type { ParseDevice } from './kind.ts';

const parseFile: ParseDevice = (options, permissions) => {
  const parsed = parseFileOptions(options, permissions);
  return { format: parsed.format, open: (context) => openFileDevice(parsed, context) };
};

/** What sends somewhere is loaded once it is asked for: a start without it does not pay for it. */
const kinds: Readonly<Record<string, () => Promise<ParseDevice>>> = {
  file: () => Promise.resolve(parseFile),
  http: async () => (await import('./http/options.ts')).parseHttp,
  socket: async () => (await import('./socket/options.ts')).parseSocket,
  syslog: async () => (await import('./syslog/options.ts')).parseSyslog,
};

/** Throws `badRequest` for a type that is none, in Vault's words. */
export async function kindOf(type: string): Promise<ParseDevice> {
  const found = Object.hasOwn(kinds, type) ? kinds[type] : undefined;
  if (found !== undefined) return found();
  throw fail('badRequest', `unknown backend type: "${type}" (there are: ${Object.keys(kinds).join(', ')})`);
}
